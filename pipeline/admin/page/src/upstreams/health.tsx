// What an upstream last said: its error, and the windows of its plan.

import { Stack, Text } from "@mantine/core";
import { relative, share } from "../format";
import { Meter } from "../parts/meter";
import { When } from "../parts/when";
import type { Health, PlanWindow } from "../types";

export function LastError({ upstream }: { upstream: Health }) {
  if (!upstream.last_error) return null;
  return (
    <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }} component="div">
      {upstream.last_status ? `${upstream.last_status} ` : ""}
      {upstream.last_error} <When at={upstream.last_at} never="" />
    </Text>
  );
}

export function PlanWindows({ windows }: { windows: PlanWindow[] }) {
  if (windows.length === 0) return null;
  return (
    <Stack gap={6} mt={6}>
      {windows.map((window) => (
        <Meter
          key={window.name}
          name={`Plan, ${window.name}`}
          part={window.utilisation}
          figures={share(window.utilisation)}
          text={window.resets ? `begins anew ${relative(window.resets)}` : undefined}
        />
      ))}
    </Stack>
  );
}
