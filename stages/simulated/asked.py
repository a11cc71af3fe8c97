"""What was asked: the few things a simulated model looks at, in whichever dialect they came.

    body bytes ──typed decoding, everything else skipped──▶ Asked ──▶ script, turn, words

Both dialects have messages with a role and either a text or parts, so one typed reading serves both; what a dialect
alone knows (where tools have their names, how thinking is asked for) is filled in by it.
"""

from collections.abc import Iterable
from typing import Any

import attrs
import msgspec

from stages.simulated.script import Script, parse
from stages.simulated.usage import LOOKBACK, Input, Position

NOTHING = msgspec.Raw()
ANY = msgspec.Raw(b"{}")  # the schema that allows everything


class Part(msgspec.Struct):
    """A piece of a message: text, or something that is looked at as raw JSON if at all."""

    type: str = ""
    text: str | None = None
    content: msgspec.Raw = NOTHING


class Message(msgspec.Struct):
    """One message of a conversation."""

    role: str = ""
    content: str | list[Part] | None = None

    def texts(self) -> Iterable[str]:
        """Its words, without those inside tool results."""
        if isinstance(self.content, str):
            return (self.content,)
        return (part.text for part in self.content or () if part.text)


@attrs.define
class Asked:
    """A request for a reply."""

    model: str
    messages: list[Message]
    stream: bool = False
    tools: dict[str, msgspec.Raw] = attrs.field(factory=dict)  # name → schema of its input
    force: str | None = None  # a tool's name, "*" for any, "" for none, None: as the model likes
    parallel: bool = True
    limit: int | None = None  # tokens of output
    stops: list[str] = attrs.field(factory=list)
    thinks: bool = False
    shows: bool = True  # thinking comes with its text
    schema: Any = None  # what the answer must be an instance of
    choices: int = 1  # chat: how many
    tells_usage: bool = True  # chat: usage in the stream
    judges: bool = False  # messages: calls are told to be dangerous or not
    input: Input = attrs.field(factory=Input)
    positions: list[Position] = attrs.field(factory=list)  # where a cache may know the prompt up to; empty: no cache
    least: int = 1024  # tokens from which a prefix is cached
    lookback: int = LOOKBACK
    writes: bool = True  # what is put into the cache is counted apart

    @property
    def prefix(self) -> bytes:
        """The name of everything before the reply; empty where nobody has named it."""
        return self.positions[-1].name if self.positions else b""

    def release(self) -> None:
        """Let go of the text: what is left is enough to answer, however long that takes."""
        self.messages, self.tools, self.schema = [], {}, None
        self.positions = self.positions[-1:]

    def script(self) -> tuple[Script | None, int]:
        """The newest script in the user's words, and how often the model has answered since."""
        answers, answering = 0, False
        for message in reversed(self.messages):
            if message.role == "assistant":
                answers += not answering
                answering = True
                continue
            answering = False
            if message.role == "user" and (script := _script(message)):
                return script, answers
        return None, answers

    def words(self) -> str:
        """What came last: a tool's result, or what the user said."""
        for message in reversed(self.messages):
            if message.role == "tool":
                return " ".join(message.texts())
            if message.role == "user":
                results = [part for part in message.content or () if isinstance(part, Part) and part.type == _RESULT]
                if results:
                    return _result(results[-1])
                if texts := list(message.texts()):
                    return texts[-1]
        return ""


_RESULT = "tool_result"
_CONTENT = msgspec.json.Decoder(str | list[Part] | None)


def _script(message: Message) -> Script | None:
    joined = "\n".join(text for text in message.texts() if "[[" in text)
    return parse(joined) if joined else None


def _result(part: Part) -> str:
    """The words in a tool's result."""
    try:
        content = _CONTENT.decode(part.content) if bytes(part.content) else ""
    except msgspec.ValidationError:
        return ""
    return " ".join(Message("tool", content).texts())
