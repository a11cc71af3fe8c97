// The top of every page: its name (also the document's), one line of what it is for, and what can be done here.

import { Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

export function Heading({ title, text, children }: { title: string; text?: ReactNode; children?: ReactNode }) {
  return (
    <Group justify="space-between" align="flex-start" gap="sm" mb="md">
      <title>{`${title} · pipeline`}</title>
      <Stack gap={2} style={{ flex: "1 1 16rem" }}>
        <Title order={1}>{title}</Title>
        {text !== undefined && (
          <Text size="sm" c="dimmed" maw="46rem">
            {text}
          </Text>
        )}
      </Stack>
      <Group gap="xs">{children}</Group>
    </Group>
  );
}
