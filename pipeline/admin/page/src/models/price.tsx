// One price, to add: typed in dollars per million tokens, as price lists say it.

import { NumberInput, SimpleGrid, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../api";
import { useAct } from "../parts/act";
import { Dialog } from "../parts/form";
import type { PriceWish } from "../types";

type Class = "input" | "output" | "cache_read" | "cache_write_5m" | "cache_write_1h";

const CLASSES: { name: Class; label: string; text: string }[] = [
  { name: "input", label: "Input", text: "fresh tokens" },
  { name: "output", label: "Output", text: "with reasoning" },
  { name: "cache_read", label: "Cache read", text: "empty: as input" },
  { name: "cache_write_5m", label: "Cache write, 5 min", text: "empty: as input" },
  { name: "cache_write_1h", label: "Cache write, 1 h", text: "empty: as input" },
];

export function PriceDialog({ opened, close }: { opened: boolean; close: () => void }) {
  const [model, setModel] = useState("");
  const [amounts, setAmounts] = useState<Partial<Record<Class, number | string>>>({});
  const leave = () => {
    setModel("");
    setAmounts({});
    add.reset();
    close();
  };
  const add = useAct((wish: PriceWish) => api.addPrice(wish), { done: "Price added", touches: ["prices", "models", "audit"], quiet: true, then: leave });
  const micro = (name: Class): number => {
    const typed = amounts[name];
    return typed === undefined || typed === "" ? (name === "input" || name === "output" ? 0 : micro("input")) : Math.round(Number(typed) * 1e6);
  };
  const submit = () =>
    add.mutate({ model: model.trim(), input: micro("input"), output: micro("output"), cache_read: micro("cache_read"), cache_write_5m: micro("cache_write_5m"), cache_write_1h: micro("cache_write_1h") });
  const ready = model.trim() !== "" && amounts.input !== undefined && amounts.input !== "" && amounts.output !== undefined && amounts.output !== "";
  return (
    <Dialog opened={opened} close={leave} title="Add a price" submit={submit} word="Add" busy={add.isPending} error={add.error} disabled={!ready}>
      <TextInput label="Models" description="A name, or a pattern such as small-*" required data-autofocus value={model} onChange={(event) => setModel(event.currentTarget.value)} />
      <SimpleGrid cols={2} spacing="sm">
        {CLASSES.map(({ name, label, text }) => (
          <NumberInput
            key={name}
            label={label}
            description={text}
            prefix="$"
            min={0}
            decimalScale={4}
            hideControls
            required={name === "input" || name === "output"}
            value={amounts[name] ?? ""}
            onChange={(amount) => setAmounts((before) => ({ ...before, [name]: amount }))}
          />
        ))}
      </SimpleGrid>
    </Dialog>
  );
}
