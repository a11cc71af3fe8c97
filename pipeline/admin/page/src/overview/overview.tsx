// What is going on now, and whether anybody has to do something about it.

import { Alert, Anchor, Button, SimpleGrid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api } from "../api";
import { count, counted, duration, exact, money, share, spell } from "../format";
import { Empty } from "../parts/empty";
import { Heading } from "../parts/heading";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { Tile, Tiles } from "../parts/tile";
import type { Overview as State, Totals } from "../types";
import { CostChart } from "../usage/charts";
import { LiveStreams } from "./live";
import { Strip } from "./strip";

export default function Overview() {
  const state = useQuery({ queryKey: ["overview"], queryFn: api.overview, refetchInterval: 2000 });
  const day = useQuery({ queryKey: ["usage", "day"], queryFn: () => api.usage({ period: "24h", by: "none" }), refetchInterval: 30_000 });
  return (
    <>
      <Heading title="Overview" text={state.data && `Up for ${spell(state.data.uptime)}, ${state.data.store.kind} store`}>
        <Button component={Link} to="/keys?new=1" size="xs">
          New key
        </Button>
      </Heading>
      <Loaded query={state} bars={4} height={72}>
        {(now) => (
          <Stack gap="md">
            <Warnings now={now} />
            <Today today={now.today} hour={now.hour} live={now.live.length} keys={now.keys} />
            <LiveStreams streams={now.live} />
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Strip upstreams={now.upstreams} />
              <Panel title="Cost, last 24 hours" actions={<Button component={Link} to="/usage" size="compact-xs" variant="subtle">Usage</Button>}>
                <Loaded query={day} bars={1} height={200}>
                  {(usage) => (usage.totals.cost === 0 ? <Empty title="No cost yet" text="The first priced request draws the first bar." /> : <CostChart usage={usage} height={200} />)}
                </Loaded>
              </Panel>
            </SimpleGrid>
          </Stack>
        )}
      </Loaded>
    </>
  );
}

function Today({ today, hour, live, keys }: { today: Totals; hour: Totals; live: number; keys: State["keys"] }) {
  const taken = today.input + today.cache_read + today.cache_write_5m + today.cache_write_1h;
  return (
    <Tiles>
      <Tile name="Streams now" figure={live} text={`${keys.enabled} of ${keys.total} keys enabled`} />
      <Tile name="Cost today" figure={money(today.cost)} text={`${money(hour.cost)} in the last hour`} />
      <Tile name="Requests today" figure={exact(today.requests)} text={today.errors === 0 ? "no errors" : `${exact(today.errors)} ended in error`} />
      <Tile name="Tokens today" figure={count(taken + today.output)} text={`${count(taken)} in, ${count(today.output)} out`} />
      <Tile name="From cache today" figure={share(today.cache_hit_rate)} text="of the tokens sent" />
      <Tile name="First token" figure={duration(hour.mean_first)} text="mean of the last hour" />
    </Tiles>
  );
}

/** A link within a notice: in its colour, whatever that is. */
function Way({ to, children }: { to: string; children: string }) {
  return (
    <Anchor component={Link} to={to} inherit c="inherit" underline="always">
      {children}
    </Anchor>
  );
}

function Warnings({ now }: { now: State }) {
  const failing = now.upstreams.filter((upstream) => upstream.state === "failing").map((upstream) => upstream.name);
  return (
    <>
      {!now.store.ok && (
        <Alert color="red" title="The store does not take records">
          {counted(now.store.waiting, "record")} in the spool: written when the store answers again.
        </Alert>
      )}
      {failing.length > 0 && (
        <Alert color="red" title={failing.length === 1 ? `${failing[0]} fails` : `${failing.length} upstreams fail`}>
          {failing.join(", ")}: test {failing.length === 1 ? "it" : "them"} under Upstreams to see where it stops.
        </Alert>
      )}
      {now.configuration.after_a_restart.length > 0 && (
        <Alert color="orange" title="A restart is needed">
          The configuration is in force but for <span className="page-mono">{now.configuration.after_a_restart.join(", ")}</span>: that counts after a restart.
        </Alert>
      )}
      {now.keys.total === 0 && (
        <Alert color="tide" title="No keys yet">
          Make one and paste its settings into a client: <Way to="/keys?new=1">new key</Way>.
        </Alert>
      )}
      {now.today.unpriced > 0 && (
        <Alert color="orange" title={`No price for ${counted(now.today.unpriced, "request")} today`}>
          What is in no price list costs nothing here. <Way to="/models">Add the prices</Way> and rate again.
        </Alert>
      )}
    </>
  );
}
