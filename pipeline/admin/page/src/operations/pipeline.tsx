// The line: the stages in their order, each with what it is for, what it costs and, where that is safe, a switch.
//
// Up the line goes the prompt, stage by stage, to the source; the reply comes back the same way, the other way round.

import { Badge, Group, Paper, Stack, Switch, Text, ThemeIcon, Timeline } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { ArrowDownToLine, Check, CornerDownRight, Minus, Radio } from "lucide-react";
import { api } from "../api";
import { counted, duration, plain } from "../format";
import { useAct } from "../parts/act";
import { Heading } from "../parts/heading";
import { Raw } from "../parts/json";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import type { Stage } from "../types";

export default function PipelinePage() {
  const line = useQuery({ queryKey: ["pipeline"], queryFn: api.pipeline, refetchInterval: 10_000 });
  const toggle = useAct((stage: Stage) => api.switchStage(stage.name, !stage.enabled), { done: "The new line serves from the next request on", touches: ["pipeline", "audit"] });
  return (
    <>
      <Heading title="Pipeline" text="What every request passes, in this order; the reply comes back the other way round. Costs are the gateway's own time per request, without waiting." />
      <Loaded query={line} bars={6} height={56}>
        {({ stages, text }) => (
          <Stack gap="md">
            <Paper>
              <Timeline bulletSize={26} lineWidth={2} active={-1}>
                {stages.map((stage) => (
                  <Timeline.Item key={`${stage.upstream ?? ""} ${stage.name}`} bullet={<Bullet stage={stage} />} title={<Name stage={stage} toggle={() => toggle.mutate(stage)} />}>
                    <Text size="sm">{stage.help.replaceAll("``", "")}</Text>
                    <Declared stage={stage} />
                    <Facts stage={stage} />
                  </Timeline.Item>
                ))}
              </Timeline>
            </Paper>
            <Panel title="As the gateway explains it" text="What is fused, and where the channels are.">
              <Raw value={text} label="The line, explained" />
            </Panel>
          </Stack>
        )}
      </Loaded>
    </>
  );
}

function Name({ stage, toggle }: { stage: Stage; toggle: () => void }) {
  return (
    <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
      <Group gap="xs">
        <Text fw={600} td={stage.enabled ? undefined : "line-through"}>
          {stage.name}
        </Text>
        {stage.role === "attempt" && <Badge color="indigo">once per attempt{stage.upstream ? `, ${stage.upstream}` : ""}</Badge>}
        {stage.role === "source" && <Badge color="tide">asks the upstream</Badge>}
        {stage.role === "sink" && <Badge color="tide">writes to the client</Badge>}
        {stage.waits && <Badge color="gray">may wait</Badge>}
      </Group>
      <Group gap="sm" wrap="nowrap">
        <Text size="sm" title="mean per request" style={{ whiteSpace: "nowrap" }}>
          {stage.requests > 0 ? duration(stage.mean_us) : "–"}
        </Text>
        {stage.switchable && <Switch checked={stage.enabled} onChange={toggle} aria-label={`${stage.name} on`} />}
      </Group>
    </Group>
  );
}

/** What the stage says of itself; the order of the line is checked against it. */
function Declared({ stage }: { stage: Stage }) {
  const said = [["reads", stage.reads], ["changes", stage.changes], ["needs", stage.needs]] as const;
  const words = said.filter(([, names]) => names.length > 0);
  if (words.length === 0) return null;
  return (
    <Group component="dl" gap="md" m={0} my={2} style={{ rowGap: 0 }}>
      {words.map(([verb, names]) => (
        <Group key={verb} gap={6} wrap="nowrap" align="baseline">
          <Text component="dt" size="xs" c="dimmed">{verb}</Text>
          <Text component="dd" m={0} size="xs">
            <span className="page-mono">{names.join(", ")}</span>
          </Text>
        </Group>
      ))}
    </Group>
  );
}

function Facts({ stage }: { stage: Stage }) {
  const settings = Object.entries(stage.settings);
  return (
    <Text size="xs" c="dimmed" component="div" style={{ overflowWrap: "anywhere" }}>
      <span className="page-mono">{stage.use}</span>
      {stage.requests > 0 && `, timed in ${counted(stage.requests, "request")}`}
      {settings.map(([name, value]) => (
        <span key={name}>
          , <span className="page-mono">{name} = {plain(value)}</span>
        </span>
      ))}
    </Text>
  );
}

function Bullet({ stage }: { stage: Stage }) {
  const icons = { stage: Check, attempt: CornerDownRight, source: Radio, sink: ArrowDownToLine };
  const Icon = stage.enabled ? icons[stage.role] : Minus;
  return (
    <ThemeIcon size={26} radius="xl" variant={stage.enabled ? "filled" : "default"}>
      <Icon size={14} aria-hidden />
    </ThemeIcon>
  );
}
