// What is shown of a question to the gateway: grey bars while it is asked the first time, the answer, or why there is
// none and a way to ask again.  An answer that is merely being refreshed stays where it is.

import { Alert, Button, Skeleton, Stack } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

interface Props<Answer> {
  query: UseQueryResult<Answer, Error>;
  bars?: number;
  height?: number;
  children: (answer: Answer) => ReactNode;
}

export function Loaded<Answer>({ query, bars = 3, height = 36, children }: Props<Answer>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error !== null) return <Trouble error={query.error} again={() => void query.refetch()} />;
  return (
    <Stack gap="xs" role="status" aria-label="Loading">
      {Array.from({ length: bars }, (_, bar) => (
        <Skeleton key={bar} height={height} />
      ))}
    </Stack>
  );
}

/** An error, in the gateway's own words, and the way to try again. */
export function Trouble({ error, again }: { error: Error; again?: () => void }) {
  return (
    <Alert color="red" title="That did not work" role="alert">
      <Stack gap="xs" align="flex-start">
        <span>{error.message}</span>
        {again !== undefined && (
          <Button size="xs" color="red" variant="outline" onClick={again}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
