// How much of something is used: a bar that turns amber at 80 % and red when it is full, with its figures beside it.

import { Group, Progress, Text } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  name: string;
  part: number; // 0..1, or more
  held?: number; // reserved by requests under way, 0..1
  figures: ReactNode;
  text?: ReactNode;
}

export function Meter({ name, part, held = 0, figures, text }: Props) {
  const color = part >= 1 ? "red" : part >= 0.8 ? "orange" : "tide";
  const used = Math.min(100, Math.max(0, part * 100));
  return (
    <div>
      <Group justify="space-between" gap="xs" mb={4}>
        <Text size="sm">{name}</Text>
        <Text size="sm">{figures}</Text>
      </Group>
      <Progress.Root size="sm">
        <Progress.Section value={used} color={color} aria-label={`${name}: used`} />
        <Progress.Section value={Math.min(100 - used, held * 100)} color="gray.5" aria-label={`${name}: reserved`} />
      </Progress.Root>
      {text !== undefined && (
        <Text size="xs" c="dimmed" mt={2}>
          {text}
        </Text>
      )}
    </div>
  );
}
