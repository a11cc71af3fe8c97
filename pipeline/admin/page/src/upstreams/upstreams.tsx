// Who answers: every upstream with its state, the keys the gateway has for it, and a test that says where it stops.

import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api";
import { Empty } from "../parts/empty";
import { Heading } from "../parts/heading";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { One } from "./upstream";

export default function Upstreams() {
  const upstreams = useQuery({ queryKey: ["upstreams"], queryFn: api.upstreams, refetchInterval: 5000 });
  return (
    <>
      <Heading title="Upstreams" text="Who answers, and with which credentials. Addresses stand in the configuration; keys can be kept here, encrypted." />
      <Loaded query={upstreams} bars={2} height={160}>
        {(rows) =>
          rows.length === 0 ? (
            <Panel title="None">
              <Empty title="No upstream" text="Name one under [upstreams] in the gateway's configuration." />
            </Panel>
          ) : (
            <Stack gap="md">
              {rows.map((upstream) => (
                <One key={upstream.name} upstream={upstream} />
              ))}
            </Stack>
          )
        }
      </Loaded>
    </>
  );
}
