// Terms of service that make a request dearer or cheaper: a field of the prompt, its value, and the factor.

import { ActionIcon, Button, Group, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { Plus, Trash2 } from "lucide-react";
import type { Term } from "./draft";

export function Terms({ terms, change }: { terms: Term[]; change: (terms: Term[]) => void }) {
  const set = (at: number, part: Partial<Term>) => change(terms.map((term, index) => (index === at ? { ...term, ...part } : term)));
  return (
    <Stack gap="xs" role="group" aria-label="Terms of service">
      <Group justify="space-between">
        <Text size="sm" fw={600}>Terms of service</Text>
        <Button size="compact-xs" variant="subtle" leftSection={<Plus size={13} aria-hidden />} onClick={() => change([...terms, { field: "service_tier", value: "", times: "" }])}>
          Add a term
        </Button>
      </Group>
      {terms.map((term, at) => (
        <Group key={at} gap={6} align="flex-end" wrap="nowrap">
          <TextInput aria-label={`Field of term ${at + 1}`} size="xs" style={{ flex: 2 }} value={term.field} onChange={(event) => set(at, { field: event.currentTarget.value })} />
          <TextInput aria-label={`Value of term ${at + 1}`} placeholder="batch" size="xs" style={{ flex: 2 }} value={term.value} onChange={(event) => set(at, { value: event.currentTarget.value })} />
          <NumberInput aria-label={`Factor of term ${at + 1}`} placeholder="0.5" prefix="×" size="xs" style={{ flex: 1 }} min={0} decimalScale={4} hideControls value={term.times} onChange={(times) => set(at, { times })} />
          <ActionIcon aria-label={`Remove term ${at + 1}`} onClick={() => change(terms.filter((_, index) => index !== at))}>
            <Trash2 size={15} aria-hidden />
          </ActionIcon>
        </Group>
      ))}
    </Stack>
  );
}
