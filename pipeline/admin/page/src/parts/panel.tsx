// A part of a page: a sheet of paper with a name and, at its right, what can be done with it.

import { Group, Paper, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  title: string;
  text?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Panel({ title, text, actions, children }: Props) {
  return (
    <Paper component="section" aria-label={title}>
      <Group justify="space-between" align="flex-start" gap="xs" mb="sm">
        <div>
          <Title order={2}>{title}</Title>
          {text !== undefined && (
            <Text size="sm" c="dimmed" maw="42rem">
              {text}
            </Text>
          )}
        </div>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Paper>
  );
}
