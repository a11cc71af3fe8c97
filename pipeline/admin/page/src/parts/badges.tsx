// States as words in a colour: the word says it, the colour only helps.

import { Badge } from "@mantine/core";
import type { Health } from "../types";

const STATES = {
  ok: { color: "tide", word: "well" },
  resting: { color: "orange", word: "resting" },
  failing: { color: "red", word: "failing" },
  unknown: { color: "gray", word: "not asked yet" },
} as const;

export function StateBadge({ state }: { state: Health["state"] }) {
  const { color, word } = STATES[state] ?? STATES.unknown;
  return <Badge color={color}>{word}</Badge>;
}

/** The status of a request: its HTTP status, red from 400 on; 0 or none is a request that ended early. */
export function StatusBadge({ status, error }: { status: number | null; error: string | null }) {
  const bad = error !== null && error !== "" ? true : status === null || status >= 400;
  return <Badge color={bad ? "red" : "tide"}>{status === null || status === 0 ? (error ?? "ended") : status}</Badge>;
}
