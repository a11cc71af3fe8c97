// Who may enter: first run, login, or the page itself, as the gateway's session says.

import { Center, Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, whenOver } from "../api";
import { Trouble } from "../parts/loaded";
import { Shell } from "../shell";
import type { Session } from "../types";
import { Login } from "./login";
import { Setup } from "./setup";

export function Door() {
  const client = useQueryClient();
  const session = useQuery({ queryKey: ["session"], queryFn: api.session, staleTime: Infinity });
  const enter = (fresh: Session) => client.setQueryData(["session"], fresh);

  // Any call may find the session over: then the gateway is asked again, and this page shows what it says.
  useEffect(() => whenOver(() => void client.invalidateQueries({ queryKey: ["session"] })), [client]);

  if (session.data === undefined) {
    return (
      <Center component="main" mih="100dvh" p="md">
        {session.error === null ? (
          <Loader aria-label="Loading" />
        ) : (
          <Trouble error={session.error} again={() => void session.refetch()} />
        )}
      </Center>
    );
  }
  if (session.data.state === "setup") return <Setup enter={enter} session={session.data} />;
  if (session.data.state === "login") return <Login enter={enter} session={session.data} />;
  return <Shell session={session.data} />;
}
