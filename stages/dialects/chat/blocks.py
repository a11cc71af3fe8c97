"""From deltas to blocks: Chat says only what is more, we say where it belongs.

    reasoning "Let"   reasoning " me"    content "Hi"          tool_calls[0] id, name   tool_calls[0] "{…"     close
    ┌ Thinking 0 ──────────────────────┐ ┌ Text 1 ───────────┐ ┌ ToolUse 2 ─────────────────────────────────────┐

Prose (thinking, text, refusal) of one choice never overlaps: what is of another kind closes what is open.  Calls stay
open until the choice ends, because servers may go on with any of them; they are told apart by Chat's ``index``, or by
their ids where a server numbers them all 0 or not at all.  A call begins when both its id and its name are known; what
comes of its arguments before waits (``waiting`` says how much).

A signature is taken for Anthropic's only if its entry says so (``format``): a signature of anyone else, shown to a
client of Anthropic's protocol, would come back to Anthropic and be refused.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from pipeline.events import (
    BlockStarted,
    BlockStopped,
    Event,
    InputDelta,
    Opaque,
    Redacted,
    Refusal,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.chat import signed
from stages.dialects.chat.chunk import Call as Fragment
from stages.dialects.chat.chunk import Delta, Function
from stages.dialects.envelope import unwrap
from stages.dialects.logprobs import tokens

ANTHROPIC = "anthropic-claude-v1"  # the format by which OpenRouter, and we, mark what Claude signed
_ANTHROPIC = "anthropic-claude"
_ENVELOPE = "gateway-envelope-v1"

# A free-form tool takes a text; as a ToolUse its input is {"input": text}, and its mark says what it was.
_FREE = {"type": "custom"}
_FREE_HEAD, _FREE_TAIL = '{"input":"', '"}'


class Nameless(Exception):
    """A tool was called, and which one was never said."""


class Call:
    """One tool call of a choice."""

    __slots__ = ("block", "free", "id", "name", "signature", "waiting")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.free = False  # called with a text, not with arguments
        self.signature = ""  # see ``signed``
        self.block: int | None = None  # once it has begun
        self.waiting: list[str] = []


class Choice:
    """What is open in one of n answers."""

    __slots__ = (
        "called",
        "calls",
        "detail",
        "kind",
        "number",
        "numbered",
        "open",
        "plain",
        "refused",
        "sequence",
        "signed",
        "told",
        "word",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.open = -1  # the block of prose
        self.kind: type[Thinking | Text | Refusal] | None = None  # of the block of prose; None: there is none open
        self.detail: int | None = None  # the index by which reasoning_details speak of the open Thinking
        self.signed = False  # the open Thinking has its signature: more words belong to another
        self.plain = False  # reasoning came as words of its own, so details only repeat it
        self.calls: list[Call] = []
        self.numbered: dict[int, Call] = {}  # by Chat's index: the latest call of that number
        self.called = False  # any call has begun, also if it has ended
        self.refused = False
        self.word: str | None = None  # finish_reason
        self.told = False  # an Opaque told of it
        self.sequence: str | None = None  # the stop sequence that was met


class Blocks:
    """The blocks of one reply, of all its choices, numbered in the order they begin."""

    __slots__ = ("_next", "_whole", "choices", "model", "reply", "waiting", "writing")

    def __init__(self, *, whole: bool = False) -> None:
        self.choices: dict[int, Choice] = {}
        self.reply = ""  # the reply's id: what ids of calls are made of where the server gives none
        self.model = ""
        self.waiting = 0  # characters of arguments that can't be told yet
        self.writing: int | None = None  # the text that is open in the first answer
        self._whole = whole
        self._next = 0

    def choice(self, number: int) -> Choice:
        """The choice of that number."""
        choice = self.choices.get(number)
        if choice is None:
            choice = self.choices[number] = Choice(number)
        return choice

    @property
    def settled(self) -> bool:
        """Whether something has begun, and no call waits for its id or name."""
        return self._next > 0 and all(
            call.block is not None for choice in self.choices.values() for call in choice.calls
        )

    def take(self, choice: Choice, delta: Delta, out: list[Event], logprobs: Any = None) -> None:
        """Put the events that *delta* stands for into *out*; *logprobs*: what the choice tells of its tokens."""
        weighed: dict[str, Any] = logprobs if isinstance(logprobs, dict) else {}
        if delta.reasoning_details or delta.reasoning_content or delta.reasoning:
            self._reason(choice, delta, out)
        content = delta.content
        if content:
            if content.__class__ is str:
                if choice.kind is not Text:
                    self._begin(choice, Text, out)
                out.append(TextDelta(choice.open, content, tokens(weighed.get("content"))))
            elif content.__class__ is list:
                self._parts(choice, content, out)
        if delta.refusal and delta.refusal.__class__ is str:
            choice.refused = True
            if choice.kind is not Refusal:
                self._begin(choice, Refusal, out)
            out.append(TextDelta(choice.open, delta.refusal, tokens(weighed.get("refusal"))))
        if delta.tool_calls:
            for fragment in delta.tool_calls:
                self._call(choice, fragment, out)
        if delta.function_call is not None:
            self._call(choice, Fragment(index=0, function=delta.function_call), out)

    def close(self, choice: Choice, out: list[Event]) -> None:
        """The choice ends: begin what waited for an id, stop what is open.  Raises Nameless."""
        self._end_prose(choice, out)
        self._end_calls(choice, out)

    # -- prose --------------------------------------------------------------------------------------------------------

    def _begin(self, choice: Choice, kind: type[Thinking | Text | Refusal], out: list[Event]) -> None:
        self._end_prose(choice, out)
        choice.open, choice.kind = self._next, kind
        if kind is Text and choice.number == 0:
            self.writing = choice.open
        self._next += 1
        out.append(BlockStarted(choice.open, kind(), choice.number))

    def _end_prose(self, choice: Choice, out: list[Event]) -> None:
        if choice.kind is not None:
            out.append(BlockStopped(choice.open))
            choice.kind, choice.detail, choice.signed = None, None, False
            if choice.number == 0:
                self.writing = None

    def _parts(self, choice: Choice, parts: list[Any], out: list[Event]) -> None:
        """Content as a list (Mistral): texts, and thinking that holds texts."""
        for part in parts:
            if isinstance(part, dict) and part.get("type") == "thinking":
                self._think(choice, _texts(part.get("thinking")), out)
            elif words := _texts([part]):
                if choice.kind is not Text:
                    self._begin(choice, Text, out)
                out.append(TextDelta(choice.open, words))

    # -- thinking -----------------------------------------------------------------------------------------------------

    def _reason(self, choice: Choice, delta: Delta, out: list[Event]) -> None:
        words = delta.reasoning_content or delta.reasoning
        details = delta.reasoning_details if isinstance(delta.reasoning_details, list) else []
        if isinstance(words, str) and words and not (self._whole and any(_words(detail) for detail in details)):
            choice.plain = True
            self._think(choice, words, out)
        for detail in details:
            if isinstance(detail, dict):
                self._detail(choice, detail, out)

    def _think(self, choice: Choice, words: str, out: list[Event]) -> None:
        if choice.kind is not Thinking or choice.signed:
            self._begin(choice, Thinking, out)
        if words:
            out.append(ThinkingDelta(choice.open, words))

    def _detail(self, choice: Choice, detail: dict[str, Any], out: list[Event]) -> None:
        """One entry of reasoning_details: words, a signature, or reasoning that only its maker can read."""
        if detail.get("type") == "reasoning.encrypted":
            if replayable(detail, detail.get("data")):
                self._sealed(choice, detail["data"], out)
            else:
                out.append(Opaque("chat", "reasoning", detail))
            return
        index = detail.get("index")
        if choice.kind is Thinking and isinstance(index, int):
            if choice.detail is not None and choice.detail != index:
                self._end_prose(choice, out)
            choice.detail = index
        words = "" if choice.plain else _words(detail)
        signature = detail.get("signature")
        if words:
            self._think(choice, words, out)
        if replayable(detail, signature):
            if choice.kind is not Thinking:
                self._begin(choice, Thinking, out)
            out.append(SignatureDelta(choice.open, str(signature)))
            choice.signed = True
        choice.detail = index if isinstance(index, int) and choice.kind is Thinking else None

    def _sealed(self, choice: Choice, sealed: str, out: list[Event]) -> None:
        self._end_prose(choice, out)
        out += (BlockStarted(self._next, Redacted(sealed), choice.number), BlockStopped(self._next))
        self._next += 1

    # -- calls --------------------------------------------------------------------------------------------------------

    def _call(self, choice: Choice, fragment: Fragment, out: list[Event]) -> None:
        """More of a tool call: its id, its name, its arguments, or any of them."""
        free = fragment.custom
        function = Function(free.name, free.input) if free is not None else fragment.function or Function()
        name, known, piece = _text(function.name), _text(fragment.id), _arguments(function.arguments)
        signature = signed.signature(fragment.extra_content)
        if not (name or known or piece or signature):
            return
        call = _which(choice, fragment.index, known, name)
        if call.block is not None:
            if piece:
                out.append(InputDelta(call.block, _escaped(piece) if call.free else piece))
            self._sign(choice, call, signature, out)
            return
        call.id, call.name, call.free = call.id or known, call.name or name, call.free or free is not None
        call.signature = call.signature or signature
        call.waiting.append(piece)
        self.waiting += len(piece)
        if call.id and call.name:
            self._begin_call(choice, call, out)

    def _begin_call(self, choice: Choice, call: Call, out: list[Event]) -> None:
        self._end_prose(choice, out)
        signature, call.signature = call.signature, ""
        self._sign(choice, call, signature, out)
        choice.called, call.block = True, self._next
        self._next += 1
        extra = (_FREE if call.free else {}) | (signed.signing(signature) if signature else {})
        out.append(BlockStarted(call.block, ToolUse(call.id, call.name, extra or None), choice.number))
        piece = "".join(call.waiting)
        call.waiting = []
        self.waiting -= len(piece)
        if call.free:
            piece = _FREE_HEAD + _escaped(piece)
        if piece:
            out.append(InputDelta(call.block, piece))

    def _sign(self, choice: Choice, call: Call, signature: str, out: list[Event]) -> None:
        """The signature of *call* has come, once: with its beginning, with some servers later."""
        if signature and not call.signature:
            call.signature = signature
            self._sealed(choice, signed.sealed(signature, call.id, self.model), out)

    def _end_calls(self, choice: Choice, out: list[Event]) -> None:
        for number, call in enumerate(choice.calls):
            if call.block is None:
                if not call.name:
                    raise Nameless
                call.id = self._minted(choice, number)
                self._begin_call(choice, call, out)
        for call in choice.calls:
            assert call.block is not None  # noqa: S101  # begun above
            if call.free:
                out.append(InputDelta(call.block, _FREE_TAIL))
            out.append(BlockStopped(call.block))
        choice.calls, choice.numbered = [], {}

    def _minted(self, choice: Choice, number: int) -> str:
        """An id where the server gave none: a function of the reply's own id, so that it is new in each."""
        place = f"{self.reply} {choice.number} {number}"
        return f"call_{blake2b(place.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"


def maker(sealed: str) -> str:
    """The format of an entry of reasoning_details: in the hub, what is in no envelope is Claude's own."""
    return ANTHROPIC if unwrap(sealed) is None else _ENVELOPE


def replayable(entry: dict[str, Any], sealed: Any) -> bool:
    """Whether *sealed*, of an entry that came back, can go into the hub: Claude's own, or in an envelope."""
    return isinstance(sealed, str) and bool(
        sealed and (str(entry.get("format")).startswith(_ANTHROPIC) or unwrap(sealed) is not None)
    )


def _which(choice: Choice, index: Any, known: str, name: str) -> Call:
    """The call that a fragment belongs to; a new one, if to none so far."""
    if known:
        for call in choice.calls:
            if call.id == known:
                return call
    numbered = isinstance(index, int)
    last = choice.numbered.get(index) if numbered else (choice.calls[-1] if choice.calls else None)
    if last is not None and not _another(last, known, name, numbered=numbered):
        return last
    call = Call()
    choice.calls.append(call)
    if numbered:
        choice.numbered[index] = call
    return call


def _another(last: Call, known: str, name: str, *, numbered: bool) -> bool:
    """Whether a fragment with that id or name can't be more of *last*, whose id is another."""
    if numbered:  # some servers number all their calls 0; an id alone proves nothing, some make one for each fragment
        return bool(name and last.name and known)
    return bool((name and last.name) or (known and last.id))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _escaped(text: str) -> str:
    """*text* as it stands between the quotes of a JSON string."""
    return msgspec.json.encode(text)[1:-1].decode()


def _arguments(value: Any) -> str:
    """Arguments as the text they should be; some servers send them parsed."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def _words(detail: Any) -> str:
    if not isinstance(detail, dict):
        return ""
    return _text(detail.get("text")) or _text(detail.get("summary"))


def _texts(parts: Any) -> str:
    """The texts of a list of parts, together."""
    if isinstance(parts, str):
        return parts
    if not isinstance(parts, list):
        return ""
    return "".join(_text(part.get("text")) for part in parts if isinstance(part, dict))
