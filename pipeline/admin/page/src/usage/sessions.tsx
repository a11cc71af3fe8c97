// Sessions: what one client's conversation used in all, and in it every agent, under the one that called it.

import { Accordion, Badge, Group, Text } from "@mantine/core";
import { api } from "../api";
import { count, counted, exact, money, share } from "../format";
import { Empty } from "../parts/empty";
import { Heading } from "../parts/heading";
import { Paged } from "../parts/paged";
import { type Column, Sheet } from "../parts/sheet";
import { When } from "../parts/when";
import type { SessionUsage } from "../types";

type Agent = SessionUsage["agents"][number] & { depth: number };

const COLUMNS: Column<Agent>[] = [
  { head: "Agent", cell: (agent) => <Text inherit className="page-mono" pl={agent.depth * 16}>{agent.agent || "main"}</Text> },
  { head: "Model", cell: (agent) => <span className="page-mono">{agent.model || "–"}</span>, from: "sm" },
  { head: "Requests", cell: (agent) => exact(agent.requests), number: true },
  { head: "In", cell: (agent) => count(agent.input + agent.cache_read + agent.cache_write_5m + agent.cache_write_1h), number: true, from: "sm" },
  { head: "Out", cell: (agent) => count(agent.output), number: true, from: "sm" },
  { head: "From cache", cell: (agent) => share(agent.cache_hit_rate), number: true, from: "md" },
  { head: "Cost", cell: (agent) => money(agent.cost), number: true },
];

export default function Sessions() {
  return (
    <>
      <Heading title="Sessions" text="What each conversation used, and the agents in it. Clients that name no session are not listed." />
      <Paged name={["sessions"]} ask={async (before) => { const { sessions, next } = await api.sessions(before); return { rows: sessions, next }; }} every={15_000}>
        {(sessions) =>
          sessions.length === 0 ? (
            <Empty title="No session yet" text="Coding agents send a session's name with every request; it appears here with the first." />
          ) : (
            <Accordion variant="contained" chevronPosition="left" multiple styles={{ item: { background: "var(--mantine-color-body)" } }}>
              {sessions.map((session) => <One key={`${session.key} ${session.session}`} session={session} />)}
            </Accordion>
          )
        }
      </Paged>
    </>
  );
}

function One({ session }: { session: SessionUsage }) {
  return (
    <Accordion.Item value={`${session.key} ${session.session}`}>
      <Accordion.Control>
        <Group justify="space-between" gap="xs" pr="xs">
          <div style={{ minWidth: 0 }}>
            <Text size="sm" className="page-mono">{session.session}</Text>
            <Text size="xs" c="dimmed" component="div">
              {session.key_name || session.key || "no key"}, last <When at={session.last} />
            </Text>
          </div>
          <Group gap="xs">
            {session.agents.length > 1 && <Badge color="gray">{session.agents.length} agents</Badge>}
            <Text size="sm">{counted(session.requests, "request")}</Text>
            <Text size="sm" fw={600}>{money(session.cost)}</Text>
          </Group>
        </Group>
      </Accordion.Control>
      <Accordion.Panel>
        <Sheet label={`Agents of ${session.session}`} rows={nested(session.agents)} id={(_, at) => at} columns={COLUMNS} />
      </Accordion.Panel>
    </Accordion.Item>
  );
}

/** Agents in the order of a tree: each after its parent, one step deeper; who names an unknown parent stands at the top. */
export function nested(agents: SessionUsage["agents"]): Agent[] {
  const names = new Set(agents.map((agent) => agent.agent));
  const parentOf = (agent: SessionUsage["agents"][number]) =>
    agent.parent !== null && agent.parent !== agent.agent && names.has(agent.parent) ? agent.parent : undefined;
  const placed = new Set<SessionUsage["agents"][number]>();
  const below = (parent: string | null | undefined, depth: number): Agent[] =>
    agents
      .filter((agent) => !placed.has(agent) && parentOf(agent) === parent)
      .flatMap((agent) => {
        placed.add(agent);
        return [{ ...agent, depth }, ...(agent.agent === null ? [] : below(agent.agent, depth + 1))];
      });
  const tree = below(undefined, 0);
  return [...tree, ...agents.filter((agent) => !placed.has(agent)).map((agent) => ({ ...agent, depth: 0 }))];
}
