"""What stages leave for one another: the typed keys, in one place so that no stage must import another."""

from pipeline.dialect import Model
from pipeline.exchange import Key

EFFORT: Key[str | int] = Key("effort")  # thinking_suffix: how much to think, a level or a budget in tokens
LISTED: Key[bool] = Key("listed")  # model_map: the asked name is listed as it stands, brackets included
OFFERED: Key[list[Model]] = Key("offered")  # model_map: its names, for lists of models
HIDE_USAGE: Key[bool] = Key("hide_usage")  # translate: the stream's usage was asked for by us, not by the client
