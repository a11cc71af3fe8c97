// Models and prices: what clients may ask for and what it becomes; what a token of it costs.

import { Tabs } from "@mantine/core";
import { useSearchParams } from "react-router";
import { Heading } from "../parts/heading";
import { ModelList } from "./list";
import { PriceList } from "./prices";
import { Rerate } from "./rerate";

export default function Models() {
  const [words, setWords] = useSearchParams();
  return (
    <>
      <Heading title="Models and prices" text="What clients may ask for, what it becomes upstream, and what its tokens cost." />
      <Tabs value={words.get("tab") ?? "models"} onChange={(tab) => setWords({ tab: tab ?? "models" }, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="models">Models</Tabs.Tab>
          <Tabs.Tab value="prices">Prices</Tabs.Tab>
          <Tabs.Tab value="rerate">Rate again</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="models"><ModelList /></Tabs.Panel>
        <Tabs.Panel value="prices"><PriceList /></Tabs.Panel>
        <Tabs.Panel value="rerate"><Rerate /></Tabs.Panel>
      </Tabs>
    </>
  );
}
