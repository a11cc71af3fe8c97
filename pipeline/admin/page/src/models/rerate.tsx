// Rating again: what requests of the past would have cost at the prices of now, first to look at, then to write.

import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../api";
import { counted, exact, money } from "../format";
import { useAct } from "../parts/act";
import { Confirm } from "../parts/confirm";
import { Trouble } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { Sheet } from "../parts/sheet";
import type { Rerated } from "../types";

const day = (ms: number) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
const DAY = 86_400_000;

export function Rerate() {
  const [from, setFrom] = useState(() => day(Date.now() - 30 * DAY));
  const [to, setTo] = useState(() => day(Date.now()));
  const [model, setModel] = useState("");
  const [seen, setSeen] = useState<Rerated | null>(null);
  const span = () => [new Date(`${from}T00:00`).getTime(), new Date(`${to}T00:00`).getTime() + DAY] as const;
  const ask = (apply: boolean) => api.rerate(...span(), apply, model.trim() || undefined);
  const look = useAct(() => ask(false), { then: setSeen, quiet: true });
  const write = useAct(() => ask(true), { done: "The records have the new cost", touches: ["usage", "overview", "requests", "audit"], then: () => setSeen(null) });
  const change = (set: (value: string) => void) => (event: { currentTarget: { value: string } }) => {
    setSeen(null);
    set(event.currentTarget.value);
  };
  return (
    <Panel title="Rate again" text="After a price was added or corrected: what past requests cost at the prices of now. Nothing is written before you have seen it.">
      <Stack gap="md">
        <Group align="flex-end" gap="sm">
          <TextInput type="date" label="From" value={from} onChange={change(setFrom)} />
          <TextInput type="date" label="To, with that day" value={to} onChange={change(setTo)} />
          <TextInput label="Model" placeholder="all" value={model} onChange={change(setModel)} />
          <Button variant="default" loading={look.isPending} disabled={from === "" || to === ""} onClick={() => look.mutate(undefined)}>
            Show what would change
          </Button>
        </Group>
        {look.error !== null && <Trouble error={look.error} />}
        {seen !== null && (
          <>
            <Text size="sm">
              {counted(seen.requests, "request")}: {money(seen.before)} as booked, {money(seen.after)} at the prices of now.
            </Text>
            <Sheet
              label="What would change"
              rows={seen.rows}
              id={(row) => row.model}
              columns={[
                { head: "Model", cell: (row) => <span className="page-mono">{row.model}</span> },
                { head: "Requests", cell: (row) => exact(row.requests), number: true },
                { head: "As booked", cell: (row) => money(row.before), number: true },
                { head: "Now", cell: (row) => money(row.after), number: true },
              ]}
            />
            {seen.before !== seen.after && (
              <Group justify="flex-end">
                <Confirm label="Write the new cost" title="Write the new cost?" text={`The records of ${counted(seen.requests, "request")} change from ${money(seen.before)} to ${money(seen.after)}.`} yes="Write" act={() => write.mutate(undefined)} />
              </Group>
            )}
          </>
        )}
      </Stack>
    </Panel>
  );
}
