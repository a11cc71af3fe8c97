// What just happened: the last requests in the gateway's memory, also those that were refused at the door; one opened
// beside the list.

import { Anchor, Box, Group, Paper, Switch, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { api } from "../api";
import { duration } from "../format";
import { StatusBadge } from "../parts/badges";
import { Empty } from "../parts/empty";
import { Heading } from "../parts/heading";
import { Loaded } from "../parts/loaded";
import { type Column, Sheet } from "../parts/sheet";
import { When } from "../parts/when";
import type { Seen } from "../types";
import { SeenDrawer } from "./seen";

const COLUMNS: Column<Seen>[] = [
  {
    head: "When",
    cell: (seen) => (
      <>
        <Anchor component={Link} to={`/recent/${seen.id}`} inherit>
          <When at={seen.at} />
        </Anchor>
        <Box hiddenFrom="sm">
          <Name seen={seen} />
        </Box>
      </>
    ),
  },
  { head: "Key", cell: (seen) => seen.caller || "–", from: "sm" },
  { head: "Model", cell: (seen) => <Name seen={seen} />, from: "sm" },
  { head: "Status", cell: (seen) => <StatusBadge status={seen.status} error={seen.error} /> },
  { head: "Rule", cell: (seen) => seen.rule || "–", from: "md" },
  { head: "Tries", cell: (seen) => seen.attempts, number: true, from: "xs" },
  { head: "First", cell: (seen) => duration(seen.first === null ? null : seen.first * 1e6), number: true, from: "md" },
  { head: "Took", cell: (seen) => duration(seen.seconds * 1e6), number: true },
];

export default function Recent() {
  const { id } = useParams();
  const navigate = useNavigate();
  const recent = useQuery({ queryKey: ["recent"], queryFn: api.recent, refetchInterval: 5000 });
  const [sought, setSought] = useState("");
  const [errors, setErrors] = useState(false);
  const fits = (seen: Seen) =>
    (!errors || seen.error !== null) &&
    [seen.id, seen.caller, seen.asked, seen.model, seen.rule, seen.upstream, seen.error, seen.route].some((word) => word?.toLowerCase().includes(sought.toLowerCase()));
  return (
    <>
      <Heading title="Recent" text="The last requests, also those that reached no upstream, with each try and what each stage did. They are in memory only: no prompt and no reply is among them, and a restart forgets them." />
      <Group gap="xs" mb="md">
        <TextInput aria-label="Search the last requests" placeholder="Search" size="xs" value={sought} onChange={(event) => setSought(event.currentTarget.value)} />
        <Switch size="sm" label="Only errors" checked={errors} onChange={(event) => setErrors(event.currentTarget.checked)} />
      </Group>
      <Paper>
        <Loaded query={recent} bars={6}>
          {(requests) => {
            const rows = requests.filter(fits);
            if (rows.length === 0) return <Empty title="No request" text={requests.length === 0 ? "None came since the gateway began to run." : "None fits."} />;
            return <Sheet label="Recent requests" rows={rows} id={(seen) => seen.id} columns={COLUMNS} open={(seen) => void navigate(`/recent/${seen.id}`)} />;
          }}
        </Loaded>
      </Paper>
      <SeenDrawer id={id} close={() => void navigate("/recent")} />
    </>
  );
}

/** What was asked for and what was sent; of a request without a model, where it went. */
function Name({ seen: { asked, model, route } }: { seen: Seen }) {
  return (
    <>
      <span className="page-mono">{model || asked || route}</span>
      {asked !== null && model !== null && asked !== model && (
        <Text size="xs" c="dimmed" className="page-mono">
          asked for {asked}
        </Text>
      )}
    </>
  );
}
