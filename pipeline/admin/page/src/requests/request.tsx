// One request, whole: what it was, what it used, where its time went, who was tried, and what the gateway changed.

import { Anchor, Badge, Drawer, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api } from "../api";
import { duration, exact, moment, money, plain } from "../format";
import { StatusBadge } from "../parts/badges";
import { Fact } from "../parts/fact";
import { Raw } from "../parts/json";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import type { RequestDetail } from "../types";
import { Attempts } from "./attempts";
import { Fidelity } from "./fidelity";
import { Replay } from "./replay";
import { Timings } from "./timings";

export function RequestDrawer({ id, close }: { id: string | undefined; close: () => void }) {
  const request = useQuery({ queryKey: ["requests", "one", id], queryFn: () => api.request(id ?? ""), enabled: id !== undefined });
  return (
    <Drawer opened={id !== undefined} onClose={close} position="right" size="xl" title="Request" closeButtonProps={{ "aria-label": "Close" }}>
      <Loaded query={request} bars={5} height={60}>
        {(answer) => <Whole request={answer} />}
      </Loaded>
    </Drawer>
  );
}

function Whole({ request }: { request: RequestDetail }) {
  return (
    <Stack gap="md">
      <Group gap="xs">
        <StatusBadge status={request.status} error={request.error} />
        {request.stop !== null && request.stop !== "" && <Badge color="gray">{request.stop}</Badge>}
        {request.estimated && <Badge color="orange">estimated</Badge>}
        {request.suspect !== null && request.suspect !== false && request.suspect !== "" && <Badge color="orange">suspect{typeof request.suspect === "string" && `: ${request.suspect}`}</Badge>}
        <Text size="sm" c="dimmed">
          {moment(request.at)}
        </Text>
      </Group>
      {request.error !== null && request.error !== "" && <Text size="sm" c="red.8" style={{ overflowWrap: "anywhere" }}>{request.error}</Text>}
      <Facts request={request} />
      {request.recent && (
        <Anchor component={Link} to={`/recent/${request.id}`} size="sm">
          Each try and each stage, from memory
        </Anchor>
      )}
      <Panel title="Where the time went">
        <Timings request={request} />
      </Panel>
      <Panel title="What was changed on the way">
        <Fidelity changes={request.changes} />
      </Panel>
      {request.attempts.length > 0 && (
        <Panel title="Who was tried">
          <Attempts attempts={request.attempts} />
        </Panel>
      )}
      {request.extra !== null && Object.keys(Object(request.extra)).length > 0 && (
        <Panel title="Further usage">
          <Raw value={request.extra} label="Further usage" />
        </Panel>
      )}
      <Replay id={request.id} capture={request.capture} />
    </Stack>
  );
}

function Facts({ request }: { request: RequestDetail }) {
  return (
    <SimpleGrid cols={{ base: 2, xs: 3 }} spacing="sm" component="dl" m={0}>
      <Fact name="Key" is={request.key_name || request.key || "–"} />
      <Fact name="Asked for" is={request.asked || "–"} mono />
      <Fact name="Model" is={request.model || "–"} mono />
      <Fact name="Upstream" is={request.upstream || "–"} />
      <Fact name="Credential" is={request.credential || "–"} />
      <Fact name="Dialect" is={`${request.dialect}, ${request.operation}${request.streamed ? ", streamed" : ""}`} />
      <Fact name="Session" is={request.session || "–"} mono />
      <Fact name="Agent" is={request.agent || "main"} mono />
      <Fact name="Input" is={exact(request.input)} />
      <Fact name="Cache read" is={exact(request.cache_read)} />
      <Fact name="Cache write, 5 min / 1 h" is={`${exact(request.cache_write_5m)} / ${exact(request.cache_write_1h)}`} />
      <Fact name="Output" is={exact(request.output)} />
      <Fact name="of it reasoning" is={exact(request.reasoning)} />
      <Fact name="Cost" is={money(request.cost)} />
      <Fact name="First token" is={duration(request.first)} />
      <Fact name="Took" is={duration(request.took)} />
      <Fact name="Id" is={plain(request.id)} mono />
    </SimpleGrid>
  );
}
