// The login: name and password, and the gateway's patience with guesses.

import { PasswordInput, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../api";
import { useAct } from "../parts/act";
import { Form } from "../parts/form";
import type { Session } from "../types";
import { Frame } from "./frame";

export function Login({ session, enter }: { session: Session; enter: (session: Session) => void }) {
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const login = useAct(() => api.login(user.trim(), password), { then: enter, quiet: true });
  return (
    <Frame session={session} title="Sign in" text="To manage this gateway's keys, models, upstreams and spending.">
      <Form
        submit={() => login.mutate(undefined)}
        word="Sign in"
        busy={login.isPending}
        error={login.error}
        disabled={user.trim() === "" || password === ""}
      >
        <Stack gap="sm">
          <TextInput label="User name" required autoFocus autoComplete="username" value={user} onChange={(e) => setUser(e.currentTarget.value)} />
          <PasswordInput label="Password" required autoComplete="current-password" value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
        </Stack>
      </Form>
    </Frame>
  );
}
