// The credentials the gateway keeps for an upstream: only their ends are shown; they can be added, named, rested, removed.

import { Badge, Box, PasswordInput, Switch, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../api";
import { moment, spell } from "../format";
import { useAct } from "../parts/act";
import { Confirm } from "../parts/confirm";
import { Dialog } from "../parts/form";
import { type Column, Sheet } from "../parts/sheet";
import { When } from "../parts/when";
import type { Credential, Upstream } from "../types";

export function Credentials({ upstream }: { upstream: Upstream }) {
  const touches = ["upstreams", "overview", "audit"];
  const toggle = useAct(({ id, enabled }: Credential) => api.changeCredential(upstream.name, id, { enabled: !enabled }), { touches });
  const remove = useAct(({ id }: Credential) => api.removeCredential(upstream.name, id), { done: "Credential removed", touches });
  const columns: Column<Credential>[] = [
    {
      head: "Credential",
      cell: (credential) => (
        <>
          <span style={{ overflowWrap: "anywhere" }}>{credential.name}</span> <span className="page-mono" style={{ whiteSpace: "nowrap" }}>{credential.shown}</span>
          <Box hiddenFrom="sm">
            <State credential={credential} />
          </Box>
        </>
      ),
    },
    { head: "Kind", cell: ({ kind }) => (kind === "oauth" ? "sign-in" : "key"), from: "sm" },
    { head: "Last used", cell: ({ used, configured }) => (configured ? "–" : <When at={used} />), from: "sm" }, // of the configuration's nobody takes note
    { head: "State", cell: (credential) => <State credential={credential} />, from: "sm" },
    { head: "Enabled", cell: (credential) => <Switch aria-label={`${credential.name} enabled`} checked={credential.enabled} disabled={credential.configured ?? false} onChange={() => toggle.mutate(credential)} /> },
    {
      head: "Actions",
      cell: (credential) => credential.configured ? "configured" : (
        <Confirm size="compact-xs" label="Remove" of={credential.name} title={`Remove ${credential.name}?`} text={`${upstream.name} is no longer asked with it. The credential itself stays valid until you revoke it where it was made.`} yes="Remove" act={() => remove.mutate(credential)} />
      ),
      number: true,
    },
  ];
  return <Sheet label={`Credentials of ${upstream.name}`} rows={upstream.credentials} id={({ id }) => id} columns={columns} />;
}

/** How a credential is: the word in a colour, and under it until when, or why. */
function State({ credential: { enabled, ended, expires, resting_until } }: { credential: Credential }) {
  const rests = resting_until && resting_until > Date.now() ? resting_until : 0;
  const [color, word] = ended ? ["red", "ended"] : !enabled ? ["gray", "off"] : rests ? ["orange", "resting"] : ["tide", "ready"];
  const note = ended || (rests ? `until ${moment(rests)}, ${spell((rests - Date.now()) / 1000)} more` : expires !== 0 ? `ends ${moment(expires)}` : "");
  return (
    <>
      <Badge color={color}>{word}</Badge>
      {note !== "" && <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>{note}</Text>}
    </>
  );
}

export function AddCredential({ upstream, opened, close }: { upstream: string; opened: boolean; close: () => void }) {
  const [name, setName] = useState("");
  const [key, setKey] = useState("");
  const leave = () => {
    setName("");
    setKey("");
    add.reset();
    close();
  };
  const add = useAct(() => api.addCredential(upstream, name.trim(), key.trim()), { done: "Key added", touches: ["upstreams", "overview", "audit"], quiet: true, then: leave });
  return (
    <Dialog opened={opened} close={leave} title={`Add a key to ${upstream}`} submit={() => add.mutate(undefined)} word="Add the key" busy={add.isPending} error={add.error} disabled={name.trim() === "" || key.trim() === ""}>
      <TextInput label="Name" description="To tell it from others" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <PasswordInput label="Key" description="Kept encrypted; never shown again" required autoComplete="off" value={key} onChange={(event) => setKey(event.currentTarget.value)} />
    </Dialog>
  );
}
