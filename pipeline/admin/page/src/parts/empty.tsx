// Where there is nothing yet: what would stand here, and what to do next.

import { Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

export function Empty({ title, text, children }: { title: string; text: ReactNode; children?: ReactNode }) {
  return (
    <Stack align="center" gap={4} py="lg" px="md" ta="center">
      <Text fw={600}>{title}</Text>
      <Text size="sm" c="dimmed" maw="32rem" mb={children === undefined ? 0 : "xs"}>
        {text}
      </Text>
      {children}
    </Stack>
  );
}
