"""What stages leave for one another: the typed keys, in one place so that no stage must import another."""

from typing import Any

from pipeline.dialect import Model
from pipeline.notes import Key

EFFORT: Key[str | int] = Key("effort")  # thinking_suffix: how much to think, a level or a budget in tokens
LISTED: Key[bool] = Key("listed")  # model_map: the asked name is listed as it stands, brackets included
OFFERED: Key[list[Model]] = Key("offered")  # model_map: its names, for lists of models
HIDE_USAGE: Key[bool] = Key("hide_usage")  # translate: the stream's usage was asked for by us, not by the client
STOPS: Key[tuple[str, ...]] = Key("stops")  # a dialect, on the prompt: texts at which the gateway itself ends the reply
WITHOUT: Key[frozenset[str]] = Key("without")  # per attempt: betas of the client's that this upstream must not see
TOLD: Key[dict[str, Any]] = Key("told")  # a translation, on the prompt: what else the client is told at the reply's end
JUDGE: Key[str] = Key("judge")  # safeguards: the model that answers them here
