// The windows of a key's limits: what is spent and reserved of each, and when it begins anew.

import { Stack, Text } from "@mantine/core";
import { relative } from "../format";
import { Meter } from "../parts/meter";
import type { SpentWindow } from "../types";
import { KINDS } from "./limitkinds";

export function Windows({ windows }: { windows: SpentWindow[] }) {
  if (windows.length === 0) return <Text size="sm" c="dimmed">No limits: this key may spend without end.</Text>;
  return (
    <Stack gap="sm">
      {windows.map((window) => <One key={`${window.kind} ${window.models}`} window={window} />)}
    </Stack>
  );
}

function One({ window: { kind, models, limit, spent, held, ends } }: { window: SpentWindow }) {
  const { label, tell } = KINDS[kind] ?? { label: kind, tell: String };
  const whole = Math.max(limit, 1);
  return (
    <Meter
      name={models === "*" ? label : `${label}, ${models}`}
      part={spent / whole}
      held={held / whole}
      figures={`${tell(spent)} of ${tell(limit)}`}
      text={[held > 0 && `${tell(held)} reserved`, ends > Date.now() && `begins anew ${relative(ends)}`].filter(Boolean).join(", ") || undefined}
    />
  );
}

/** The fullest window, in a few characters: for a row of a table. */
export function Fullest({ windows }: { windows: SpentWindow[] }) {
  const fullest = windows.toSorted((one, other) => other.spent / Math.max(other.limit, 1) - one.spent / Math.max(one.limit, 1))[0];
  if (fullest === undefined) return <Text inherit c="dimmed" component="span">no limits</Text>;
  const { label, tell } = KINDS[fullest.kind] ?? { label: fullest.kind, tell: String };
  return <Meter name={label} part={fullest.spent / Math.max(fullest.limit, 1)} figures={`${tell(fullest.spent)} of ${tell(fullest.limit)}`} />;
}
