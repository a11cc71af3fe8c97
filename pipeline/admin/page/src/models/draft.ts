// A price while it is typed, and what becomes of it: dollars here, micro-dollars at the gateway.

import type { Price, PriceWish, Rates } from "../types";

export type Class = keyof Rates;
export type Amounts = Partial<Record<Class, number | string>>;

export const CLASSES: { name: Class; label: string; text: string }[] = [
  { name: "input", label: "Input", text: "fresh tokens" },
  { name: "output", label: "Output", text: "with reasoning" },
  { name: "cache_read", label: "Cache read", text: "empty: as input" },
  { name: "cache_write_5m", label: "Cache write, 5 min", text: "empty: as input" },
  { name: "cache_write_1h", label: "Cache write, 1 h", text: "empty: as input" },
];

export interface Tier {
  above: number | string; // tokens of the prompt
  amounts: Amounts;
}

export interface Term {
  field: string;
  value: string;
  times: number | string;
}

export interface Draft {
  model: string;
  upstream: string;
  since: string; // a day; "": from now on
  amounts: Amounts;
  tiers: Tier[];
  terms: Term[];
}

const typed = (value: number | string | undefined): value is number | string => value !== undefined && value !== "";
const full = (amounts: Amounts) => typed(amounts.input) && typed(amounts.output);

/** A draft that says what *price* says; an empty one for none. */
export function drafted(price: Price | null): Draft {
  if (price === null) return { model: "", upstream: "*", since: "", amounts: {}, tiers: [], terms: [] };
  return {
    model: price.model,
    upstream: price.upstream,
    since: "",
    amounts: dollars(price),
    tiers: price.tiers.map((tier) => ({ above: tier.above, amounts: dollars(tier) })),
    terms: Object.entries(price.factors).flatMap(([field, values]) => Object.entries(values).map(([value, times]) => ({ field, value, times }))),
  };
}

/** Whether nothing that has to be said is missing. */
export function ready({ model, amounts, tiers, terms }: Draft): boolean {
  return model.trim() !== "" && full(amounts) && tiers.every((tier) => typed(tier.above) && full(tier.amounts)) && terms.every((term) => term.field.trim() !== "" && term.value.trim() !== "" && typed(term.times));
}

/** What the gateway is asked. */
export function wish({ model, upstream, since, amounts, tiers, terms }: Draft): PriceWish {
  const factors: Record<string, Record<string, number>> = {};
  for (const { field, value, times } of terms) (factors[field.trim()] ??= {})[value.trim()] = Number(times);
  return {
    model: model.trim(),
    upstream: upstream.trim() || "*",
    ...micros(amounts),
    tiers: tiers.map((tier) => ({ above: Number(tier.above), ...micros(tier.amounts) })),
    factors,
    ...(since !== "" && { since: new Date(`${since}T00:00`).getTime() }),
  };
}

const dollars = (rates: Rates): Amounts => Object.fromEntries(CLASSES.map(({ name }) => [name, rates[name] / 1e6]));

function micros(amounts: Amounts): Rates {
  const micro = (name: Class): number => {
    const amount = amounts[name];
    return typed(amount) ? Math.round(Number(amount) * 1e6) : micro("input");
  };
  return { input: micro("input"), output: micro("output"), cache_read: micro("cache_read"), cache_write_5m: micro("cache_write_5m"), cache_write_1h: micro("cache_write_1h") };
}
