// How an upstream is: whether it rests, and until when; what it last said; the windows of its plan.

import { Stack, Text } from "@mantine/core";
import { moment, relative, share, spell } from "../format";
import { Meter } from "../parts/meter";
import { When } from "../parts/when";
import type { Health, PlanWindow } from "../types";

/** Whether it is left alone, and why; nothing of one that is well. */
export function Circuit({ upstream: { failures, resting_until, on_trial } }: { upstream: Health }) {
  const after = failures === 0 ? "" : failures === 1 ? " It failed the last time." : ` It failed ${failures} times in a row.`;
  const rests = resting_until && resting_until > Date.now();
  if (!rests && !on_trial && failures === 0) return null;
  return (
    <Text size="xs" component="div">
      {rests ? (
        <>
          Rests until <time dateTime={new Date(resting_until).toISOString()}>{moment(resting_until)}</time>, {spell((resting_until - Date.now()) / 1000)} more; others are asked before it.
        </>
      ) : (
        on_trial && "Has rested: the next request finds out whether it is well."
      )}
      {after}
    </Text>
  );
}

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
          text={window.resets ? (window.resets > Date.now() ? `begins anew ${relative(window.resets)}` : "has begun anew since") : undefined}
        />
      ))}
    </Stack>
  );
}
