"""What stages leave for one another: the typed keys, in one place so that no stage must import another."""

from typing import Any, Protocol

from pipeline.credentials.credential import Credential
from pipeline.exchange import Attempt
from pipeline.notes import Key
from pipeline.prompt import Prompt
from pipeline.store.record import Record
from stages.prices.cost import Quote

EFFORT: Key[str | int] = Key("effort")  # thinking_suffix: how much to think, a level or a budget in tokens
LISTED: Key[bool] = Key("listed")  # model_map: the asked name is listed as it stands, brackets included
OFFERED: Key[dict[str, str]] = Key("offered")  # model_map: its names and what they stand for, for lists of models
HIDDEN: Key[frozenset[str]] = Key("hidden")  # model_map: names that lists of models leave out
NAMED: Key[str] = Key("named")  # model_map: what the reply calls its model, where another was asked for upstream
HIDE_USAGE: Key[bool] = Key("hide_usage")  # translate: the stream's usage was asked for by us, not by the client
STOPS: Key[tuple[str, ...]] = Key("stops")  # a dialect, on the prompt: texts at which the gateway itself ends the reply
WITHOUT: Key[frozenset[str]] = Key("without")  # per attempt: betas of the client's that this upstream must not see
TOLD: Key[dict[str, Any]] = Key("told")  # a translation, on the prompt: what else the client is told at the reply's end
SHOWN: Key[list[Credential]] = Key("shown")  # showing: the credentials that this exchange has shown, the newest last
CHOICE: Key[str] = Key("choice")  # model_map: how forward goes about several upstreams: ordered, weighted, least_loaded
ADMITTED: Key[str] = Key("admitted")  # auth: the key of ours that the caller showed; it goes to no upstream
ASKED: Key[Prompt] = Key("asked")  # forward: the client's prompt, until the commit
JUDGE: Key[str] = Key("judge")  # safeguards: the model that answers them here


class Books(Protocol):
    """What meter knows of an exchange while it runs.  Costs are micro-dollars."""

    closed: Record | None  # the last version of the record, once all is over

    @property
    def produced(self) -> float:
        """Bytes of output so far."""

    def quoting(self, attempt: Attempt) -> Quote | None:
        """What tells what a usage costs at *attempt*; None if no price is known."""

    def failed(self) -> int:
        """What the attempts before the last one cost."""

    def spent(self) -> int:
        """What the exchange costs by now, all told, as far as that is known."""

    def aside(self, attempt: Attempt) -> None:
        """Put down what is known by now of *attempt*, one of the exchange's asides."""


BOOKS: Key[Books] = Key("books")  # meter: what the exchange costs, for whoever keeps it within limits
