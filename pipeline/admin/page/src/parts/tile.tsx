// One figure with its name, and under it what it is made of.

import { Paper, SimpleGrid, Text } from "@mantine/core";
import type { ReactNode } from "react";

export function Tile({ name, figure, text }: { name: string; figure: ReactNode; text?: ReactNode }) {
  return (
    <Paper p="sm" component="dl" m={0}>
      <Text component="dt" size="xs" c="dimmed">
        {name}
      </Text>
      <Text component="dd" m={0} fz="1.4rem" fw={600} lh={1.3}>
        {figure}
      </Text>
      {text !== undefined && (
        <Text component="dd" m={0} size="xs" c="dimmed">
          {text}
        </Text>
      )}
    </Paper>
  );
}

export function Tiles({ children }: { children: ReactNode }) {
  return <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm" children={children} />;
}
