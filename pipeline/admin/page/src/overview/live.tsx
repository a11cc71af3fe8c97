// The streams under way, oldest first: who, what, for how long, how much has come.

import { Text } from "@mantine/core";
import { exact, spell } from "../format";
import { Empty } from "../parts/empty";
import { Panel } from "../parts/panel";
import { type Column, Sheet } from "../parts/sheet";
import type { Live } from "../types";

const COLUMNS: Column<Live>[] = [
  { head: "Key", cell: (stream) => stream.key_name || stream.key || "–" },
  { head: "Model", cell: (stream) => <span className="page-mono">{stream.model || "–"}</span> },
  { head: "Upstream", cell: (stream) => stream.upstream || "–", from: "sm" },
  { head: "Session", cell: (stream) => <Text inherit span className="page-mono" truncate maw={160} display="block">{stream.session || "–"}</Text>, from: "md" },
  { head: "For", cell: (stream) => spell(stream.seconds), number: true },
  { head: "Tokens", cell: (stream) => exact(stream.output_tokens), number: true },
];

export function LiveStreams({ streams }: { streams: Live[] }) {
  return (
    <Panel title="Live streams">
      {streams.length === 0 ? (
        <Empty title="Nothing is streaming" text="Requests appear here while they run." />
      ) : (
        <Sheet label="Live streams" rows={streams} id={(stream) => stream.id} columns={COLUMNS} />
      )}
    </Panel>
  );
}
