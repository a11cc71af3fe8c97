// One model, to add or to change.

import { Autocomplete, MultiSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api";
import { useAct } from "../parts/act";
import { Dialog } from "../parts/form";
import type { Model } from "../types";

interface Props {
  opened: boolean;
  close: () => void;
  model: Model | null;
  known: string[];
}

export function ModelDialog({ opened, close, model, known }: Props) {
  const upstreams = useQuery({ queryKey: ["upstreams"], queryFn: api.upstreams });
  const [id, setId] = useState(model?.id ?? "");
  const [target, setTarget] = useState(model?.target ?? "");
  const [chosen, setChosen] = useState<string[]>(model?.upstreams ?? []);
  const save = useAct(
    () => {
      const wish = { target: target.trim() || id.trim(), upstreams: chosen };
      return model === null ? api.addModel({ id: id.trim(), ...wish, enabled: true }) : api.changeModel(model.id, wish);
    },
    { done: model === null ? "Model added" : "Saved", touches: ["models", "audit"], quiet: true, then: close },
  );
  return (
    <Dialog opened={opened} close={close} title={model === null ? "Add a model" : model.id} submit={() => save.mutate(undefined)} word={model === null ? "Add" : "Save"} busy={save.isPending} error={save.error} disabled={id.trim() === ""}>
      {model === null ? (
        <Autocomplete label="Name" description="What clients ask for" required data-autofocus data={[...new Set(known)]} limit={50} value={id} onChange={setId} />
      ) : (
        <TextInput label="Name" value={id} readOnly description="To rename a model, add it anew" />
      )}
      <Autocomplete label="Becomes" description="What the upstream is asked for; empty: the same name" data={[...new Set(known)]} limit={50} value={target} onChange={setTarget} />
      <MultiSelect label="Upstreams" description="Who may answer, in this order; none: whoever serves the name" data={(upstreams.data ?? []).map(({ name }) => name)} value={chosen} onChange={setChosen} />
    </Dialog>
  );
}
