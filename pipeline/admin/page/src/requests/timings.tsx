// Where a request's time went: the wait for the first token and the stream after it, then what each stage cost by itself.

import { Group, Progress, Stack, Text } from "@mantine/core";
import { duration } from "../format";
import type { RequestDetail } from "../types";

export function Timings({ request }: { request: RequestDetail }) {
  const first = request.first ?? request.took;
  const whole = Math.max(request.took, 1);
  const stages = Object.entries(request.stages);
  const longest = Math.max(1, ...stages.map(([, micro]) => micro));
  return (
    <Stack gap="sm">
      <div>
        <Progress.Root size="lg">
          <Progress.Section value={(first / whole) * 100} color="indigo.4" aria-label="Until the first token" />
          <Progress.Section value={((whole - first) / whole) * 100} color="tide.5" aria-label="After the first token" />
        </Progress.Root>
        <Group justify="space-between" mt={4}>
          <Text size="xs">until the first token {duration(first)}</Text>
          <Text size="xs">stream {duration(request.took - first)}</Text>
        </Group>
      </div>
      {stages.length === 0 ? (
        <Text size="xs" c="dimmed">
          The stages of this request were not timed.
        </Text>
      ) : (
        <Stack gap={6}>
          {stages.map(([name, micro]) => (
            <Group key={name} gap="xs" wrap="nowrap">
              <Text size="sm" w={150} truncate>
                {name}
              </Text>
              <Progress value={(micro / longest) * 100} size="sm" style={{ flex: 1 }} color="tide.5" aria-label={`${name}: ${duration(micro)}`} />
              <Text size="sm" w={70} ta="right">
                {duration(micro)}
              </Text>
            </Group>
          ))}
        </Stack>
      )}
    </Stack>
  );
}
