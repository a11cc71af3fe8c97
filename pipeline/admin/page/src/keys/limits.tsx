// The limits of a key, to edit: one row each, of a kind, for some models, of an amount.

import { ActionIcon, Button, Group, NumberInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { Plus, Trash2 } from "lucide-react";
import type { Limit, LimitKind } from "../types";
import { KINDS, NAMES } from "./limitkinds";

export function Limits({ limits, change }: { limits: Limit[]; change: (limits: Limit[]) => void }) {
  const set = (at: number, part: Partial<Limit>) => change(limits.map((limit, index) => (index === at ? { ...limit, ...part } : limit)));
  const next = NAMES.find((kind) => !limits.some((limit) => limit.kind === kind && limit.models === "*")) ?? "usd_5h";
  return (
    <Stack gap="xs" role="group" aria-label="Limits">
      <Group justify="space-between">
        <Text size="sm" fw={600}>Limits</Text>
        <Button size="compact-xs" variant="subtle" leftSection={<Plus size={13} aria-hidden />} onClick={() => change([...limits, { kind: next, models: "*", limit: KINDS[next].step * 10 }])}>
          Add a limit
        </Button>
      </Group>
      {limits.length === 0 && <Text size="xs" c="dimmed">None: this key may spend without end.</Text>}
      {limits.map((limit, at) => (
        <Group key={at} gap={6} align="flex-end">
          <Select
            aria-label={`Kind of limit ${at + 1}`}
            size="xs"
            style={{ flex: "2 1 7rem" }}
            allowDeselect={false}
            data={NAMES.map((kind) => ({ value: kind, label: KINDS[kind].label }))}
            value={limit.kind}
            onChange={(kind) => kind !== null && set(at, { kind: kind as LimitKind, limit: (limit.limit / KINDS[limit.kind].step) * KINDS[kind as LimitKind].step })}
          />
          <NumberInput
            aria-label={`Amount of limit ${at + 1}`}
            size="xs"
            style={{ flex: "1 1 5rem" }}
            min={0}
            hideControls
            prefix={KINDS[limit.kind].unit}
            thousandSeparator=","
            decimalScale={KINDS[limit.kind].step > 1 ? 6 : 0}
            value={limit.limit / KINDS[limit.kind].step}
            onChange={(amount) => set(at, { limit: Math.round(Number(amount) * KINDS[limit.kind].step) })}
          />
          <TextInput aria-label={`Models of limit ${at + 1}`} size="xs" style={{ flex: "1 1 4rem" }} value={limit.models} onChange={(event) => set(at, { models: event.currentTarget.value })} />
          <ActionIcon aria-label={`Remove limit ${at + 1}`} onClick={() => change(limits.filter((_, index) => index !== at))}>
            <Trash2 size={15} aria-hidden />
          </ActionIcon>
        </Group>
      ))}
    </Stack>
  );
}
