// What larger prompts cost: from so many tokens on all of the request is charged at other rates.

import { ActionIcon, Button, Fieldset, Group, NumberInput, Stack, Text } from "@mantine/core";
import { Plus, Trash2 } from "lucide-react";
import type { Tier } from "./draft";
import { Rates } from "./rates";

export function Tiers({ tiers, change }: { tiers: Tier[]; change: (tiers: Tier[]) => void }) {
  const set = (at: number, part: Partial<Tier>) => change(tiers.map((tier, index) => (index === at ? { ...tier, ...part } : tier)));
  return (
    <Stack gap="xs" role="group" aria-label="Larger prompts">
      <Group justify="space-between">
        <Text size="sm" fw={600}>Larger prompts</Text>
        <Button size="compact-xs" variant="subtle" leftSection={<Plus size={13} aria-hidden />} onClick={() => change([...tiers, { above: "", amounts: {} }])}>
          Add a tier
        </Button>
      </Group>
      {tiers.map((tier, at) => (
        <Fieldset key={at} legend={`Tier ${at + 1}`} p="sm">
          <Group gap="xs" align="flex-end" mb="xs">
            <NumberInput label={`Prompts of more tokens than, tier ${at + 1}`} style={{ flex: 1 }} min={1} hideControls thousandSeparator="," decimalScale={0} required value={tier.above} onChange={(above) => set(at, { above })} />
            <ActionIcon aria-label={`Remove tier ${at + 1}`} onClick={() => change(tiers.filter((_, index) => index !== at))}>
              <Trash2 size={15} aria-hidden />
            </ActionIcon>
          </Group>
          <Rates of={`, tier ${at + 1}`} amounts={tier.amounts} change={(amounts) => set(at, { amounts })} />
        </Fieldset>
      ))}
    </Stack>
  );
}
