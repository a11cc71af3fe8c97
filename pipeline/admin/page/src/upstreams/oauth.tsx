// Signing in at an upstream: the gateway makes the address, the reader agrees there, and what that page gives comes back
// here by hand.  The client id is the reader's own, from the configuration.

import { Anchor, Badge, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../api";
import { relative } from "../format";
import { useAct } from "../parts/act";
import { Confirm } from "../parts/confirm";
import { Dialog } from "../parts/form";
import type { Upstream } from "../types";

export function Oauth({ name, oauth }: { name: string; oauth: NonNullable<Upstream["oauth"]> }) {
  const [begun, setBegun] = useState<{ url: string; state: string } | null>(null);
  const start = useAct(() => api.startOauth(name), { then: setBegun });
  const end = useAct(() => api.endOauth(name), { done: "Signed out", touches: ["upstreams", "audit"] });
  return (
    <Group gap="xs">
      <Badge color={oauth.connected ? "tide" : "gray"}>{oauth.connected ? "signed in" : "not signed in"}</Badge>
      <Text size="sm" c="dimmed">
        client <span className="page-mono">{oauth.client_id}</span>
        {oauth.connected && oauth.expires ? `, token ${oauth.expires > Date.now() ? "renewed" : "ended"} ${relative(oauth.expires)}` : ""}
      </Text>
      <Button size="compact-xs" variant="default" loading={start.isPending} onClick={() => start.mutate(undefined)}>
        {oauth.connected ? "Sign in anew" : "Sign in"}
      </Button>
      {oauth.connected && <Confirm size="compact-xs" label="Sign out" of={`of ${name}`} title={`Sign out of ${name}?`} text="The gateway forgets the tokens." yes="Sign out" act={() => end.mutate(undefined)} />}
      {begun !== null && <Finish name={name} begun={begun} close={() => setBegun(null)} />}
    </Group>
  );
}

function Finish({ name, begun, close }: { name: string; begun: { url: string; state: string }; close: () => void }) {
  const [answer, setAnswer] = useState("");
  const finish = useAct(() => api.finishOauth(name, answer.trim(), begun.state), { done: `Signed in at ${name}`, touches: ["upstreams", "overview", "audit"], quiet: true, then: close });
  const safe = begun.url.startsWith("https://") || begun.url.startsWith("http://");
  return (
    <Dialog opened close={close} title={`Sign in at ${name}`} size="lg" submit={() => finish.mutate(undefined)} word="Finish" busy={finish.isPending} error={finish.error} disabled={answer.trim() === ""}>
      <Stack gap="sm">
        <Text size="sm">
          1. Open{" "}
          {safe ? (
            <Anchor href={begun.url} target="_blank" rel="noreferrer noopener" inherit>
              the sign-in page
            </Anchor>
          ) : (
            <span className="page-mono">{begun.url}</span>
          )}{" "}
          and agree there.
        </Text>
        <Text size="sm">2. Paste what it gives you: a code, or the whole address it ends at.</Text>
        <TextInput label="Code or address" required data-autofocus autoComplete="off" spellCheck={false} value={answer} onChange={(event) => setAnswer(event.currentTarget.value)} />
      </Stack>
    </Dialog>
  );
}
