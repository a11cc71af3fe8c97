"""Going on from what passed: the state that a writer of frames would have, had it written them.

    passed: created · item 0 added … done · item 1 added, part 0 added, two deltas
    adopted: output {0: item 0}, message 1 with part 0 open, which says what the deltas said

Ids and places are read from the frames, once, when passing ends.
"""

from typing import Any

import attrs

from pipeline.events import BlockStarted, Other, Refusal, Text
from stages.dialects.responses.items import ITEM_DONE, NAME, Item, items_of, part_of, prefix_of
from stages.dialects.responses.passing import PART_ADDED, Passed, Passing, final_of, payloads
from stages.dialects.responses.pieces import index_of, number_of
from stages.dialects.responses.sheet import Sheet
from stages.dialects.responses.written import ADDED, NEW, At, Message, Standing, Words, Written, standing


@attrs.define
class Adopted:
    """What is open, and where an upstream of this dialect has its items: its output_index → ours."""

    open: dict[int, Written] = attrs.field(factory=dict)
    message: Message | None = None  # the one that the next text may join
    places: dict[int, int] = attrs.field(factory=dict)


@attrs.frozen
class Told:
    """What the first frames of a block say of where it stands."""

    at: At = NEW
    item: Item | None = None  # the one that begins in them
    phase: Any = None  # of a message

    @property
    def added(self) -> bool:
        """Whether an item begins in them."""
        return self.item is not None


def told(start: BlockStarted) -> Told:
    """Where *start*, which came in frames of this dialect, stands."""
    found = Told()
    for value in payloads(start.frame or b""):
        item = value.get("item")
        if value.get("type") == ADDED and isinstance(item, dict):
            at = At(str(item.get("id") or ""), index_of(value))
            found = Told(at, item, item.get("phase"))
        elif value.get("type") == PART_ADDED:
            place = found.at.place if found.added else index_of(value)
            at = At(found.at.item_id or str(value.get("item_id") or ""), place, number_of(value, "content_index"))
            found = attrs.evolve(found, at=at)
    return found


def is_part(start: BlockStarted) -> bool:
    """Whether the block is part of a message, not an item of its own."""
    block = start.block
    own = isinstance(block, Other) and block.dialect == NAME and str(block.body.get("type")).startswith("output_")
    return own or isinstance(block, Text | Refusal)


def adopt(passing: Passing, sheet: Sheet) -> tuple[Adopted, bytes]:
    """The state after what passed, and frames that must follow it at once."""
    state, late = Adopted(), list[Message]()
    for passed in passing.log:
        where = told(passed.start)
        if is_part(passed.start):
            _adopt_part(state, late, sheet, passed, where)
        else:
            if state.message is not None:
                late.append(state.message)
                state.message = None
            _adopt_item(state, sheet, passed, where)
    sheet.number = passing.number + 1
    return state, b"".join([message.leave() for message in late])


def _adopt_part(state: Adopted, late: list[Message], sheet: Sheet, passed: Passed, where: Told) -> None:
    message = state.message
    if message is None or where.added:
        if message is not None:
            late.append(message)
        message = state.message = Message(sheet, where.at, where.phase)
        state.places[where.at.place] = message.place
    words = Words(sheet, passed.start.block, message, where.at.number)
    if passed.stop is None:
        state.open[passed.start.index] = _went_on(words, passed)
        return
    ended = payloads(passed.stop.frame or b"")
    final = final_of(passed.start, ended) or _part_of(passed)
    message.put(words.where["content_index"], final)
    if item := _done(ended):
        sheet.output[message.place] = item
        state.message = None


def _adopt_item(state: Adopted, sheet: Sheet, passed: Passed, where: Told) -> None:
    if passed.stop is None:
        block = _went_on(standing(sheet, passed.start.block, where.at), passed)
        block.began = where.item
        state.open[passed.start.index] = block
        if isinstance(block, Standing) and where.at.place >= 0:
            state.places[where.at.place] = sheet.place(where.at.place)
        return
    place = sheet.place(where.at.place)
    state.places[where.at.place] = place
    item = _done(payloads(passed.stop.frame or b"")) or _built(sheet, passed, where)
    if item is not None:
        sheet.output[place] = item


def _part_of(passed: Passed) -> Item:
    return part_of(passed.start.block, "".join(passed.pieces), passed.notes, passed.weighed)


def _went_on(block: Written, passed: Passed) -> Written:
    block.pieces, block.notes, block.ran = list(passed.pieces), list(passed.notes), passed.ran
    block.weighed = list(passed.weighed)
    return block


def _done(ended: list[Item]) -> Item | None:
    item = next((value.get("item") for value in ended if value.get("type") == ITEM_DONE), None)
    return item if isinstance(item, dict) else None


def _built(sheet: Sheet, passed: Passed, where: Told) -> Item | None:
    block, text = passed.start.block, "".join(passed.pieces)
    item_id = where.at.item_id or sheet.item_id(prefix_of(block))
    return next(iter(items_of(block, text, "", passed.notes, item_id=item_id, model=sheet.model)), None)
