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

/** What part of *limit* is gone; of one of nothing, all. */
const gone = (amount: number, limit: number) => (limit > 0 ? amount / limit : 1);

function One({ window: { kind, models, limit, spent, held, ends } }: { window: SpentWindow }) {
  const { label, tell } = KINDS[kind] ?? { label: kind, tell: String };
  return (
    <Meter
      name={models === "*" ? label : `${label}, ${models}`}
      part={gone(spent, limit)}
      held={held / Math.max(limit, 1)}
      figures={`${tell(spent)} of ${tell(limit)}`}
      text={[held > 0 && `${tell(held)} reserved`, ends > Date.now() && `begins anew ${relative(ends)}`].filter(Boolean).join(", ") || undefined}
    />
  );
}

/** The fullest window, in a few characters: for a row of a table. */
export function Fullest({ windows }: { windows: SpentWindow[] }) {
  // Of replies at one time nothing is ever spent: what runs is held.
  const parts = windows.map(({ spent, held, limit, ...rest }) => ({ ...rest, limit, used: spent + held, part: gone(spent + held, limit) }));
  const fullest = parts.toSorted((one, other) => other.part - one.part)[0];
  if (fullest === undefined) return <Text inherit c="dimmed" component="span">no limits</Text>;
  const { label, tell } = KINDS[fullest.kind] ?? { label: fullest.kind, tell: String };
  return <Meter name={label} part={fullest.part} figures={`${tell(fullest.used)} of ${tell(fullest.limit)}`} />;
}
