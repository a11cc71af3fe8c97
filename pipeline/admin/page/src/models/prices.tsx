// The prices: dollars per million tokens of each class, by a pattern of models, from a moment on.  Yours go before those
// that the gateway brings.

import { Badge, Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { api } from "../api";
import { counted, moment, rate } from "../format";
import { useAct } from "../parts/act";
import { Confirm } from "../parts/confirm";
import { Empty } from "../parts/empty";
import { Loaded } from "../parts/loaded";
import { Panel } from "../parts/panel";
import { type Column, Sheet } from "../parts/sheet";
import type { Price } from "../types";
import { PriceDialog } from "./price";

export function PriceList() {
  const prices = useQuery({ queryKey: ["prices"], queryFn: api.prices });
  const [opened, { open, close }] = useDisclosure(false);
  const [edited, setEdited] = useState<Price | null>(null);
  const edit = (price: Price | null) => {
    setEdited(price);
    open();
  };
  const remove = useAct((price: Price) => api.removePrice(price.id), { done: "Price removed", touches: ["prices", "models", "audit"] });
  const add = (
    <Button size="xs" leftSection={<Plus size={15} aria-hidden />} onClick={() => edit(null)}>
      Add a price
    </Button>
  );
  const columns: Column<Price>[] = [
    { head: "Models", cell: (price) => <Names price={price} /> },
    { head: "Input", cell: (price) => rate(price.input), number: true },
    { head: "Output", cell: (price) => rate(price.output), number: true },
    { head: "Cache read", cell: (price) => rate(price.cache_read), number: true, from: "sm" },
    { head: "Write 5 min", cell: (price) => rate(price.cache_write_5m), number: true, from: "md" },
    { head: "Write 1 h", cell: (price) => rate(price.cache_write_1h), number: true, from: "md" },
    { head: "Since", cell: (price) => (price.since > 0 ? moment(price.since) : "always"), from: "lg" },
    { head: "From", cell: (price) => (price.editable ? <Badge>yours</Badge> : <Text size="xs" c="dimmed">{price.source}</Text>), from: "sm" },
    {
      head: "Actions",
      cell: (price) => (
        <Group gap={4} justify="flex-end">
          <Button size="compact-xs" variant="default" onClick={() => edit(price)} aria-label={`Change the price of ${price.model}`}>Change</Button>
          {price.editable && (
            <Confirm size="compact-xs" label="Remove" of={`the price of ${price.model}`} title={`Remove the price of ${price.model}?`} text="From now on the next price that fits counts. What was booked stays as it is." yes="Remove" act={() => remove.mutate(price)} />
          )}
        </Group>
      ),
      number: true,
    },
  ];
  return (
    <Panel title="Prices" text="Dollars per million tokens. The first that fits a model counts; yours go before the built-in ones." actions={add}>
      <Loaded query={prices}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No prices" text="Without a price the gateway counts tokens, but no dollars.">{add}</Empty>
          ) : (
            <Sheet label="Prices" rows={rows} id={(price, at) => price.id || `${price.model} ${at}`} columns={columns} />
          )
        }
      </Loaded>
      <PriceDialog key={`${edited?.id} ${edited?.model} ${opened}`} opened={opened} close={close} price={edited} />
    </Panel>
  );
}

/** The models, and how many tiers and terms there are; *Change* shows them. */
function Names({ price }: { price: Price }) {
  const terms = Object.values(price.factors).reduce((sum, values) => sum + Object.keys(values).length, 0);
  const more = [[price.tiers.length, "tier"] as const, [terms, "term"] as const].filter(([number]) => number > 0);
  return (
    <>
      <span className="page-mono">{price.model}</span>
      {price.upstream !== "*" && ` at ${price.upstream}`}
      {more.length > 0 && <Text size="xs" c="dimmed">{more.map(([number, what]) => counted(number, what)).join(", ")}</Text>}
    </>
  );
}
