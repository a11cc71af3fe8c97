// The models that clients see, in the order in which they see them.

import { ActionIcon, Badge, Button, Group, Switch, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Plus } from "lucide-react";
import { useState } from "react";
import { api } from "../api";
import { rate } from "../format";
import { useAct } from "../parts/act";
import { Confirm } from "../parts/confirm";
import { Empty } from "../parts/empty";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { type Column, Sheet } from "../parts/sheet";
import type { Model } from "../types";
import { ModelDialog } from "./dialog";

export function ModelList() {
  const models = useQuery({ queryKey: ["models"], queryFn: api.models });
  const [opened, { open, close }] = useDisclosure(false);
  const [edited, setEdited] = useState<Model | null>(null);
  const change = (model: Model | null) => {
    setEdited(model);
    open();
  };
  const add = (
    <Button size="xs" leftSection={<Plus size={15} aria-hidden />} onClick={() => change(null)}>
      Add a model
    </Button>
  );
  return (
    <Panel title="Models" text="The name a client asks for, the name the upstream gets." actions={add}>
      <Loaded query={models}>
        {({ models: rows, known }) => (
          <>
            {rows.length === 0 ? (
              <Empty title="No model is mapped" text="Every name goes upstream as it is. Add a model to give it a name of your own, choose who answers, or switch it off.">
                {add}
              </Empty>
            ) : (
              <Rows models={rows} edit={change} />
            )}
            <ModelDialog key={`${edited?.id} ${opened}`} opened={opened} close={close} model={edited} known={known} />
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function Rows({ models, edit }: { models: Model[]; edit: (model: Model) => void }) {
  const toggle = useAct(({ id, enabled }: Model) => api.changeModel(id, { enabled: !enabled }), { touches: ["models", "audit"] });
  const remove = useAct(({ id }: Model) => api.removeModel(id), { done: "Model removed", touches: ["models", "audit"] });
  const order = useAct(api.orderModels, { touches: ["models"] });
  const mine = models.filter((model) => model.source === "store").map((model) => model.id);
  const move = (id: string, by: number) => {
    const from = mine.indexOf(id);
    order.mutate(mine.toSpliced(from, 1).toSpliced(from + by, 0, id));
  };
  const columns: Column<Model>[] = [
    { head: "Model", cell: (model) => <Names model={model} /> },
    { head: "Upstreams", cell: (model) => (model.upstreams.length === 0 ? "any" : model.upstreams.join(", ")), from: "sm" },
    { head: "In / out per million", cell: ({ price }) => (price === null ? <Badge color="orange">no price</Badge> : `${rate(price.input)} / ${rate(price.output)}`), number: true, from: "xs" },
    { head: "Enabled", cell: (model) => <Switch aria-label={`${model.id} enabled`} checked={model.enabled} disabled={model.source !== "store"} onChange={() => toggle.mutate(model)} /> },
    {
      head: "Actions",
      cell: (model) =>
        model.source === "store" ? (
          <Group gap={4} justify="flex-end">
            <ActionIcon aria-label={`Move ${model.id} up`} disabled={mine[0] === model.id} onClick={() => move(model.id, -1)}><ArrowUp size={15} aria-hidden /></ActionIcon>
            <ActionIcon aria-label={`Move ${model.id} down`} disabled={mine.at(-1) === model.id} onClick={() => move(model.id, 1)}><ArrowDown size={15} aria-hidden /></ActionIcon>
            <Button size="compact-xs" variant="default" onClick={() => edit(model)} aria-label={`Edit ${model.id}`}>Edit</Button>
            <Confirm size="compact-xs" label="Remove" of={model.id} title={`Remove ${model.id}?`} text="Clients that ask for it are no longer mapped. Its records stay." yes="Remove" act={() => remove.mutate(model)} />
          </Group>
        ) : (
          <Text inherit c="dimmed" component="span">in the configuration</Text>
        ),
      number: true,
    },
  ];
  return <Sheet label="Models" rows={models} id={(model) => model.id} columns={columns} />;
}

function Names({ model }: { model: Model }) {
  return (
    <>
      <Text inherit fw={500} className="page-mono">{model.id}</Text>
      {model.target !== "" && model.target !== model.id && <Text size="xs" c="dimmed" className="page-mono">becomes {model.target}</Text>}
    </>
  );
}
