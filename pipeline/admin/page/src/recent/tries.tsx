// Who was tried, in order, each on the time that the whole request took; before each but the first, why it was asked.

import { Badge, Group, Progress, Stack, Text } from "@mantine/core";
import { duration } from "../format";
import type { SeenDetail, Try } from "../types";

export function Tries({ seen }: { seen: SeenDetail }) {
  return (
    <Stack gap="sm" component="ol" m={0} p={0} style={{ listStyle: "none" }}>
      {seen.tries.map((one, at) => (
        <li key={at}>
          {one.why !== null && (
            <Text size="sm" mb={4} style={{ overflowWrap: "anywhere" }}>
              <Text span inherit c="dimmed">then, because </Text>
              {one.why}
            </Text>
          )}
          <Group gap="xs" mb={4} align="baseline">
            <Text size="sm" fw={500}>
              {at + 1}. {one.upstream}
            </Text>
            <Text size="sm">
              <span className="page-mono">{one.model}</span>
            </Text>
            {one.status !== null && <Badge color={one.status >= 400 ? "red" : "tide"}>{one.status}</Badge>}
            {one.error !== null && <Badge color="red">{one.error}</Badge>}
          </Group>
          <Span one={one} whole={Math.max(seen.seconds, 1e-6)} />
        </li>
      ))}
    </Stack>
  );
}

/** When it began, when its first word came, when it ended; the bar shows the same on the request's own time. */
function Span({ one, whole }: { one: Try; whole: number }) {
  const ended = one.ended ?? whole;
  const first = one.first ?? ended;
  const part = (seconds: number) => Math.max(0, (seconds / whole) * 100);
  return (
    <>
      <Progress.Root size="sm" aria-hidden>
        <Progress.Section withAria={false} value={part(one.began)} color="transparent" />
        <Progress.Section withAria={false} value={part(first - one.began)} color={one.error === null ? "indigo.4" : "red.5"} />
        <Progress.Section withAria={false} value={part(ended - first)} color="tide.5" />
      </Progress.Root>
      <Text size="xs" c="dimmed" mt={2}>
        asked after {duration(one.began * 1e6)}
        {one.first !== null && `, first word after ${duration(one.first * 1e6)}`}
        {one.ended !== null && `, ended after ${duration(one.ended * 1e6)}`}
      </Text>
    </>
  );
}
