// The fidelity report: every change the gateway made to what the client sent, with its reason; what was lost comes first.

import { Badge, Text } from "@mantine/core";
import { Empty } from "../parts/empty";
import { type Column, Sheet } from "../parts/sheet";
import type { Change } from "../types";

export const CHANGE: Column<Change>[] = [
  { head: "Where", cell: (change) => <span className="page-mono">{change.path}</span> },
  { head: "What", cell: (change) => <>{change.action} {change.lossy && <Badge color="orange">lost</Badge>}</> },
  { head: "Why", cell: (change) => <Text inherit style={{ overflowWrap: "anywhere" }}>{change.why}</Text> },
];

export function Fidelity({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return <Empty title="Nothing" text="The upstream got what the client sent, and the client what the upstream sent." />;
  const sorted = changes.toSorted((one, other) => Number(other.lossy) - Number(one.lossy));
  return <Sheet label="Changes" rows={sorted} id={(_, at) => at} columns={CHANGE} />;
}
