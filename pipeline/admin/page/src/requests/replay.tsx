// Whether a request was captured, and how it is sent through the line once more.

import { Text } from "@mantine/core";
import { Copied } from "../parts/copied";
import { Panel } from "../parts/panel";
import type { Capture } from "../types";

export function Replay({ id, capture }: { id: string; capture: Capture }) {
  return (
    <Panel title="Capture">
      {capture.kept ? (
        <>
          <Text size="sm" mb="xs">
            It was captured. This sends it through the line once more, against what the upstream said then, and shows what each stage changes:
          </Text>
          <Copied text={`python -m pipeline replay ${id} --diff`} label="the command" />
        </>
      ) : (
        <Text size="sm" c="dimmed">
          {capture.on ? "There is no capture of it: captures are on, but this one was not wanted, or has made room for others." : "Captures are off, so it can't be replayed. "}
          {!capture.on && <span className="page-mono">[capture] enabled = true</span>}
          {!capture.on && " keeps whole requests and replies in files, without secrets."}
        </Text>
      )}
    </Panel>
  );
}
