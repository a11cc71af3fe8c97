// One row per model, key, upstream, session or agent, the dearest first, with its share of the whole as a bar.

import { Anchor, Progress, Text } from "@mantine/core";
import { Link } from "react-router";
import { count, duration, exact, money, share } from "../format";
import { Empty } from "../parts/empty";
import { type Column, Sheet } from "../parts/sheet";
import type { Facet, Row } from "../types";

const taken = (row: Row) => row.input + row.cache_read + row.cache_write_5m + row.cache_write_1h;
const weight = (row: Row, costs: boolean) => (costs ? row.cost : taken(row) + row.output);

export function Breakdown({ rows, by }: { rows: Row[]; by: Facet }) {
  if (rows.length === 0) return <Empty title="Nothing to break down" text="There was no request in this period." />;
  const costs = rows.some((row) => row.cost > 0);
  const whole = rows.reduce((sum, row) => sum + weight(row, costs), 0);
  const columns: Column<Row>[] = [
    { head: by[0]?.toUpperCase() + by.slice(1), cell: (row) => <Name row={row} by={by} /> },
    { head: "Share", cell: (row) => <Share part={whole === 0 ? 0 : weight(row, costs) / whole} name={row.name ?? "unknown"} />, from: "sm" },
    { head: "Cost", cell: (row) => money(row.cost), number: true },
    { head: "Requests", cell: (row) => exact(row.requests), number: true },
    { head: "Errors", cell: (row) => exact(row.errors), number: true, from: "md" },
    { head: "In", cell: (row) => count(taken(row)), number: true, from: "sm" },
    { head: "Out", cell: (row) => count(row.output), number: true, from: "sm" },
    { head: "From cache", cell: (row) => share(row.cache_hit_rate), number: true, from: "md" },
    { head: "First token", cell: (row) => duration(row.mean_first), number: true, from: "lg" },
  ];
  const sorted = [...rows].sort((one, other) => weight(other, costs) - weight(one, costs));
  return <Sheet label={`Usage by ${by}`} rows={sorted} id={(row, at) => row.id ?? at} columns={columns} />;
}

function Name({ row, by }: { row: Row; by: Facet }) {
  const name = row.name ?? row.id;
  if (name === null || name === "") return <Text inherit c="dimmed" component="span">{by === "agent" ? "main agent" : "none"}</Text>;
  if (by === "agent") return <span className="page-mono">{name}</span>;
  return (
    <Anchor component={Link} to={`/requests?${new URLSearchParams({ [by]: row.id ?? name })}`} inherit className={by === "key" ? "" : "page-mono"}>
      {name}
    </Anchor>
  );
}

function Share({ part, name }: { part: number; name: string }) {
  return <Progress value={part * 100} size="sm" w={110} aria-label={`${name}: ${share(part)}`} />;
}
