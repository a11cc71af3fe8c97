// What the gateway runs with, secrets masked, each with where it comes from; and what becomes of old records.

import { Button, Group, Paper, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api";
import { exact, plain } from "../format";
import { useAct } from "../parts/act";
import { Confirm } from "../parts/confirm";
import { Heading } from "../parts/heading";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { type Column, Sheet } from "../parts/sheet";
import type { Setting } from "../types";

const COLUMNS: Column<Setting>[] = [
  { head: "Setting", cell: (setting) => <span className="page-mono">{setting.path}</span> },
  { head: "Value", cell: (setting) => <span className="page-mono">{plain(setting.value)}</span> },
  { head: "From", cell: (setting) => setting.origin, from: "sm" },
];

export default function SettingsPage() {
  const settings = useQuery({ queryKey: ["settings"], queryFn: api.settings });
  const [sought, setSought] = useState("");
  const fits = ({ path, value, origin }: Setting) => `${path} ${plain(value)} ${origin}`.toLowerCase().includes(sought.toLowerCase());
  return (
    <>
      <Heading title="Settings" text="What the gateway runs with, as it resolved it. To change a setting, change the file or variable it comes from; secrets are masked." />
      <Stack gap="md">
        <Loaded query={settings} bars={8} height={28}>
          {(answer) => (
            <Paper>
              <TextInput aria-label="Search the settings" placeholder="Search" size="xs" mb="sm" maw={320} value={sought} onChange={(event) => setSought(event.currentTarget.value)} />
              <Sheet label="Settings" rows={answer.settings.filter(fits)} id={(setting) => setting.path} columns={COLUMNS} />
            </Paper>
          )}
        </Loaded>
        <Records />
      </Stack>
    </>
  );
}

const DAY = 86_400_000;
const YEAR = 365 * DAY;

function Records() {
  const [day, setDay] = useState(() => new Date(Date.now() - YEAR).toISOString().slice(0, 10));
  const [removed, setRemoved] = useState<number | null>(null);
  const before = new Date(`${day}T00:00`).getTime();
  const forget = useAct(() => api.forgetUsage(before), { touches: ["usage", "requests", "sessions", "audit"], then: (answer) => setRemoved(answer.removed) });
  return (
    <Panel title="Records" text="One for every request: who, what, when, how much; no prompt, no reply.">
      <Group align="flex-end" gap="sm">
        <TextInput type="date" size="xs" label="Older than" value={day} onChange={(event) => setDay(event.currentTarget.value)} />
        <Confirm label="Delete" of="old records" disabled={Number.isNaN(before)} title={`Delete the records from before ${day}?`} text="What a single request did then can no longer be told; the sums in the charts stay. Export them first if you may need them." yes="Delete the records" act={() => forget.mutate(undefined)} />
        <Button component="a" size="xs" variant="default" href={api.exportAddress(0, Date.now() + DAY, "csv")} download>
          Export all as CSV
        </Button>
        <span role="status">{removed !== null && `${exact(removed)} records deleted`}</span>
      </Group>
    </Panel>
  );
}
