// All upstreams at a glance: their state, their last error, how much of a plan's window is used.

import { Button, Group, Stack, Text } from "@mantine/core";
import { Link } from "react-router";
import { StateBadge } from "../parts/badges";
import { Empty } from "../parts/empty";
import { Panel } from "../parts/panel";
import type { Health } from "../types";
import { Circuit, LastError, PlanWindows } from "../upstreams/health";

/** From which use of a plan's window on it is shown here. */
const NOTABLE = 0.5;

export function Strip({ upstreams }: { upstreams: Health[] }) {
  const manage = (
    <Button component={Link} to="/upstreams" size="compact-xs" variant="subtle">
      Manage
    </Button>
  );
  return (
    <Panel title="Upstreams" actions={manage}>
      {upstreams.length === 0 && <Empty title="No upstream" text="Name one under [upstreams] in the gateway's configuration." />}
      <Stack gap="sm">
        {upstreams.map((upstream) => (
          <div key={upstream.name}>
            <Group justify="space-between" gap="xs" wrap="nowrap">
              <Text size="sm" fw={500} style={{ overflowWrap: "anywhere" }}>
                {upstream.name}{" "}
                <Text span size="sm" c="dimmed">
                  {upstream.dialect}
                </Text>
              </Text>
              <StateBadge state={upstream.state} />
            </Group>
            <Circuit upstream={upstream} />
            <LastError upstream={upstream} />
            <PlanWindows windows={upstream.windows.filter(({ utilisation }) => utilisation >= NOTABLE)} />
          </div>
        ))}
      </Stack>
    </Panel>
  );
}
