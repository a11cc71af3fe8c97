// A list that is longer than one answer: the newest first, more on request.

import { Button, Group } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Loaded } from "./loaded";

interface Page<Row> {
  rows: Row[];
  next: string | number | null;
}

interface Props<Row> {
  name: unknown[];
  ask: (before: string | undefined) => Promise<Page<Row>>;
  every?: number; // ms between refreshes
  children: (rows: Row[]) => ReactNode;
}

export function Paged<Row>({ name, ask, every, children }: Props<Row>) {
  const query = useInfiniteQuery({
    queryKey: name,
    queryFn: ({ pageParam }) => ask(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => (last.next === null ? undefined : String(last.next)),
    select: ({ pages }) => pages.flatMap((page) => page.rows),
    ...(every !== undefined && { refetchInterval: every }),
  });
  return (
    <>
      <Loaded query={query} bars={6}>
        {children}
      </Loaded>
      {query.hasNextPage && (
        <Group justify="center" mt="sm">
          <Button variant="default" size="xs" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show more
          </Button>
        </Group>
      )}
    </>
  );
}
