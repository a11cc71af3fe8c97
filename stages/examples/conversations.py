"""Conversations: what was asked and answered, in a file of the operator's.  For a look at one's own agents.

    [[stages]]
    use = "stages.examples.conversations:stage"
    before = "limits"
    file = "conversations.jsonl"
    most = 20000                             # characters of each reply

It stands behind whoever changes what is said (``redact``), or secrets are written down; a line in which it does not
is refused at start.  Who is asked must know: this writes down what people say.  Nothing waits for the file, see
``ledger``.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import attrs

from pipeline.events import Event, TextDelta, reads
from pipeline.exchange import Exchange
from stages.ledger import Ledger


@attrs.define(eq=False)
class Conversations:
    """One line of JSON for each exchange: who, which model, the prompt's last turn, the reply's text."""

    file: Path
    most: int = 20_000

    reads = frozenset({"caller"})
    needs = frozenset({"prompt.messages", "prompt.input"})  # whoever changes what is written down stands before

    _ledger: Ledger = attrs.field(init=False, default=attrs.Factory(lambda self: Ledger(self.file), takes_self=True))

    async def __aenter__(self) -> "Conversations":
        await self._ledger.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._ledger.__aexit__(*raised)

    def __call__(self, exchange: Exchange) -> Generator[Any, None, None]:
        """Listen while the reply passes; write when it is over."""
        asked, said = last_turn(exchange), Said(self.most)
        try:
            yield said.listen
        finally:
            self._ledger.book(
                {
                    "id": exchange.id,
                    "at": exchange.arrived,
                    "caller": exchange.caller.name if exchange.caller else None,
                    "model": exchange.asked,
                    "asked": asked,
                    "said": said.text,
                    "error": type(exchange.error).__name__ if exchange.error else None,
                }
            )


class Said:
    """The text of a reply, as far as there is room."""

    def __init__(self, most: int) -> None:
        self.text, self._most = "", most

    @reads(TextDelta)
    def listen(self, event: Event) -> None:
        """Keep the words of *event*, which goes on as it is."""
        if isinstance(event, TextDelta):
            self.text += event.piece[: max(0, self._most - len(self.text))]


def last_turn(exchange: Exchange) -> Any:
    """The last thing that was said to the model, in the words of the caller's dialect."""
    said = exchange.prompt.get("input")
    return said if isinstance(said, str) else exchange.prompt.get("input" if said else "messages", -1)


stage = Conversations
