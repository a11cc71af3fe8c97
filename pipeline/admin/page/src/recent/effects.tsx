// What each stage did: its time on the way up and down, the events it saw and changed; and every edit of the prompt,
// with who made it, where and why.

import { Progress, Stack, Text } from "@mantine/core";
import { duration, exact } from "../format";
import { Empty } from "../parts/empty";
import { type Column, Sheet } from "../parts/sheet";
import { CHANGE } from "../requests/fidelity";
import type { Change, Effect } from "../types";

interface Edit extends Change {
  stage: string;
}

const spent = ({ up, down }: Effect) => up + (down ?? 0);

function columns(effects: Effect[]): Column<Effect>[] {
  const longest = Math.max(1, ...effects.map(spent));
  return [
    { head: "Stage", cell: ({ stage }) => stage },
    { head: "Share", cell: (effect) => <Progress value={(spent(effect) / longest) * 100} size="sm" miw={90} color="tide.5" aria-label={`${effect.stage}: ${duration(spent(effect))}`} />, from: "sm" },
    { head: "Up", cell: ({ up }) => duration(up), number: true },
    { head: "Down", cell: ({ events, down }) => (events ? duration(down) : "–"), number: true },
    { head: "Events", cell: ({ events }) => (events ? exact(events) : "–"), number: true, from: "xs" },
    { head: "Changed", cell: ({ events, changed }) => (events ? exact(changed) : "–"), number: true, from: "xs" },
    { head: "Edits", cell: ({ edits }) => (edits.length === 0 ? "–" : edits.length), number: true },
  ];
}

const EDIT: Column<Edit>[] = [{ head: "Stage", cell: ({ stage }) => stage }, ...CHANGE];

export function Effects({ effects }: { effects: Effect[] }) {
  if (effects.length === 0) return <Empty title="Nothing" text="No stage was reached, or there was too much to keep." />;
  const edits = effects.flatMap(({ stage, edits }) => edits.map((edit) => ({ ...edit, stage })));
  return (
    <Stack gap="sm">
      <Sheet label="Stages" rows={effects} id={({ stage }) => stage} columns={columns(effects)} />
      {effects.every(({ events }) => events === null) && (
        <Text size="xs" c="dimmed">
          The way down was not looked at: it is in one request of 16, and in every one that is captured.
        </Text>
      )}
      {edits.length > 0 && <Sheet label="Edits of the prompt" rows={edits} id={(_, at) => at} columns={EDIT} />}
    </Stack>
  );
}
