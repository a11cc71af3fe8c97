// Above every room while the configuration that was read last is refused: what is wrong with it, and what serves instead.

import { Alert, List } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api";
import { moment } from "../format";

export function RefusedConfiguration() {
  const { data } = useQuery({ queryKey: ["overview"], queryFn: api.overview, refetchInterval: 10_000 });
  if (data === undefined || data.configuration.problems.length === 0) return null;
  const { problems, at } = data.configuration;
  return (
    <Alert color="red" mb="md" title="The configuration was refused">
      The one in force since {moment(at)} goes on serving. Mend the file: it is read again when it changes.
      <List size="sm" mt={6}>
        {problems.map((problem) => (
          <List.Item key={problem} className="page-mono">
            {problem}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}
