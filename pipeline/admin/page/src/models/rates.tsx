// What the five classes of tokens cost, typed in dollars per million tokens, as price lists say it.

import { NumberInput, SimpleGrid } from "@mantine/core";
import { type Amounts, CLASSES } from "./draft";

interface Props {
  of?: string; // what the labels end with, where there are several of them
  amounts: Amounts;
  change: (amounts: Amounts) => void;
}

export function Rates({ of = "", amounts, change }: Props) {
  return (
    <SimpleGrid cols={{ base: 2, xs: of === "" ? 2 : 3 }} spacing="sm">
      {CLASSES.map(({ name, label, text }) => (
        <NumberInput
          key={name}
          label={of === "" ? label : `${label}${of}`}
          description={text}
          prefix="$"
          min={0}
          decimalScale={4}
          hideControls
          required={name === "input" || name === "output"}
          value={amounts[name] ?? ""}
          onChange={(amount) => change({ ...amounts, [name]: amount })}
        />
      ))}
    </SimpleGrid>
  );
}
