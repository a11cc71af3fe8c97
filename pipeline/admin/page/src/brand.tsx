// The mark and the name.

import { Group, Image, Text } from "@mantine/core";

export function Brand() {
  return (
    <Group gap={8} wrap="nowrap">
      <Image src="./favicon.svg" alt="" w={24} h={24} />
      <Text fw={650} fz="md" lh={1}>
        pipeline
      </Text>
    </Group>
  );
}
