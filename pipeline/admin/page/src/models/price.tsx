// A price, to add, or to add in the place of another: prices are never changed, since what was billed by them stays.

import { Group, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../api";
import { useAct } from "../parts/act";
import { Dialog } from "../parts/form";
import type { Price, PriceWish } from "../types";
import { type Draft, drafted, ready, wish } from "./draft";
import { Rates } from "./rates";
import { Terms } from "./terms";
import { Tiers } from "./tiers";

/** *price*: what it begins with, and takes the place of.  Give it a key: a draft is made once. */
export function PriceDialog({ opened, close, price }: { opened: boolean; close: () => void; price: Price | null }) {
  const [draft, setDraft] = useState<Draft>(() => drafted(price));
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  const add = useAct((wanted: PriceWish) => api.addPrice(wanted), { done: "Price added", touches: ["prices", "models", "audit"], quiet: true, then: close });
  const title = price === null ? "Add a price" : `Change the price of ${price.model}`;
  return (
    <Dialog opened={opened} close={close} title={title} size="lg" submit={() => add.mutate(wish(draft))} word={price === null ? "Add" : "Change"} busy={add.isPending} error={add.error} disabled={!ready(draft)}>
      <TextInput label="Models" description="A name, or a pattern such as small-*" required data-autofocus value={draft.model} onChange={(event) => change({ model: event.currentTarget.value })} />
      <Group grow align="flex-start">
        <TextInput label="Upstreams" description="A name or a pattern; * is any" value={draft.upstream} onChange={(event) => change({ upstream: event.currentTarget.value })} />
        <TextInput type="date" label="Since" description="Empty: from now on" value={draft.since} onChange={(event) => change({ since: event.currentTarget.value })} />
      </Group>
      <Rates amounts={draft.amounts} change={(amounts) => change({ amounts })} />
      <Tiers tiers={draft.tiers} change={(tiers) => change({ tiers })} />
      <Terms terms={draft.terms} change={(terms) => change({ terms })} />
    </Dialog>
  );
}
