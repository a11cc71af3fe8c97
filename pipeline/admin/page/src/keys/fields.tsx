// What a key is, to edit: the same fields when it is made and when it is changed.

import { Collapse, JsonInput, Select, Stack, Switch, TagsInput, TextInput, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { Json, KeyWish } from "../types";
import { Limits } from "./limits";

export interface Draft extends Omit<KeyWish, "options"> {
  options: string; // JSON, as typed
}

export const EMPTY: Draft = {
  name: "",
  enabled: true,
  expires: 0,
  models: ["*"],
  limits: [],
  allow_extra_usage: false,
  when_spent: "finish",
  options: "{}",
};

export function draftOf(key: KeyWish): Draft {
  const { name, enabled, expires, models, limits, allow_extra_usage, when_spent, options } = key;
  return { name, enabled, expires, models, limits, allow_extra_usage, when_spent, options: JSON.stringify(options, null, 2) };
}

/** The wish that a draft stands for; undefined while its options are not an object in JSON. */
export function wishOf(draft: Draft): KeyWish | undefined {
  try {
    const options = JSON.parse(draft.options.trim() || "{}") as Json;
    if (options === null || typeof options !== "object" || Array.isArray(options)) return undefined;
    return { ...draft, name: draft.name.trim(), options: options as KeyWish["options"] };
  } catch {
    return undefined;
  }
}

/** What of *wish* is not as it *was*: what another admin changed meanwhile is to stay. */
export function changed(wish: KeyWish, was: KeyWish): Partial<KeyWish> {
  const told = (of: KeyWish, name: string) => JSON.stringify(of[name as keyof KeyWish]);
  return Object.fromEntries(Object.entries(wish).filter(([name]) => told(wish, name) !== told(was, name)));
}

/** Moments for ``<input type="datetime-local">``, which knows no time zone: the reader's own. */
const local = (ms: number) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

export function KeyFields({ draft, change }: { draft: Draft; change: (part: Partial<Draft>) => void }) {
  const [more, { toggle }] = useDisclosure(draft.options !== "{}" || draft.allow_extra_usage);
  return (
    <Stack gap="sm">
      <TextInput label="Name" description="Whose key it is, or what for" required data-autofocus value={draft.name} onChange={(event) => change({ name: event.currentTarget.value })} />
      <TagsInput label="Models" description="Names or patterns such as small-*; * is every model" value={draft.models} onChange={(models) => change({ models })} />
      <Limits limits={draft.limits} change={(limits) => change({ limits })} />
      <TextInput
        label="Expires"
        description="Empty: never"
        type="datetime-local"
        value={draft.expires === 0 ? "" : local(draft.expires)}
        onChange={(event) => change({ expires: event.currentTarget.value === "" ? 0 : new Date(event.currentTarget.value).getTime() })}
      />
      <UnstyledButton onClick={toggle} aria-expanded={more} fz="sm" c="var(--mantine-color-anchor)" w="fit-content">
        {more ? "Fewer settings" : "More settings"}
      </UnstyledButton>
      <Collapse expanded={more}>
        <Stack gap="sm">
          <Select
            label="When a limit is reached in the middle of a reply"
            allowDeselect={false}
            data={[{ value: "finish", label: "Let the reply finish" }, { value: "cut", label: "Cut it there" }]}
            value={draft.when_spent}
            onChange={(word) => change({ when_spent: word === "cut" ? "cut" : "finish" })}
          />
          <Switch label="May use paid extra usage of a plan" checked={draft.allow_extra_usage} onChange={(event) => change({ allow_extra_usage: event.currentTarget.checked })} />
          <JsonInput
            label="Options of stages"
            description={'Settings that hold for this key only, as JSON: {"stage": {"setting": …}}'}
            validationError="Not JSON"
            autosize
            minRows={2}
            value={draft.options}
            onChange={(options) => change({ options })}
          />
        </Stack>
      </Collapse>
    </Stack>
  );
}
