"""A whole response: one JSON object to events, and events to one JSON object.

    {"object": "response", "output": [A, B], …}  ─  Started · events of A · events of B · Finished     all at once

Written again: the very bytes, if exactly these events arrive; an edited copy, if some were changed, so that what nobody
knows stays; a fresh object, if they come from a stream or another dialect.
"""

from typing import Any

import attrs
import msgspec

from pipeline.errors import UpstreamFailed, UpstreamTruncated
from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Finished,
    InputDelta,
    Opaque,
    Refusal,
    SignatureDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolUse,
    Usage,
    shared,
)
from stages.dialects.responses import stops, usage
from stages.dialects.responses.adopted import is_part
from stages.dialects.responses.errors import refusal
from stages.dialects.responses.items import Ids, Item, contents, exploded, items_of, message_of, part_of, prefix_of
from stages.dialects.responses.response import Echo, begun, ended
from stages.dialects.whole import LIMIT, too_large

_JSON: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]


def read(raw: bytes) -> Batch:
    """The events of the response in *raw*.  Raises as ``parse``."""
    return unfold(parse(raw))


def parse(raw: bytes) -> Item:
    """The response in *raw*.  Raises UpstreamTruncated, UpstreamFailed, or the error that is there instead."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if not raw.strip() or "truncated" in str(error):
            raise UpstreamTruncated("the upstream stopped before its answer was complete") from None
        raise UpstreamFailed("the upstream's answer is not JSON") from None
    if not isinstance(body, dict) or (not isinstance(body.get("output"), list) and not body.get("error")):
        raise UpstreamFailed("the upstream's answer is not a response")
    if body.get("status") in stops.BROKEN or body.get("error"):
        refused = refusal(stops.broken(body))
        if "output" in body:  # an answer of its own that says it failed: its bytes, its status
            refused.code, refused.fields, refused.body = 200, _JSON, raw
        raise refused
    return body


def unfold(body: Item) -> Batch:
    """The events of the response *body*."""
    model = str(body.get("model") or "")
    events: Batch = [Started(str(body.get("id") or ""), model, body=body)]
    blocks = 0
    for item in body["output"]:
        if not isinstance(item, dict):
            raise UpstreamFailed("the upstream's answer has an item that is none")
        more = exploded(item, blocks, model)
        blocks += sum(isinstance(event, BlockStarted) for event in more)
        events += more
    begun = [event.block for event in events if isinstance(event, BlockStarted)]
    called = any(isinstance(block, ToolUse) for block in begun)
    refused = any(isinstance(block, Refusal) for block in begun)
    stop = stops.read(body, called=called, refused=refused)
    return [*events, Finished(stop, usage=usage.read(body.get("usage")))]


@attrs.define
class Folding:
    """A block and what has come of it."""

    start: BlockStarted
    events: list[Event] = attrs.field(factory=list)

    def untouched(self, raw: bytes) -> bool:
        """Whether exactly the events that came in *raw* are here."""
        every = [self.start, *self.events]
        return isinstance(every[-1], BlockStopped) and all(
            event.frame is raw and event.nth == self.start.nth + number for number, event in enumerate(every)
        )

    def text(self) -> str:
        """Its words, or its input."""
        return "".join(
            [event.piece for event in self.events if isinstance(event, TextDelta | ThinkingDelta | InputDelta)]
        )

    def signature(self) -> str:
        """What it is signed with."""
        return "".join([event.piece for event in self.events if isinstance(event, SignatureDelta)])

    def weighed(self) -> list[dict[str, Any]]:
        """The tokens of its words, where they were told."""
        return [one for event in self.events if isinstance(event, TextDelta) for one in event.logprobs or ()]

    def notes(self) -> list[Opaque]:
        """What else was said of it."""
        return [event for event in self.events if isinstance(event, Opaque)]


class WholeEncoder:
    """Folds events into one response.  *model*: what the client asked for, should the reply not say; *echo*: see
    ``response``."""

    media_type = "application/json"

    def __init__(self, *, model: str, echo: Echo | None = None) -> None:
        self._model, self._echo = model, echo or {}
        self._events: list[Event] = []
        self._size = 0
        self._over = False

    def feed(self, events: Batch) -> bytes:
        """Nothing until the terminal event; then the response, or nothing where it failed."""
        for event in events:
            if self._over:
                break
            self._over = event.terminal
            self._events.append(event)
            self._size += len(getattr(event, "piece", ""))
            if self._size > LIMIT:
                raise too_large()
            if isinstance(event, Finished):
                return self._fold(event)
        return b""

    def _fold(self, finished: Finished) -> bytes:
        events, self._events = self._events, []
        started = next((event for event in events if isinstance(event, Started)), Started("", ""))
        own = started.body is not None and isinstance(started.body.get("output"), list)
        raw = finished.frame if own else None
        if raw is not None and shared(events) is not None:
            return raw
        blocks = gathered(events)
        source = _sources(started.body or {}) if own else {}
        output = Output(Ids(started.id), started.model or self._model)
        for block in blocks:
            came = source.get(block.start.nth) if block.start.frame is raw else None
            output.add(block, came, untouched=raw is not None and block.untouched(raw))
        refused = any(isinstance(block.start.block, Refusal) for block in blocks)
        why = (finished.details or {}).get("explanation")
        if finished.stop == "refusal" and not refused and isinstance(why, str) and why:
            output.add(Folding(BlockStarted(0, Refusal()), [TextDelta(0, why)]), None, untouched=False)
            refused = True
        return msgspec.json.encode(self._closed(started, finished, output, refused=refused))

    def _closed(self, started: Started, finished: Finished, output: "Output", *, refused: bool) -> Item:
        """The response around *output*: a copy of what came, or a new one with every key that may be null."""
        told = started.body or {}
        own = isinstance(told.get("output"), list)
        status, details = stops.write(finished.stop, refused=refused)
        counts = usage.write((finished.usage or Usage()).over(started.usage))
        if own and (finished.frame is not None or finished.usage == usage.read(told.get("usage"))):
            counts = told.get("usage") or counts
        base = told if own else begun(output.ids, output.model, self._echo)
        named = {**base, "id": told.get("id") if own else output.ids.response, "model": output.model}
        response = ended(named, status, output.close(), counts)
        if own:
            response["completed_at"] = told.get("completed_at")
        response["incomplete_details"] = told.get("incomplete_details") if own and finished.frame else details
        return response


class Output:
    """The items of a response, from blocks."""

    def __init__(self, ids: Ids, model: str) -> None:
        self.ids, self.model = ids, model
        self._items: list[Item] = []
        self._parts: list[Item] = []  # of the message that is open
        self._around: Item | None = None  # that message, as it came

    def add(self, block: Folding, source: "Source | None", *, untouched: bool) -> None:
        """Add *block*; *source*: where its beginning came from; *untouched*: whether all of it is as it came."""
        if not is_part(block.start):
            self._leave()
            self._items += [source.item] if untouched and source is not None else self._made(block, source)
            return
        if source is not None and self._around is not source.item:
            self._leave()
            self._around = source.item
        kept = source.part if untouched and source is not None else None
        self._parts.append(kept or part_of(block.start.block, block.text(), block.notes(), block.weighed()))

    def close(self) -> list[Item]:
        """All items."""
        self._leave()
        return self._items

    def _made(self, block: Folding, source: "Source | None") -> list[Item]:
        kind = block.start.block
        own = source.item if source is not None else {}
        item_id = str(own.get("id") or self.ids.item(prefix_of(kind), len(self._items) + 1))
        made = items_of(kind, block.text(), block.signature(), block.notes(), item_id=item_id, model=self.model)
        return [{**own, **item} for item in made] if isinstance(kind, ToolUse) else made

    def _leave(self) -> None:
        if self._parts:
            fresh = message_of(self._parts, item_id=self.ids.item("msg", len(self._items) + 1))
            self._items.append(fresh if self._around is None else {**self._around, "content": self._parts})
        self._parts, self._around = [], None


@attrs.frozen
class Source:
    """The item that a block came from, and the part of it, if it is a message."""

    item: Item
    part: Item


def _sources(body: Item) -> dict[int, Source]:
    """Where the blocks of *body* came from, by the number of their first event."""
    found: dict[int, Source] = {}
    number = 1  # Started is 0
    for item in body["output"]:
        parts = contents(item) if item.get("type") == "message" else [item]
        events = exploded(item, 0, "")
        for event in events:
            if isinstance(event, BlockStarted):
                found[number] = Source(item, parts[event.index])
            number += 1
    return found


def gathered(events: list[Event]) -> list[Folding]:
    """The blocks in *events*, in the order they started; there are no second choices."""
    blocks: list[Folding] = []
    by_index: dict[int, Folding] = {}
    for event in events:
        if isinstance(event, BlockStarted):
            by_index[event.index] = Folding(event)
            if event.choice == 0:
                blocks.append(by_index[event.index])
        elif (block := by_index.get(getattr(event, "index", None))) is not None:  # type: ignore[arg-type]  # None is no key of ours
            block.events.append(event)
    return blocks
