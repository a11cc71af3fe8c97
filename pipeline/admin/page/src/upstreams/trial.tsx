// A test of an upstream, step by step, from its name to a streamed token: where it stops is where it is broken.

import { Alert, Autocomplete, Button, Group, Paper, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Check, X } from "lucide-react";
import { useState } from "react";
import { api } from "../api";
import { duration } from "../format";
import { useAct } from "../parts/act";
import { Trouble } from "../parts/loaded";
import type { TestStep, Upstream } from "../types";

const STEPS: Record<string, string> = {
  dns: "Its name is found",
  connect: "It takes connections",
  tls: "Its certificate is good",
  key: "It takes the key",
  model: "It knows the model",
  stream: "It streams",
};

export function Trial({ upstream }: { upstream: Upstream }) {
  const models = useQuery({ queryKey: ["models"], queryFn: api.models });
  const [model, setModel] = useState("");
  const trial = useAct(() => api.test(upstream.name, model.trim() || undefined), { quiet: true, touches: ["overview", "upstreams"] });
  return (
    <Paper p="sm">
      <Stack gap="sm">
        <Group align="flex-end" gap="xs">
          <Autocomplete size="xs" label={`Model to ask ${upstream.name} for`} placeholder="the first it offers" data={[...new Set(models.data?.known ?? [])]} limit={50} value={model} onChange={setModel} style={{ flex: "1 1 12rem" }} maw={320} />
          <Button size="xs" loading={trial.isPending} onClick={() => trial.mutate(undefined)}>
            Run the test
          </Button>
        </Group>
        <Text size="xs" c="dimmed">
          Asks for a few tokens; that may cost a fraction of a cent.
        </Text>
        {trial.error !== null && <Trouble error={trial.error} />}
        <div role="status">{trial.data !== undefined && <Result ok={trial.data.ok} steps={trial.data.steps} />}</div>
      </Stack>
    </Paper>
  );
}

function Result({ ok, steps }: { ok: boolean; steps: TestStep[] }) {
  return (
    <Alert color={ok ? "tide" : "red"} title={ok ? "It works" : "It does not work"}>
      <Stack gap={4}>
        {steps.map((step) => (
          <Group key={step.name} gap="xs" wrap="nowrap" align="flex-start">
            {step.ok ? <Check size={16} aria-label="passed" /> : <X size={16} aria-label="failed" />}
            <Text size="sm" style={{ flex: 1, overflowWrap: "anywhere" }}>
              {STEPS[step.name] ?? step.name}
              {step.text !== "" && `: ${step.text}`}
            </Text>
            <Text size="sm">{duration(step.seconds * 1e6)}</Text>
          </Group>
        ))}
      </Stack>
    </Alert>
  );
}
