// One upstream: where it is, how it is, what the gateway shows it, and the way to try it.

import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { StateBadge } from "../parts/badges";
import { Panel } from "../parts/panel";
import type { Upstream } from "../types";
import { AddCredential, Credentials } from "./credentials";
import { Circuit, LastError, PlanWindows } from "./health";
import { Oauth } from "./oauth";
import { Trial } from "./trial";

const KEYS: Record<Upstream["key"], string> = {
  config: "its key comes from the configuration",
  store: "its keys are kept here",
  client: "clients bring their own key",
  none: "it is asked without a key",
};

export function One({ upstream }: { upstream: Upstream }) {
  const [trying, { toggle }] = useDisclosure(false);
  const [adding, { open, close }] = useDisclosure(false);
  const actions = (
    <>
      <Button size="xs" variant="default" onClick={toggle} aria-expanded={trying} aria-label={`Test ${upstream.name}`}>
        Test
      </Button>
      <Button size="xs" variant="default" onClick={open} aria-label={`Add a key to ${upstream.name}`}>
        Add a key
      </Button>
    </>
  );
  return (
    <Panel title={upstream.name} text={<Text span inherit className="page-mono">{upstream.url}</Text>} actions={actions}>
      <Stack gap="sm">
        <Group gap="xs">
          <StateBadge state={upstream.state} />
          <Badge color="gray">{upstream.dialect}</Badge>
          {upstream.provider !== null && upstream.provider !== "" && <Badge color="gray">{upstream.provider}</Badge>}
          <Text size="sm" c="dimmed">
            {KEYS[upstream.key] ?? upstream.key}; serves <span className="page-mono">{upstream.models.length === 0 ? "any model" : upstream.models.join(" ")}</span>
          </Text>
        </Group>
        <Circuit upstream={upstream} />
        <LastError upstream={upstream} />
        <PlanWindows windows={upstream.windows} />
        {trying && <Trial upstream={upstream} />}
        {upstream.credentials.length > 0 && <Credentials upstream={upstream} />}
        {upstream.oauth !== null && <Oauth name={upstream.name} oauth={upstream.oauth} />}
      </Stack>
      <AddCredential upstream={upstream.name} opened={adding} close={close} />
    </Panel>
  );
}
