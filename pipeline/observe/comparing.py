"""Comparing: what came of an exchange then and now, told so that people see the difference.

    sent    upstream, path, body as JSON, field by field
    told    status, error, what was said: blocks with their text, how it ended, what it used

Not compared: identifiers and moments that every exchange has of its own, how a stream was cut into frames, times.
"""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from pipeline.dialect import Dialect
from pipeline.events import (
    Answer,
    Batch,
    BlockStarted,
    Failed,
    Finished,
    InputDelta,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from pipeline.observe.captured import Captured, Message

AROUND = 2  # lines of context in a difference
WIDE = 160  # characters of a line of it
LONG = 80  # lines of it

_OWN = re.compile(r"req_[0-9a-f]{24}")


def sent(captured: Captured) -> list[Any]:
    """What upstreams were sent."""
    return [
        {"upstream": turn.upstream, "path": turn.sent.target, "body": loose(turn.sent.body.data)}
        for turn in captured.turns
    ]


def answered(captured: Captured, dialect: Dialect, *, words: bool = True) -> dict[str, Any]:
    """What the client was told; without *words* only the form of it."""
    answer = captured.answer
    if answer.status != 200 or captured.operation != "reply":
        return {"status": answer.status, "body": loose(answer.body.data)}
    return {
        "status": answer.status,
        "said": list(said(events(answer, dialect, streamed=captured.streamed), words=words)),
    }


def events(answer: Message, dialect: Dialect, *, streamed: bool) -> Batch:
    """The reply in *answer*, as meaning."""
    decoder = dialect.stream_decoder(None) if streamed else dialect.whole_decoder()
    return [*decoder.feed(answer.body.data), *decoder.close()]


def said(batch: Batch, *, words: bool) -> Iterator[Any]:
    """The blocks in *batch*, each with its whole text, and its end."""
    blocks: dict[int, dict[str, Any]] = {}
    for event in batch:
        match event:
            case BlockStarted(index=index, block=block):
                kind = type(block).__name__
                shown = {name: value for name, value in attrs.asdict(block).items() if value is not None}
                blocks[index] = {"block": kind, **(shown if words else {})}
            case TextDelta() | ThinkingDelta() | InputDelta() | SignatureDelta() if words and event.index in blocks:
                block_of = blocks[event.index]
                block_of[_PIECES[type(event)]] = block_of.get(_PIECES[type(event)], "") + event.piece
            case Finished(stop=stop, usage=usage):
                yield from blocks.values()
                used = attrs.asdict(usage) if words and usage is not None else {}
                yield {"stop": stop, **{name: value for name, value in used.items() if value is not None}}
            case Failed(error=error):
                yield from blocks.values()
                yield {"error": type(error).__name__}
            case Answer():
                yield {"answer": loose(event.body)}


_PIECES = {TextDelta: "text", ThinkingDelta: "thinking", InputDelta: "input", SignatureDelta: "signature"}


def loose(data: bytes) -> Any:
    """*data* as JSON, or as text, without the identifiers of one exchange."""
    text = _OWN.sub("req_", data.decode(errors="replace"))
    try:
        return json.loads(text)
    except ValueError:
        return text


def difference(before: Any, after: Any) -> list[str]:
    """How *after* differs from *before*, line by line of their JSON; nothing where they are the same."""
    lines = list(difflib.unified_diff(lined(before), lined(after), "before", "after", n=AROUND, lineterm=""))[2:]
    cut = [line if len(line) <= WIDE else f"{line[:WIDE]}…" for line in lines[:LONG]]
    return [*cut, f"… {len(lines) - LONG} more lines"] if len(lines) > LONG else cut


def lined(value: Any) -> Sequence[str]:
    """*value* as JSON, a line for each member."""
    return json.dumps(value, indent=1, ensure_ascii=False).splitlines()
