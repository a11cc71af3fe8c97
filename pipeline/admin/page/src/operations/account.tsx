// The reader's own account: the password, and where else it is signed in.

import { Badge, PasswordInput, Paper, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api";
import { SHORTEST } from "../door/setup";
import { browser } from "../format";
import { useAct } from "../parts/act";
import { Confirm } from "../parts/confirm";
import { Form } from "../parts/form";
import { Heading } from "../parts/heading";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { type Column, Sheet } from "../parts/sheet";
import { When } from "../parts/when";
import type { Login } from "../types";

export default function Account() {
  return (
    <>
      <Heading title="Password and logins" />
      <Stack gap="md">
        <Logins />
        <Password />
      </Stack>
    </>
  );
}

function Logins() {
  const logins = useQuery({ queryKey: ["logins"], queryFn: api.logins });
  const end = useAct((login: Login) => api.endLogin(login.id), { done: "Signed out there", touches: ["logins", "audit"] });
  const columns: Column<Login>[] = [
    { head: "Browser", cell: ({ agent, current }) => <><span title={agent}>{browser(agent) || "unknown"}</span> {current && <Badge>this one</Badge>}</> },
    { head: "From", cell: ({ address }) => <span className="page-mono">{address}</span>, from: "xs" },
    { head: "Last seen", cell: ({ seen }) => <When at={seen} />, from: "sm" },
    { head: "Ends", cell: ({ expires }) => <When at={expires} />, from: "sm" },
    {
      head: "Actions",
      cell: (login) => !login.current && <Confirm size="compact-xs" label="Sign out" of={login.agent} title="Sign out there?" text={`${browser(login.agent)}, ${login.address}`} yes="Sign out" act={() => end.mutate(login)} />,
      number: true,
    },
  ];
  return (
    <Panel title="Signed in" text="Where this account is signed in; a login lasts a day.">
      <Loaded query={logins}>{(rows) => <Sheet label="Logins" rows={rows} id={({ id }) => id} columns={columns} />}</Loaded>
    </Panel>
  );
}

function Password() {
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [twice, setTwice] = useState("");
  const clear = () => [setOld, setFresh, setTwice].forEach((set) => set(""));
  const change = useAct(() => api.password(old, fresh), { done: "The password is changed; all other logins have ended", touches: ["session", "logins", "audit"], quiet: true, then: clear });
  return (
    <Panel title="Password" text="Changing it ends all other logins.">
      <Paper withBorder={false} p={0} maw={420}>
        <Form submit={() => change.mutate(undefined)} word="Change the password" busy={change.isPending} error={change.error} disabled={old === "" || fresh.length < SHORTEST || fresh !== twice}>
          <PasswordInput label="Password of now" required autoComplete="current-password" value={old} onChange={(event) => setOld(event.currentTarget.value)} />
          <PasswordInput label="New password" description={`At least ${SHORTEST} characters`} required autoComplete="new-password" value={fresh} onChange={(event) => setFresh(event.currentTarget.value)} />
          <PasswordInput label="New password again" required autoComplete="new-password" error={twice !== "" && twice !== fresh && "The two differ"} value={twice} onChange={(event) => setTwice(event.currentTarget.value)} />
        </Form>
      </Paper>
    </Panel>
  );
}
