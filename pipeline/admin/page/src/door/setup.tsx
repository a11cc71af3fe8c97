// The first run: whoever can read the gateway's terminal makes the first account.

import { PasswordInput, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../api";
import { useAct } from "../parts/act";
import { Form } from "../parts/form";
import type { Session } from "../types";
import { Frame } from "./frame";

/** The shortest password that the gateway takes, in characters. */
export const SHORTEST = 8;

export function Setup({ session, enter }: { session: Session; enter: (session: Session) => void }) {
  const [secret, setSecret] = useState("");
  const [user, setUser] = useState("admin");
  const [password, setPassword] = useState("");
  const [twice, setTwice] = useState("");
  const setup = useAct(() => api.setup(secret.trim(), user.trim(), password), { then: enter, quiet: true });
  const short = password !== "" && password.length < SHORTEST;
  const differs = twice !== "" && twice !== password;
  const ready = secret !== "" && user.trim() !== "" && password.length >= SHORTEST && twice === password;
  return (
    <Frame
      session={session}
      title="Set up this gateway"
      text="The gateway printed a one-time secret in its terminal when it started. It proves that this gateway is yours."
    >
      <Form submit={() => setup.mutate(undefined)} word="Create the account" busy={setup.isPending} error={setup.error} disabled={!ready}>
        <Stack gap="sm">
          <TextInput label="One-time secret" required autoFocus autoComplete="off" spellCheck={false} value={secret} onChange={(e) => setSecret(e.currentTarget.value)} />
          <TextInput label="User name" required autoComplete="username" value={user} onChange={(e) => setUser(e.currentTarget.value)} />
          <PasswordInput
            label="Password"
            required
            autoComplete="new-password"
            description={`At least ${SHORTEST} characters`}
            error={short && `${SHORTEST - password.length} more to go`}
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
          />
          <PasswordInput label="Password again" required autoComplete="new-password" error={differs && "The two differ"} value={twice} onChange={(e) => setTwice(e.currentTarget.value)} />
        </Stack>
      </Form>
    </Frame>
  );
}
