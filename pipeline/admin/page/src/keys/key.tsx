// One key: its limits' windows, its use, its settings, and what ends or renews it.

import { Anchor, Group, Paper, Skeleton, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { api } from "../api";
import { moment, money } from "../format";
import { useAct } from "../parts/act";
import { Confirm } from "../parts/confirm";
import { Empty } from "../parts/empty";
import { Form } from "../parts/form";
import { Heading } from "../parts/heading";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { When } from "../parts/when";
import type { Key, KeyWish, Minted } from "../types";
import { CostChart } from "../usage/charts";
import { changed, draftOf, KeyFields, wishOf } from "./fields";
import { Holds } from "./holds";
import { KeyState } from "./keys";
import { SecretDialog } from "./minted";
import { Rotate } from "./rotate";
import { Windows } from "./windows";

export default function KeyPage() {
  const { id = "" } = useParams();
  const key = useQuery({ queryKey: ["keys", id], queryFn: () => api.key(id) });
  return (
    <Loaded query={key} bars={4} height={80}>
      {(answer) => <Whole key={answer.id} keyOf={answer} />}
    </Loaded>
  );
}

function Whole({ keyOf }: { keyOf: Key }) {
  const navigate = useNavigate();
  const [minted, setMinted] = useState<Minted | null>(null);
  const reset = useAct(() => api.resetKey(keyOf.id), { done: "The windows begin anew", touches: ["keys"] });
  const remove = useAct(() => api.deleteKey(keyOf.id), { done: `${keyOf.name} is deleted`, touches: ["overview"], then: () => void navigate("/keys") });
  return (
    <>
      <Heading title={keyOf.name} text={<Facts keyOf={keyOf} />}>
        <Rotate keyOf={keyOf} then={setMinted} />
        <Confirm label="Delete" variant="light" color="red" title={`Delete ${keyOf.name}?`} text="Whoever uses this key is refused from now on. Its records stay." yes="Delete the key" act={() => remove.mutate(undefined)} />
      </Heading>
      <Stack gap="md">
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <Panel
            title="Limits"
            actions={
              keyOf.windows.length > 0 && (
                <Confirm label="Begin anew" title="Begin all windows anew?" text="What was spent in the running windows no longer counts against the limits. The history stays." yes="Begin anew" act={() => reset.mutate(undefined)} />
              )
            }
          >
            <Windows windows={keyOf.windows} />
            <Holds keyOf={keyOf} />
          </Panel>
          <Spending keyOf={keyOf} />
        </SimpleGrid>
        <Edit keyOf={keyOf} />
      </Stack>
      <SecretDialog minted={minted} close={() => setMinted(null)} />
    </>
  );
}

function Facts({ keyOf }: { keyOf: Key }) {
  return (
    <Group component="span" gap="xs">
      <KeyState keyOf={keyOf} />
      <Text inherit span className="page-mono">
        {keyOf.shown.map((start) => `${start}…`).join(" ")}
      </Text>
      <span>
        made {moment(keyOf.created)}, last used <When at={keyOf.used} />
        {keyOf.expires !== 0 && <>, expires {moment(keyOf.expires)}</>}
      </span>
    </Group>
  );
}

function Spending({ keyOf }: { keyOf: Key }) {
  const usage = useQuery({ queryKey: ["usage", "key", keyOf.id], queryFn: () => api.usage({ period: "7d", by: "none", key: keyOf.id }) });
  const links = (
    <Group gap="sm">
      <Anchor component={Link} size="sm" to={`/usage?key=${keyOf.id}`}>Usage</Anchor>
      <Anchor component={Link} size="sm" to={`/requests?key=${keyOf.id}`}>Requests</Anchor>
    </Group>
  );
  return (
    <Panel title="Cost, last 7 days" text={usage.data && money(usage.data.totals.cost)} actions={links}>
      {usage.isPending ? <Skeleton height={180} /> : usage.data?.totals.requests ? <CostChart usage={usage.data} height={180} /> : <Empty title="Not used yet" text="Nothing was asked with this key in the last 7 days." />}
    </Panel>
  );
}

function Edit({ keyOf }: { keyOf: Key }) {
  const [began, setBegan] = useState(keyOf);
  const [draft, setDraft] = useState(() => draftOf(keyOf));
  const fill = (key: Key) => {
    setBegan(key);
    setDraft(draftOf(key));
  };
  const save = useAct((wish: KeyWish) => api.changeKey(keyOf.id, changed(wish, began)), { done: "Saved", touches: ["keys", "overview", "audit"], quiet: true, then: fill });
  const toggle = useAct((enabled: boolean) => api.changeKey(keyOf.id, { enabled }), {
    done: keyOf.enabled ? "The key is disabled" : "The key is enabled",
    touches: ["keys", "overview", "audit"],
  });
  const wish = wishOf(draft);
  return (
    <Panel
      title="Settings"
      actions={
        <Confirm
          label={keyOf.enabled ? "Disable" : "Enable"}
          title={keyOf.enabled ? `Disable ${keyOf.name}?` : `Enable ${keyOf.name}?`}
          text={keyOf.enabled ? "Its requests are refused until it is enabled again." : "Its requests are answered again."}
          yes={keyOf.enabled ? "Disable" : "Enable"}
          act={() => toggle.mutate(!keyOf.enabled)}
        />
      }
    >
      <Paper withBorder={false} p={0} maw={640}>
        <Form submit={() => wish && save.mutate(wish)} word="Save" busy={save.isPending} error={save.error} disabled={!wish?.name}>
          <KeyFields draft={draft} change={(part) => setDraft((before) => ({ ...before, ...part }))} />
        </Form>
      </Paper>
    </Panel>
  );
}
