// One fact of a list of them (`<dl>`): its name, small, and what it is.

import { Text } from "@mantine/core";
import type { ReactNode } from "react";

export function Fact({ name, is, mono = false }: { name: string; is: ReactNode; mono?: boolean }) {
  return (
    <div>
      <Text component="dt" size="xs" c="dimmed">
        {name}
      </Text>
      <Text component="dd" m={0} size="sm" style={{ overflowWrap: "anywhere" }}>
        {mono ? <span className="page-mono">{is}</span> : is}
      </Text>
    </div>
  );
}
