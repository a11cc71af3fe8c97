// What requests under way have reserved of a key's limits, each with its age: one that never ends shows here.  A process
// holds what a busy key needs for a second in one piece.

import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api";
import { When } from "../parts/when";
import type { Key } from "../types";
import { KINDS } from "./limitkinds";

export function Holds({ keyOf }: { keyOf: Key }) {
  const holds = useQuery({ queryKey: ["keys", keyOf.id, "holds"], queryFn: () => api.holds(keyOf.id), refetchInterval: 5000 });
  if (holds.data === undefined || holds.data.length === 0) return null;
  return (
    <Stack gap={4} mt="md">
      <Text size="sm" fw={500}>
        Reserved by requests under way
      </Text>
      {holds.data.map((hold) => (
        <Text key={hold.id} size="xs" c="dimmed" component="div">
          <span className="page-mono">{hold.id.startsWith("ahead/") ? "all of this second" : hold.id}</span>, since <When at={hold.at} />:{" "}
          {hold.amounts.map(({ kind, amount }) => `${KINDS[kind]?.label ?? kind} ${KINDS[kind]?.tell(amount) ?? amount}`).join(", ")}
        </Text>
      ))}
    </Stack>
  );
}
