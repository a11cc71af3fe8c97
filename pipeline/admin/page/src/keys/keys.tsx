// All keys: whose, for what, how much of their limits is used.

import { Anchor, Badge, Box, Button, Paper, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { api } from "../api";
import { Empty } from "../parts/empty";
import { Heading } from "../parts/heading";
import { Loaded } from "../parts/loaded";
import { type Column, Sheet } from "../parts/sheet";
import { When } from "../parts/when";
import type { Key } from "../types";
import { NewKey } from "./new";
import { Fullest } from "./windows";

const COLUMNS: Column<Key>[] = [
  {
    head: "Name",
    cell: (key) => (
      <>
        <Anchor component={Link} to={`/keys/${key.id}`} inherit fw={500} style={{ overflowWrap: "anywhere" }}>
          {key.name}
        </Anchor>
        <Text size="xs" c="dimmed" className="page-mono">
          {key.shown.map((start) => `${start}…`).join(" ")}
        </Text>
        <Box hiddenFrom="sm" mt={4}>
          <Fullest windows={key.windows} />
        </Box>
      </>
    ),
  },
  { head: "State", cell: (key) => <KeyState keyOf={key} /> },
  { head: "Models", cell: (key) => <span className="page-mono">{key.models.length === 0 ? "none" : key.models.join(" ")}</span>, from: "md" },
  { head: "Fullest limit", cell: (key) => <Fullest windows={key.windows} />, from: "sm" },
  { head: "Last used", cell: (key) => <When at={key.used} />, from: "xs" },
];

export function KeyState({ keyOf: { enabled, expires } }: { keyOf: Key }) {
  if (!enabled) return <Badge color="gray">disabled</Badge>;
  if (expires !== 0 && expires < Date.now()) return <Badge color="red">expired</Badge>;
  return <Badge color="tide">enabled</Badge>;
}

export default function Keys() {
  const keys = useQuery({ queryKey: ["keys"], queryFn: api.keys, refetchInterval: 10_000 });
  const [words, setWords] = useSearchParams();
  const navigate = useNavigate();
  const open = () => setWords({ new: "1" });
  const create = (
    <Button size="xs" leftSection={<Plus size={15} aria-hidden />} onClick={open}>
      New key
    </Button>
  );
  return (
    <>
      <Heading title="Keys" text="Who may use the gateway, for which models, up to which amounts.">
        {create}
      </Heading>
      <Paper>
        <Loaded query={keys}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty title="No keys yet" text="A key lets one person or program in. You get its secret once, with settings to paste into your clients.">
                {create}
              </Empty>
            ) : (
              <Sheet label="Keys" rows={rows} id={(key) => key.id} columns={COLUMNS} open={(key) => void navigate(`/keys/${key.id}`)} />
            )
          }
        </Loaded>
      </Paper>
      <NewKey opened={words.has("new")} close={() => setWords({}, { replace: true })} />
    </>
  );
}
