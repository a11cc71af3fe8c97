"""A Chat stream, written: events to frames.

    Started              data: {… "delta":{"role":"assistant","content":""} …}
    TextDelta            data: {… "delta":{"content":"Hi"} …}                     one frame an event, from a template
    Finished             data: {… "delta":{},"finish_reason":"stop"}   data: {… "choices":[],"usage":{…}}   data: [DONE]
    Failed               data: {"error": {…}}                                    and nothing after it

A frame of this dialect that nobody touched is written as it came, if all events that share it are here, in order; what
was touched, or came from another dialect, is rendered.  Clients' helpers concatenate every string of a delta, so what
stands in each frame is id, created and model; role, ids and names of calls are written once, lists of entries with an
integer index, and never a frame without data.
"""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any, cast

import msgspec

from pipeline.errors import UpstreamRefused
from pipeline.events import (
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Opaque,
    Other,
    Redacted,
    Refusal,
    Run,
    SignatureDelta,
    Started,
    Stop,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    Usage,
    shared,
)
from stages.dialects.chat import stops, usage
from stages.dialects.chat.blocks import maker
from stages.dialects.chat.chunk import Envelope, envelope
from stages.dialects.chat.errors import error_frame
from stages.dialects.chat.signed import FIELD, of_a_call
from stages.dialects.citations import cited, nested

_JSON = msgspec.json.Encoder()
_quote = _JSON.encode

_DONE = b"data: [DONE]\n\n"
_OTHERS = re.compile(r"^(?:msg|resp)_")  # how ids of replies begin in other dialects
_FIELDS = {Text: b'{"content":', Thinking: b'{"reasoning_content":', Refusal: b'{"refusal":'}

# Events that change what is open, of whom and how far: they count also where they are not rendered.
_TELLING = frozenset({Started, BlockStarted, BlockStopped, InputDelta, Opaque, Run})


class Answer:
    """What was written of one choice."""

    __slots__ = ("called", "calls", "entries", "noted", "over", "refused", "role")

    def __init__(self) -> None:
        self.role = False  # whether its role was written
        self.calls = 0  # how many calls have begun: the next one's index
        self.called = False
        self.entries = 0  # of reasoning_details
        self.noted = 0  # annotations
        self.refused = False
        self.over = False  # whether its finish_reason was written


class Open:
    """A block that is open: what stands before and after a piece of it."""

    __slots__ = ("answer", "block", "choice", "head", "number", "pieces", "silent", "tail")

    def __init__(self, block: Text | Thinking | Refusal | ToolUse, choice: int, answer: Answer) -> None:
        self.block = block
        self.choice = choice
        self.answer = answer
        self.number = 0  # of a call
        self.head = self.tail = b""
        self.pieces: list[str] = []  # of thinking, for its signature's entry; of a free-form call's input
        self.silent = True  # no piece of it was written


class StreamEncoder:
    """Turns events into the frames of one stream.

    *model*: what the client asked for, should the reply not say; *show_usage*: whether the client asked for usage.
    """

    __slots__ = ("_answers", "_done", "_envelope", "_head", "_native", "_open", "_ran", "_show_usage", "_tail",
                 "_usage")  # fmt: skip

    media_type = "text/event-stream"

    def __init__(self, *, model: str, show_usage: bool) -> None:
        self._native: bool | None = None  # whether the frames are of this dialect; None: none was seen
        self._done = False
        self._ran = False  # whether frames passed that nobody read
        self._show_usage = show_usage
        self._usage: Usage | None = None
        self._answers: dict[int, Answer] = {}
        self._open: dict[int, Open] = {}
        self._tail = b',"usage":null}\n\n' if show_usage else b"}\n\n"
        self._envelope = Envelope([], f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), model)
        self._head = b""

    def feed(self, events: list[Event]) -> bytes:
        """The frames of *events*; nothing after the terminal event."""
        out: list[bytes] = []
        number, count = 0, len(events)
        while number < count and not self._done:
            event = events[number]
            siblings = self._untouched(events, number) if event.frame is not None else 0
            if siblings:
                for sibling in events[number : number + siblings]:
                    self._note(sibling)
                out.append(cast(bytes, event.frame))
                number += siblings
            else:
                render = _RENDER.get(type(event))
                if render is not None:
                    out.append(render(self, event))
                number += 1
        return b"".join(out)

    # -- frames as they came ------------------------------------------------------------------------------------------

    def _untouched(self, events: list[Event], number: int) -> int:
        """How many events from *number* on are the frame of the first, all of it; 0 if it must be rendered."""
        first = events[number]
        if isinstance(first, Heartbeat):
            return int((first.frame or b"").startswith(b":"))  # a comment is one in every dialect
        if self._native is None:
            self._look(first)
        if not self._native or first.nth:
            return 0
        if first.of == 1:
            return 1
        return 0 if shared(events[number : number + first.of]) is None else first.of

    def _look(self, event: Event) -> None:
        """Learn from the first frame whether frames are of this dialect, and what they have in common."""
        if event.frame is None:
            return
        if isinstance(event, Failed):
            self._native = isinstance(event.error, UpstreamRefused) and event.error.dialect == "chat"
            return
        found = envelope(event.frame)
        self._native = found is not None
        if found is not None and found.created:
            self._envelope.created, self._envelope.system_fingerprint = found.created, found.system_fingerprint

    def _note(self, event: Event) -> None:
        """An event is written as it came: go on as if it had been rendered."""
        self._done = event.terminal
        if type(event) in _TELLING:
            _RENDER[type(event)](self, event)

    def _run(self, event: Run) -> bytes:
        """Frames that nobody read; written as they came, or they are not of this dialect and can't be."""
        self._ran = True
        return b""

    # -- frames from events -------------------------------------------------------------------------------------------

    def _started(self, event: Started) -> bytes:
        self._envelope.id = chat_id(event.id) or self._envelope.id
        self._envelope.model = event.model or self._envelope.model
        self._usage = event.usage
        same = self._envelope
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,' % (
            _quote(same.id),
            same.created,
            _quote(same.model),
        ) + b'"system_fingerprint":%b,"choices":[' % _quote(same.system_fingerprint)
        return self._role(0)

    def _role(self, choice: int) -> bytes:
        """The frame with the role, before all others of a choice."""
        answer = self._answers.setdefault(choice, Answer())
        if answer.role:
            return b""
        answer.role = True
        return self._frame(choice, b'{"role":"assistant","content":"","refusal":null}')

    def _frame(self, choice: int, delta: bytes, finish: bytes = b"null", logprobs: bytes = b"null") -> bytes:
        if not self._head:
            self._started(Started("", ""))
        return b'%b{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}]%b' % (
            self._head,
            choice,
            delta,
            logprobs,
            finish,
            self._tail,
        )

    def _block(self, event: BlockStarted) -> bytes:
        role = self._role(event.choice)
        answer = self._answers[event.choice]
        if isinstance(event.block, Redacted):
            if of_a_call(event.block.data):  # it stands on the call itself
                return role
            return role + self._entry(event.choice, {"type": "reasoning.encrypted", "data": event.block.data}, "data")
        if isinstance(event.block, Other):
            return role  # of another dialect: there is no place for it
        block = self._open[event.index] = Open(event.block, event.choice, answer)
        if isinstance(event.block, ToolUse):
            block.number, answer.calls, answer.called = answer.calls, answer.calls + 1, True
            role += b"" if _free(event.block) else self._called(block, event.block)
            block.head, block.tail = self._around(event.choice, b'{"tool_calls":[{"index":%d,"function":{"arguments":'
                                                  % block.number, b"}}]}")  # fmt: skip
        else:
            answer.refused = answer.refused or isinstance(event.block, Refusal)
            block.head, block.tail = self._around(event.choice, _FIELDS[type(event.block)], b"}")
        return role

    def _around(self, choice: int, before: bytes, after: bytes) -> tuple[bytes, bytes]:
        """What stands before and after a piece, in every frame of a block."""
        head, tail = self._frame(choice, b"\n").split(b"\n", 1)
        return head + before, after + tail

    def _called(self, open_: Open, block: ToolUse) -> bytes:
        call = {"index": open_.number, "id": block.id, "type": "function"}
        return self._calls(open_, {**call, "function": {"name": block.name, "arguments": ""}, **call_fields(block)})

    def _calls(self, open_: Open, call: dict[str, Any]) -> bytes:
        return self._frame(open_.choice, _quote({"tool_calls": [call]}))

    def _words(self, event: TextDelta) -> bytes:
        block = self._open.get(event.index)
        if block is None:
            return b""
        if event.logprobs is None:
            return block.head + _quote(event.piece) + block.tail
        field, other = ("refusal", "content") if isinstance(block.block, Refusal) else ("content", "refusal")
        weighed = _quote({field: event.logprobs, other: None})
        return self._frame(block.choice, _quote({field: event.piece}), logprobs=weighed)

    def _thought(self, event: ThinkingDelta) -> bytes:
        block = self._open.get(event.index)
        if block is None:
            return b""
        block.pieces.append(event.piece)
        return block.head + _quote(event.piece) + block.tail

    def _input(self, event: InputDelta) -> bytes:
        block = self._open.get(event.index)
        if block is None or not event.piece:
            return b""
        block.silent = False
        if isinstance(block.block, ToolUse) and _free(block.block):
            block.pieces.append(event.piece)
            return b""
        return block.head + _quote(event.piece) + block.tail

    def _signature(self, event: SignatureDelta) -> bytes:
        """The signature, with the words it signs: whoever sends them back needs both, block by block."""
        block = self._open.get(event.index)
        if block is None:
            return b""
        words, block.pieces = "".join(block.pieces), []
        entry = {"type": "reasoning.text", "text": words, "signature": event.piece}
        return self._entry(block.choice, entry, "signature")

    def _entry(self, choice: int, entry: dict[str, Any], sealed: str) -> bytes:
        """One entry of reasoning_details; the index must be a number, or clients' helpers raise at the second."""
        answer = self._answers[choice]
        entry |= {"format": maker(entry[sealed]), "index": answer.entries}
        answer.entries += 1
        return self._frame(choice, _quote({"reasoning_details": [entry]}))

    def _stopped(self, event: BlockStopped) -> bytes:
        block = self._open.pop(event.index, None)
        if block is None or not isinstance(block.block, ToolUse):
            return b""
        if _free(block.block):
            call = {"index": block.number, "id": block.block.id, "type": "custom"}
            text = free_input("".join(block.pieces))
            custom = {"name": block.block.name, "input": text}
            return self._calls(block, {**call, "custom": custom, **call_fields(block.block)})
        return block.head + b'"{}"' + block.tail if block.silent else b""

    def _opaque(self, event: Opaque) -> bytes:
        """What only this dialect understands, where its frame can't be used; and a page that another cites."""
        if event.dialect != "chat":
            return self._cited(event)
        if event.value is None:
            return b""
        if event.kind == "finish":
            answer = self._answers.setdefault(event.value["index"], Answer())
            answer.over = True
            return self._frame(event.value["index"], b"{}", _quote(event.value["finish_reason"]))
        field = {"reasoning": "reasoning_details"}.get(event.kind, event.kind)
        return self._frame(0, _quote({field: [event.value] if event.kind == "reasoning" else event.value}))

    def _cited(self, event: Opaque) -> bytes:
        """An annotation of the other dialect that tells spans; helpers put lists together by index."""
        block = self._open.get(event.index) if event.index is not None else None
        pages = cited(event, 0) if block is not None and event.dialect == "responses" else []
        if block is None or not pages:
            return b""
        answer = self._answers[block.choice]
        noted = [{"index": answer.noted + number, **nested(page)} for number, page in enumerate(pages)]
        answer.noted += len(noted)
        return self._frame(block.choice, _quote({"annotations": noted}))

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _finished(self, event: Finished) -> bytes:
        self._done = True
        out = [self._role(0)]
        out += [self._stopped(BlockStopped(index)) for index in list(self._open)]
        reasons: dict[int, Stop] = {0: event.stop, **(event.stops or {})}
        for choice in sorted(self._answers.keys() | reasons):
            answer = self._answers.setdefault(choice, Answer())
            if not answer.over:
                out.append(self._end(choice, answer, reasons.get(choice, "end_turn"), event))
        counts = self._usage if event.usage is None else event.usage.over(self._usage)
        if self._show_usage and counts is not None:
            told = b'],"usage":' + _quote(usage.write(counts))
            out.append(self._head + told + b"}\n\n")
        return b"".join([*out, _DONE])

    def _end(self, choice: int, answer: Answer, stop: Stop, event: Finished) -> bytes:
        """The frame with finish_reason; before it, why a reply was refused, where that is known."""
        why = (event.details or {}).get("explanation") if choice == 0 and stop == "refusal" else None
        out = b"" if answer.refused or not isinstance(why, str) else self._frame(choice, _quote({"refusal": why}))
        called = answer.called or (self._ran and stop == "tool_use")
        word = _quote(stops.write(stop, called=called, refused=answer.refused))
        if choice == 0 and event.stop_sequence is not None:
            word += b',"stop_reason":' + _quote(event.stop_sequence)  # as vLLM tells it; Chat has no place for it
        return out + self._frame(choice, b"{}", word)

    def _failed(self, event: Failed) -> bytes:
        self._done = True
        return error_frame(event.error)

    def _heartbeat(self, _event: Heartbeat) -> bytes:
        return b": ping\n\n"


# One table for all: one of bound methods for each would leave every encoder to the garbage collector.
_RENDER: dict[type[Event], Callable[[StreamEncoder, Any], bytes]] = {
    TextDelta: StreamEncoder._words,
    ThinkingDelta: StreamEncoder._thought,
    InputDelta: StreamEncoder._input,
    Started: StreamEncoder._started,
    BlockStarted: StreamEncoder._block,
    BlockStopped: StreamEncoder._stopped,
    SignatureDelta: StreamEncoder._signature,
    Heartbeat: StreamEncoder._heartbeat,
    Opaque: StreamEncoder._opaque,
    Run: StreamEncoder._run,
    Finished: StreamEncoder._finished,
    Failed: StreamEncoder._failed,
}


def chat_id(reply: str) -> str:
    """*reply*'s id as Chat's clients expect them to look; an id of this dialect stays."""
    return _OTHERS.sub("chatcmpl-", reply)


def _free(block: ToolUse) -> bool:
    return block.extra is not None and block.extra.get("type") == "custom"


def call_fields(block: ToolUse) -> dict[str, Any]:
    """What a call bears beside what every call has."""
    return {key: value for key, value in (block.extra or {}).items() if key == FIELD}


def free_input(text: str) -> str:
    """The text that a free-form tool is called with: the member ``input`` of its arguments, or all of them."""
    try:
        value = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return text
    given = value.get("input", "") if isinstance(value, dict) else text
    return given if isinstance(given, str) else _quote(given).decode()
