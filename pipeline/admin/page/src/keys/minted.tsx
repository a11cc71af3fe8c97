// The one time a secret is seen: to copy, and, for every client, the settings to paste.

import { Alert, Button, Group, Modal, Stack, Tabs } from "@mantine/core";
import { Copied } from "../parts/copied";
import type { Minted } from "../types";

export function SecretDialog({ minted, close }: { minted: Minted | null; close: () => void }) {
  return (
    <Modal opened={minted !== null} onClose={close} title="Your new secret" size="lg" closeOnClickOutside={false} closeButtonProps={{ "aria-label": "Close" }}>
      {minted !== null && (
        <Stack gap="md">
          <Alert color="orange" title="This is the only time it is shown">
            The gateway keeps a fingerprint of it, not the secret itself. A lost secret is replaced by rotating the key.
          </Alert>
          <Copied text={minted.secret} label="the secret" />
          {minted.paste.length > 0 && <Pastes minted={minted} />}
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
