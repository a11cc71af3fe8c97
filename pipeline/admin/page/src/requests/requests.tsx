// The requests, newest first, as they come in; one opened beside the list.  Filters stand in the address.

import { Anchor, Badge, Box, Group, Paper, Select, Switch, Text, TextInput, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useLocation, useNavigate, useParams, useSearchParams } from "react-router";
import { api, type RequestFilter } from "../api";
import { count, duration, money } from "../format";
import { StatusBadge } from "../parts/badges";
import { Empty } from "../parts/empty";
import { Heading } from "../parts/heading";
import { Paged } from "../parts/paged";
import { type Column, Sheet } from "../parts/sheet";
import { When } from "../parts/when";
import { FILTER } from "../theme";
import type { Request } from "../types";
import { RequestDrawer } from "./request";

const taken = (request: Request) => request.input + request.cache_read + request.cache_write_5m + request.cache_write_1h;

function columns(search: string): Column<Request>[] {
  return [
    {
      head: "When",
      cell: (request) => (
        <>
          <Anchor component={Link} to={`/requests/${request.id}${search}`} inherit>
            <When at={request.at} />
          </Anchor>
          <Box hiddenFrom="sm">
            <Name request={request} />
          </Box>
        </>
      ),
    },
    { head: "Key", cell: (request) => request.key_name || request.key || "–", from: "sm" },
    { head: "Model", cell: (request) => <Name request={request} />, from: "sm" },
    { head: "Status", cell: (request) => <StatusBadge status={request.status} error={request.error} /> },
    { head: "In", cell: (request) => count(taken(request)), number: true, from: "sm" },
    { head: "Out", cell: (request) => count(request.output), number: true, from: "xs" },
    { head: "Cost", cell: (request) => <Cost request={request} />, number: true },
    { head: "First", cell: (request) => duration(request.first), number: true, from: "md" },
    { head: "Took", cell: (request) => duration(request.took), number: true, from: "md" },
    { head: "Changes", cell: (request) => <Changes request={request} />, number: true, from: "md" },
  ];
}

export default function Requests() {
  const { id } = useParams();
  const { search } = useLocation();
  const [words, setWords] = useSearchParams();
  const navigate = useNavigate();
  const filter: RequestFilter = {
    key: words.get("key") ?? undefined,
    model: words.get("model") ?? undefined,
    upstream: words.get("upstream") ?? undefined,
    session: words.get("session") ?? undefined,
    errors: words.has("errors") ? 1 : undefined,
  };
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(words);
    if (value === "") next.delete(name);
    else next.set(name, value);
    setWords(next, { replace: true });
  };
  const ask = async (before: string | undefined) => {
    const { requests, next } = await api.requests(filter, before);
    return { rows: requests, next };
  };
  return (
    <>
      <Heading title="Requests" text="Every request that reached an upstream: what it used, how long each stage took, what was changed on the way. No prompt and no reply is kept." />
      <Filters filter={filter} set={set} />
      <Paper>
        <Paged name={["requests", filter]} ask={ask} every={5000}>
          {(requests) =>
            requests.length === 0 ? (
              <Empty title="No request" text={search === "" ? "Point a client at the gateway with one of your keys." : "None fits the filters."} />
            ) : (
              <Sheet label="Requests" rows={requests} id={(request) => request.id} columns={columns(search)} open={(request) => void navigate(`/requests/${request.id}${search}`)} />
            )
          }
        </Paged>
      </Paper>
      <RequestDrawer id={id} close={() => void navigate(`/requests${search}`)} />
    </>
  );
}

function Filters({ filter, set }: { filter: RequestFilter; set: (name: string, value: string) => void }) {
  const keys = useQuery({ queryKey: ["keys"], queryFn: api.keys });
  const upstreams = useQuery({ queryKey: ["upstreams"], queryFn: api.upstreams });
  return (
    <Group gap="xs" mb="md">
      <Select aria-label="Key" placeholder="All keys" {...FILTER} clearable searchable data={(keys.data ?? []).map(({ id, name }) => ({ value: id, label: name }))} value={filter.key ?? null} onChange={(value) => set("key", value ?? "")} />
      <Select aria-label="Upstream" placeholder="All upstreams" {...FILTER} clearable data={(upstreams.data ?? []).map(({ name }) => name)} value={filter.upstream ?? null} onChange={(value) => set("upstream", value ?? "")} />
      <Typed label="Model" value={filter.model ?? ""} set={(value) => set("model", value)} />
      <Typed label="Session" value={filter.session ?? ""} set={(value) => set("session", value)} />
      <Switch size="sm" label="Only errors" checked={filter.errors === 1} onChange={(event) => set("errors", event.currentTarget.checked ? "1" : "")} />
    </Group>
  );
}

/** A filter that is typed: it counts when it is left or confirmed, not with every letter. */
function Typed({ label, value, set }: { label: string; value: string; set: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return (
    <TextInput
      aria-label={label}
      placeholder={`Any ${label.toLowerCase()}`}
      {...FILTER}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={() => set(typed.trim())}
      onKeyDown={(event) => event.key === "Enter" && set(typed.trim())}
    />
  );
}

function Name({ request: { asked, model } }: { request: Request }) {
  return (
    <>
      <span className="page-mono">{model || asked || "–"}</span>
      {asked !== null && model !== null && asked !== model && (
        <Text size="xs" c="dimmed" className="page-mono">
          asked for {asked}
        </Text>
      )}
    </>
  );
}

function Cost({ request: { cost, estimated } }: { request: Request }) {
  if (!estimated) return money(cost);
  return (
    <Tooltip label="The upstream did not say what was used; the gateway counted itself">
      <span>≈ {money(cost)}</span>
    </Tooltip>
  );
}

function Changes({ request: { changes_count, lost_count } }: { request: Request }) {
  if (changes_count === 0) return "–";
  return lost_count > 0 ? <Badge color="orange">{changes_count}, {lost_count} lost</Badge> : changes_count;
}
