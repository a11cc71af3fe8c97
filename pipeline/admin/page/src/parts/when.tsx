// A moment: how long ago, and the whole of it for those who point at it.

import { Text, Tooltip } from "@mantine/core";
import { moment, relative } from "../format";

export function When({ at, never = "never" }: { at: number | null | undefined; never?: string }) {
  if (at === null || at === undefined || at === 0) return <>{never}</>;
  return (
    <Tooltip label={moment(at)}>
      <Text component="time" inherit dateTime={new Date(at).toISOString()} style={{ whiteSpace: "nowrap" }}>
        {relative(at)}
      </Text>
    </Tooltip>
  );
}
