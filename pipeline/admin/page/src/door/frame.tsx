// The sheet in the middle of an otherwise empty page, on which setup and login stand.

import { Alert, Box, Center, Paper, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Brand } from "../brand";
import type { Session } from "../types";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

interface Props {
  title: string;
  text: string;
  session: Session;
  children: ReactNode;
}

export function Frame({ title, text, session, children }: Props) {
  const bare = !session.tls && !LOOPBACK.includes(window.location.hostname);
  return (
    <Center component="main" mih="100dvh" p="md">
      <title>{`${title} · pipeline`}</title>
      <Box w="100%" maw={420}>
        <Brand />
        <Paper p="lg" mt="md" shadow="xs">
          <Stack gap="md">
            <div>
              <Title order={1}>{title}</Title>
              <Text size="sm" c="dimmed" mt={4}>
                {text}
              </Text>
            </div>
            {bare && (
              <Alert color="orange" title="This connection is not encrypted">
                Whoever is on the way can read your password. Reach the gateway over HTTPS or a tunnel instead.
              </Alert>
            )}
            {children}
          </Stack>
        </Paper>
        <Text size="xs" c="dimmed" ta="center" mt="md">
          version {session.version}
        </Text>
      </Box>
    </Center>
  );
}
