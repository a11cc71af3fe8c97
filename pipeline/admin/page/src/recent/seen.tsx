// One request from memory: how it was routed, who was tried and why the next one was, and what each stage did.

import { Anchor, Badge, Drawer, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api } from "../api";
import { duration, exact, moment, money } from "../format";
import { StatusBadge } from "../parts/badges";
import { Empty } from "../parts/empty";
import { Fact } from "../parts/fact";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { Replay } from "../requests/replay";
import type { SeenDetail } from "../types";
import { Effects } from "./effects";
import { Tries } from "./tries";

export function SeenDrawer({ id, close }: { id: string | undefined; close: () => void }) {
  const seen = useQuery({ queryKey: ["recent", "one", id], queryFn: () => api.seen(id ?? ""), enabled: id !== undefined });
  return (
    <Drawer opened={id !== undefined} onClose={close} position="right" size="xl" title="Recent request" closeButtonProps={{ "aria-label": "Close" }}>
      <Loaded query={seen} bars={5} height={60}>
        {(answer) => <Whole seen={answer} />}
      </Loaded>
    </Drawer>
  );
}

function Whole({ seen }: { seen: SeenDetail }) {
  return (
    <Stack gap="md">
      <Group gap="xs">
        <StatusBadge status={seen.status} error={seen.error} />
        {seen.error !== null && <Badge color="red">{seen.error}</Badge>}
        <Text size="sm" c="dimmed">
          {moment(seen.at)}
        </Text>
      </Group>
      {seen.why !== null && <Text size="sm" c="red.8" style={{ overflowWrap: "anywhere" }}>{seen.why}</Text>}
      <Facts seen={seen} />
      {seen.tokens !== null && (
        <Anchor component={Link} to={`/requests/${seen.id}`} size="sm">
          Its record in the books
        </Anchor>
      )}
      <Panel title="Who was tried">
        {seen.tries.length === 0 ? <Empty title="Nobody" text="It was answered, or refused, before an upstream was asked." /> : <Tries seen={seen} />}
      </Panel>
      <Panel title="What each stage did">
        <Effects effects={seen.effects} />
      </Panel>
      <Replay id={seen.id} capture={seen.capture} />
    </Stack>
  );
}

function Facts({ seen }: { seen: SeenDetail }) {
  const { tokens, first } = seen;
  const taken = ["input", "cache_read", "cache_write_5m", "cache_write_1h"].reduce((sum, kind) => sum + (tokens?.[kind] ?? 0), 0);
  return (
    <SimpleGrid cols={{ base: 2, xs: 3 }} spacing="sm" component="dl" m={0}>
      <Fact name="Key" is={seen.caller || seen.key || "–"} />
      <Fact name="Asked for" is={seen.asked || "–"} mono />
      <Fact name="Model" is={seen.model || "–"} mono />
      <Fact name="Route" is={seen.route} mono />
      <Fact name="Rule" is={seen.rule || "–"} />
      <Fact name="Upstream" is={seen.upstream || "–"} />
      <Fact name="Dialect" is={`${seen.dialect}, ${seen.operation}${seen.streamed ? ", streamed" : ""}`} />
      <Fact name="Session" is={seen.session || "–"} mono />
      <Fact name="Cost" is={money(seen.cost === null ? null : seen.cost * 1e6)} />
      <Fact name="Tokens in" is={tokens === null ? "–" : exact(taken)} />
      <Fact name="Tokens out" is={tokens === null ? "–" : exact(tokens["output"])} />
      <Fact name="First token" is={duration(first === null ? null : first * 1e6)} />
      <Fact name="Took" is={duration(seen.seconds * 1e6)} />
      <Fact name="Id" is={seen.id} mono />
    </SimpleGrid>
  );
}
