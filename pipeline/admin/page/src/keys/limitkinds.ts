// The kinds of limits: their names, their units, and how an amount of each is typed and read.

import { count, exact, money } from "../format";
import type { LimitKind } from "../types";

interface Kind {
  label: string;
  unit: string;
  step: number; // what one typed unit is worth: money is typed in dollars, kept in micro-dollars
  tell: (amount: number) => string;
}

export const KINDS: Record<LimitKind, Kind> = {
  usd_5h: { label: "Spending in 5 hours", unit: "$", step: 1e6, tell: money },
  usd_week: { label: "Spending in a week", unit: "$", step: 1e6, tell: money },
  usd_total: { label: "Spending in all", unit: "$", step: 1e6, tell: money },
  requests_minute: { label: "Requests a minute", unit: "", step: 1, tell: exact },
  tokens_minute: { label: "Tokens a minute", unit: "", step: 1, tell: count },
  streams: { label: "Streams at once", unit: "", step: 1, tell: exact },
};

export const NAMES = Object.keys(KINDS) as LimitKind[];
