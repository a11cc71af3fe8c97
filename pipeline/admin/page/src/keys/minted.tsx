// The one time a secret is seen: to copy, and, for every client, the settings to paste.

import { Alert, Button, Group, Modal, Stack, Tabs } from "@mantine/core";
import { useEffect, useRef } from "react";
import { Copied } from "../parts/copied";
import type { Minted } from "../types";

export function SecretDialog({ minted, close }: { minted: Minted | null; close: () => void }) {
  const last = useRef<Minted | null>(null); // in sight while the dialog fades, and no longer
  useEffect(() => {
    if (minted !== null) last.current = minted;
  }, [minted]);
  const forget = () => void (last.current = null);
  const shown = minted ?? last.current;
  return (
    <Modal opened={minted !== null} onClose={close} onExitTransitionEnd={forget} title="Your new secret" size="lg" closeOnClickOutside={false} closeButtonProps={{ "aria-label": "Close" }}>
      {shown !== null && (
        <Stack gap="md">
          <Alert color="orange" title="This is the only time it is shown">
            The gateway keeps a fingerprint of it, not the secret itself. A lost secret is replaced by rotating the key.
          </Alert>
          <Copied text={shown.secret} label="the secret" />
          {shown.paste.length > 0 && <Pastes minted={shown} />}
          <Group justify="flex-end">
            <Button onClick={close}>I have it</Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}

function Pastes({ minted }: { minted: Minted }) {
  const first = minted.paste[0]?.client ?? "";
  return (
    <Tabs defaultValue={first} variant="pills" radius="sm">
      <Tabs.List aria-label="Clients">
        {minted.paste.map(({ client }) => <Tabs.Tab key={client} value={client} px="xs" py={5}>{client}</Tabs.Tab>)}
      </Tabs.List>
      {minted.paste.map(({ client, text }) => (
        <Tabs.Panel key={client} value={client} pt="sm">
          <Copied text={text} label={`the settings of ${client}`} />
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
