// The charts of usage: cost, tokens by class, requests and errors, cache hit rate; each over the buckets that the gateway
// gave.  Axes are compact, so that no label is clipped; what a chart shows is told in words too, for who can't see it.

import "@mantine/charts/styles.css";

import { BarChart, LineChart } from "@mantine/charts";
import { Box } from "@mantine/core";
import type { ReactNode } from "react";
import { count, exact, money, share, tick } from "../format";
import { CLASSES } from "../theme";
import type { Usage } from "../types";

interface Props {
  usage: Usage;
  height?: number;
}

const AXES = { gridAxis: "x", tickLine: "none", strokeDasharray: "0", xAxisProps: { minTickGap: 28, interval: "equidistantPreserveStart" } } as const;
const AXIS = { width: 56, interval: 0 } as const; // every line has its number
const WHOLE = { ...AXIS, allowDecimals: false } as const; // there is no half a request

function Drawn({ told, children }: { told: string; children: ReactNode }) {
  return (
    <Box role="img" aria-label={told}>
      {children}
    </Box>
  );
}

export function CostChart({ usage, height = 240 }: Props) {
  const drawn = usage.buckets.map((bucket) => ({ at: tick(bucket.at, usage.bucket), cost: bucket.cost }));
  return (
    <Drawn told={`Cost over time, ${money(usage.totals.cost)} in all`}>
      <BarChart {...AXES} h={height} data={drawn} dataKey="at" series={[{ name: "cost", label: "Cost", color: "tide.6" }]} valueFormatter={money} maxBarWidth={28} yAxisProps={{ ...AXIS, ...(usage.totals.cost < 10_000 && { width: 84 }) }} />
    </Drawn>
  );
}

export function TokenChart({ usage, height = 240 }: Props) {
  const drawn = usage.buckets.map((bucket) => ({
    at: tick(bucket.at, usage.bucket),
    input: bucket.input,
    cache_read: bucket.cache_read,
    cache_write: bucket.cache_write_5m + bucket.cache_write_1h,
    output: bucket.output,
  }));
  return (
    <Drawn told={`Tokens over time by class: ${count(usage.totals.input)} input, ${count(usage.totals.cache_read)} read from cache, ${count(usage.totals.output)} output`}>
      <BarChart {...AXES} h={height} data={drawn} dataKey="at" type="stacked" maxBarWidth={28} series={[...CLASSES]} valueFormatter={count} yAxisProps={WHOLE} withLegend legendProps={{ verticalAlign: "bottom" }} />
    </Drawn>
  );
}

export function RequestChart({ usage, height = 240 }: Props) {
  const drawn = usage.buckets.map((bucket) => ({
    at: tick(bucket.at, usage.bucket),
    well: bucket.requests - bucket.errors,
    errors: bucket.errors,
  }));
  const series = [
    { name: "well", label: "Well", color: "tide.5" },
    { name: "errors", label: "Errors", color: "red.6" },
  ];
  return (
    <Drawn told={`Requests over time: ${exact(usage.totals.requests)}, of which ${exact(usage.totals.errors)} ended in error`}>
      <BarChart {...AXES} h={height} data={drawn} dataKey="at" type="stacked" series={series} valueFormatter={count} maxBarWidth={28} yAxisProps={WHOLE} withLegend legendProps={{ verticalAlign: "bottom" }} />
    </Drawn>
  );
}

export function CacheChart({ usage, height = 240 }: Props) {
  const drawn = usage.buckets.map((bucket) => ({ at: tick(bucket.at, usage.bucket), rate: bucket.cache_hit_rate }));
  return (
    <Drawn told={`Share of the input read from cache over time, ${share(usage.totals.cache_hit_rate)} in all`}>
      <LineChart {...AXES} h={height} data={drawn} dataKey="at" curveType="monotone" connectNulls={false} series={[{ name: "rate", label: "From cache", color: "indigo.5" }]} valueFormatter={share} yAxisProps={{ ...AXIS, domain: [0, 1] }} />
    </Drawn>
  );
}
