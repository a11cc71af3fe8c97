// Who was tried, in order: the fields are those that the gateway recorded of each attempt.

import { Badge, Group, Stack, Text } from "@mantine/core";
import { duration, plain } from "../format";
import { Raw } from "../parts/json";
import type { Json, RequestDetail } from "../types";

const number = (value: Json | undefined) => (typeof value === "number" ? value : undefined);

export function Attempts({ attempts }: { attempts: RequestDetail["attempts"] }) {
  return (
    <Stack gap="xs">
      {attempts.map((attempt, at) => (
        <div key={at}>
          <Group gap="xs">
            <Text size="sm" fw={500}>
              {at + 1}. {plain(attempt["upstream"])}
            </Text>
            {attempt["status"] !== undefined && attempt["status"] !== null && <Badge color={(number(attempt["status"]) ?? 0) >= 400 ? "red" : "tide"}>{plain(attempt["status"])}</Badge>}
            {number(attempt["took"]) !== undefined && <Text size="sm">{duration(number(attempt["took"]))}</Text>}
          </Group>
          <details>
            <Text component="summary" size="xs" c="dimmed">
              All that is recorded
            </Text>
            <Raw value={attempt} label={`Attempt ${at + 1}`} />
          </details>
        </div>
      ))}
    </Stack>
  );
}
