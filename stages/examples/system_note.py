"""System note: words of the house, at the end of every system prompt.

    [[stages]]
    use = "stages.examples.system_note:stage"
    after = "auth"
    text = "Answer in British English."

The note is the same in every turn, so that prompt caches and signatures that cover the prefix stay good.
"""

from typing import Any

import attrs

from pipeline.exchange import Exchange
from pipeline.prompt import Prompt

WHY = "the house adds a note to every system prompt"


@attrs.frozen
class SystemNote:
    """Add *text*, where the caller's dialect has its system prompt."""

    text: str

    changes = frozenset({"prompt.system", "prompt.instructions", "prompt.messages"})

    def __call__(self, exchange: Exchange) -> None:
        """Put the note behind what is there."""
        if exchange.prompt.has("input"):
            self._append(exchange.prompt, "instructions")
        elif exchange.prompt.get("messages", 0, "role") in ("system", "developer"):
            self._append(exchange.prompt, "messages", 0, "content")
        elif exchange.dialect.NAME == "anthropic":
            self._append(exchange.prompt, "system")
        else:
            said = [{"role": "system", "content": self.text}, *exchange.prompt.get("messages", default=[])]
            exchange.prompt.set("messages", to=said, why=WHY)

    def _append(self, prompt: Prompt, *path: str | int) -> None:
        """A text becomes longer; a list of parts gets one more."""
        before: Any = prompt.get(*path)
        if isinstance(before, list):
            prompt.set(*path, to=[*before, {"type": "text", "text": self.text}], why=WHY)
        else:
            prompt.set(*path, to=f"{before}\n\n{self.text}" if before else self.text, why=WHY)


stage = SystemNote
