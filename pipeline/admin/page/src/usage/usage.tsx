// What was used: over a day, a week or a month, in all, over time, and by who or what.  The question stands in the
// address, so that it can be kept and sent.

import { Button, Group, SegmentedControl, Select, SimpleGrid, Stack } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { api } from "../api";
import { count, duration, exact, money, share } from "../format";
import { Empty } from "../parts/empty";
import { Heading } from "../parts/heading";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { Tile, Tiles } from "../parts/tile";
import { FILTER } from "../theme";
import type { Facet, Period, Totals, Usage as Answer } from "../types";
import { Breakdown } from "./breakdown";
import { CacheChart, CostChart, RequestChart, TokenChart } from "./charts";

const PERIODS: { value: Period; label: string }[] = [
  { value: "24h", label: "24 hours" },
  { value: "7d", label: "7 days" },
  { value: "30d", label: "30 days" },
];
const FACETS: { value: Facet; label: string }[] = [
  { value: "model", label: "Model" },
  { value: "key", label: "Key" },
  { value: "upstream", label: "Upstream" },
  { value: "session", label: "Session" },
  { value: "agent", label: "Agent" },
];

export default function Usage() {
  const [words, setWords] = useSearchParams();
  const set = (name: string, value: string | null) => {
    const next = new URLSearchParams(words);
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
    setWords(next, { replace: true });
  };
  const period = PERIODS.find(({ value }) => value === words.get("period"))?.value ?? "24h";
  const by = FACETS.find(({ value }) => value === words.get("by"))?.value ?? "model";
  const key = words.get("key") ?? undefined;
  const upstream = words.get("upstream") ?? undefined;
  const question = { period, by, key, upstream };
  const usage = useQuery({ queryKey: ["usage", question], queryFn: () => api.usage(question), placeholderData: keepPreviousData, refetchInterval: 5000 });
  return (
    <>
      <Heading title="Usage" text="From the records of all requests that reached an upstream. Moments are in your time zone.">
        <SegmentedControl aria-label="Period" data={PERIODS} value={period} onChange={(value) => set("period", value)} />
      </Heading>
      <Filters chosen={{ key, upstream }} choose={set} />
      <Loaded query={usage} bars={4} height={160}>
        {(answer) => (
          <Stack gap="md">
            <Summary totals={answer.totals} />
            {answer.totals.requests === 0 ? <Nothing /> : <Charts usage={answer} />}
            <Panel
              title="Breakdown"
              actions={<SegmentedControl aria-label="Break down by" size="xs" data={FACETS} value={by} onChange={(value) => set("by", value)} />}
            >
              <Breakdown rows={answer.rows} by={by} />
            </Panel>
            <Exports usage={answer} />
          </Stack>
        )}
      </Loaded>
    </>
  );
}

function Filters({ chosen, choose }: { chosen: { key?: string | undefined; upstream?: string | undefined }; choose: (name: string, value: string | null) => void }) {
  const keys = useQuery({ queryKey: ["keys"], queryFn: api.keys });
  const upstreams = useQuery({ queryKey: ["upstreams"], queryFn: api.upstreams });
  return (
    <Group gap="xs" mb="md">
      <Select aria-label="Key" placeholder="All keys" {...FILTER} clearable searchable data={(keys.data ?? []).map(({ id, name }) => ({ value: id, label: name }))} value={chosen.key ?? null} onChange={(value) => choose("key", value)} />
      <Select aria-label="Upstream" placeholder="All upstreams" {...FILTER} clearable data={(upstreams.data ?? []).map(({ name }) => name)} value={chosen.upstream ?? null} onChange={(value) => choose("upstream", value)} />
    </Group>
  );
}

function Summary({ totals }: { totals: Totals }) {
  const notes = [totals.estimated > 0 && `${exact(totals.estimated)} estimated`, totals.unpriced > 0 && `${exact(totals.unpriced)} unpriced`].filter(Boolean).join(", ");
  return (
    <Tiles>
      <Tile name="Cost" figure={money(totals.cost)} text={notes || "at the prices of the day"} />
      <Tile name="Requests" figure={exact(totals.requests)} text={`${exact(totals.errors)} ended in error`} />
      <Tile name="Tokens in" figure={count(totals.input + totals.cache_read + totals.cache_write_5m + totals.cache_write_1h)} text={`${count(totals.cache_read)} read from cache`} />
      <Tile name="Tokens out" figure={count(totals.output)} text={`${count(totals.reasoning)} of them reasoning`} />
      <Tile name="From cache" figure={share(totals.cache_hit_rate)} text={`${count(totals.cache_write_5m + totals.cache_write_1h)} written to it`} />
      <Tile name="First token" figure={duration(totals.mean_first)} text={`whole reply ${duration(totals.mean_took)}`} />
    </Tiles>
  );
}

function Charts({ usage }: { usage: Answer }) {
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Panel title="Cost"><CostChart usage={usage} /></Panel>
      <Panel title="Tokens by class"><TokenChart usage={usage} /></Panel>
      <Panel title="Requests"><RequestChart usage={usage} /></Panel>
      <Panel title="Cache hit rate"><CacheChart usage={usage} /></Panel>
    </SimpleGrid>
  );
}

function Nothing() {
  return (
    <Panel title="Charts">
      <Empty title="No request in this period" text="Point a client at the gateway with one of your keys; the first reply draws the first bar." />
    </Panel>
  );
}

function Exports({ usage }: { usage: Answer }) {
  return (
    <Group justify="flex-end" gap="xs">
      {(["csv", "jsonl"] as const).map((format) => (
        <Button key={format} component="a" href={api.exportAddress(usage.from, usage.to, format)} download size="xs" variant="default">
          Export as {format.toUpperCase()}
        </Button>
      ))}
    </Group>
  );
}
