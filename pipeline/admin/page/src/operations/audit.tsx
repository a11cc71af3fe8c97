// Who changed what, and when: everything that was done here or by the API.

import { Box, Paper } from "@mantine/core";
import { api } from "../api";
import { plain } from "../format";
import { Empty } from "../parts/empty";
import { Heading } from "../parts/heading";
import { Paged } from "../parts/paged";
import { type Column, Sheet } from "../parts/sheet";
import { When } from "../parts/when";
import type { AuditEntry } from "../types";

const COLUMNS: Column<AuditEntry>[] = [
  { head: "When", cell: (entry) => <When at={entry.at} /> },
  { head: "Who", cell: (entry) => entry.who },
  {
    head: "What",
    cell: (entry) => (
      <>
        {entry.what}
        <Box hiddenFrom="sm" c="dimmed" className="page-mono">{entry.target}</Box>
      </>
    ),
  },
  { head: "Of", cell: (entry) => <span className="page-mono">{entry.target || "–"}</span>, from: "sm" },
  { head: "Detail", cell: (entry) => <span className="page-mono">{detail(entry)}</span>, from: "md" },
];

function detail(entry: AuditEntry): string {
  const empty = entry.detail === null || (typeof entry.detail === "object" && Object.keys(entry.detail).length === 0);
  return empty ? "" : plain(entry.detail);
}

export default function Audit() {
  const ask = async (before: string | undefined) => {
    const { entries, next } = await api.audit(before);
    return { rows: entries, next };
  };
  return (
    <>
      <Heading title="Audit log" text="Every change, by whom and when. Secrets are never written here." />
      <Paper>
        <Paged name={["audit"]} ask={ask}>
          {(entries) => (entries.length === 0 ? <Empty title="Nothing yet" text="What is changed here or by the API is written down." /> : <Sheet label="Audit log" rows={entries} id={(entry) => entry.id} columns={COLUMNS} />)}
        </Paged>
      </Paper>
    </>
  );
}
