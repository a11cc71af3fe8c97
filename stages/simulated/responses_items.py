"""The items of a response: which are done, which is open, and the events that tell of it.

    Think · Think · Say · [[block]] · Say · Call  ──▶  reasoning(2 summaries)  message(2 parts)  function_call

Neighbouring thoughts share an item, and so do neighbouring words; ``[[block]]`` begins another part of a message, and
another item of reasoning.  Events come without their numbers: who writes them down counts them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

import attrs

from stages.simulated import signature, steps
from stages.simulated.responses_tools import Offered, call_item
from stages.simulated.steps import Call, Filler, Redact, Refuse, Say, Step, Think

PIECE = 24  # characters of a call's arguments in one delta
Fields = dict[str, Any]
Event = tuple[str, Fields]  # its type, and the fields beside that and its number
NAMES = {  # of a part: the words it consists of, the part itself, and the field its text stands in
    "output_text": ("response.output_text", "response.content_part", "text"),
    "refusal": ("response.refusal", "response.content_part", "refusal"),
    "summary_text": ("response.reasoning_summary_text", "response.reasoning_summary_part", "text"),
}
ARGUMENTS = {  # of an item: what its events are called, and the field that they fill
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}
_PIECES = re.compile(r"\S+\s*|\s+")


@attrs.frozen
class Braid(Step):
    """Calls whose events alternate."""

    calls: tuple[Call, ...]


@attrs.define
class Manners:
    """What the items of one response have in common."""

    ident: str  # of the response: those of its items are made from it
    offered: dict[str, Offered]
    prefix: bytes = b""  # what reasoning is sealed to
    shows: bool = True  # reasoning has summaries
    phase: str | None = None  # of its messages
    cut: Step | None = None  # the step that the limit cut off
    quiet: bool = False  # nobody listens to deltas


class Items:
    """The items of one response, as its steps are played."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.done: list[Fields] = []
        self.item: Fields = {}  # the one that is open: a message or reasoning
        self.part: Fields = {}  # and its part
        self._text: list[str] = []  # that part's words
        self._thoughts: list[str] = []
        self._table: dict[type[Step], Callable[[Any], list[Event]]] = {
            Say: lambda step: self._say("output_text", step),
            Refuse: lambda step: self._say("refusal", step),
            Filler: self._filler,
            Think: self._think,
            Redact: lambda _: [*self._open(self._reasoning), *self.close()],
            Call: lambda step: self._calls([step]),
            Braid: lambda step: self._calls(step.calls),
            steps.Split: lambda _: self._split(),
        }

    def play(self, step: Step) -> list[Event]:
        """The events of *step*; none for what fills no item."""
        play = self._table.get(type(step))
        return play(step) if play else []

    def close(self, status: str = "completed") -> list[Event]:
        """End the item that is open, if any."""
        if not self.item:
            return []
        ending, item = self._close_part(), self.item
        if item["type"] == "reasoning":
            item["encrypted_content"] = signature.sign("\n\n".join(self._thoughts), self.manners.prefix)
        else:
            item["status"] = status
        self.item, self._thoughts = {}, []
        return [*ending, self._finished(item)]

    # -- items --------------------------------------------------------------------------------------------------------

    def _number(self, more: int = 0) -> str:
        return f"{self.manners.ident}{len(self.done) + more:02d}"

    def _message(self) -> Fields:
        item = {"type": "message", "id": f"msg_{self._number()}", "role": "assistant", "status": "in_progress"}
        return {**item, **({"phase": self.manners.phase} if self.manners.phase else {}), "content": []}

    def _reasoning(self) -> Fields:
        unfinished = signature.sign("")[:16]  # what is told first is not yet good: to be taken from the item's end
        return {"type": "reasoning", "id": f"rs_{self._number()}", "summary": [], "encrypted_content": unfinished}

    def _open(self, make: Callable[[], Fields]) -> list[Event]:
        begun = self.close()
        self.item = item = make()
        parts = "summary" if item["type"] == "reasoning" else "content"
        return [*begun, ("response.output_item.added", {"output_index": len(self.done), "item": {**item, parts: []}})]

    def _finished(self, item: Fields) -> Event:
        self.done.append(item)
        return "response.output_item.done", {"output_index": len(self.done) - 1, "item": item}

    def _split(self) -> list[Event]:
        return self.close() if self.item.get("type") == "reasoning" else self._close_part()

    # -- parts --------------------------------------------------------------------------------------------------------

    def place(self) -> Fields:
        """Where the open part is."""
        parts, index = ("summary", "summary_index") if "summary" in self.item else ("content", "content_index")
        return {"item_id": self.item["id"], "output_index": len(self.done), index: len(self.item[parts])}

    def begin(self, kind: str) -> list[Event]:
        """An open part of *kind*, in an open message."""
        begun = [] if self.item.get("type") == "message" else self._open(self._message)
        if self.part.get("type") != kind:
            more: Fields = {"annotations": [], "logprobs": []} if kind == "output_text" else {}
            begun += self._open_part({"type": kind, NAMES[kind][2]: "", **more})
        return begun

    def _open_part(self, part: Fields) -> list[Event]:
        begun = self._close_part()
        self.part, self._text = part, []
        return [*begun, (f"{NAMES[part['type']][1]}.added", {**self.place(), "part": dict(part)})]

    def _close_part(self) -> list[Event]:
        if not self.part:
            return []
        part, place = self.part, self.place()
        words, name, field = NAMES[part["type"]]
        part[field] = "".join(self._text)
        self.item["summary" if "summary" in self.item else "content"].append(part)
        self.part = {}
        more: Fields = {"logprobs": []} if part["type"] == "output_text" else {}
        return [
            (f"{words}.done", {**place, field: part[field], **more}),
            (f"{name}.done", {**place, "part": part}),
        ]

    def filled(self, text: str) -> None:
        """*text* has been told in deltas."""
        self._text.append(text)

    def _deltas(self, text: str) -> list[Event]:
        """*text* into the open part, word by word."""
        self.filled(text)
        place, kind = self.place(), self.part["type"]
        more: Fields = {"logprobs": []} if kind == "output_text" else {}
        pieces = () if self.manners.quiet else _PIECES.findall(text)
        return [(f"{NAMES[kind][0]}.delta", {**place, "delta": piece, **more}) for piece in pieces]

    # -- what is said -------------------------------------------------------------------------------------------------

    def _say(self, kind: str, step: Say) -> list[Event]:
        return self.begin(kind) + self._deltas(step.text)

    def _filler(self, step: Filler) -> list[Event]:
        return self.begin("output_text") + self._deltas(step.text)

    def _think(self, step: Think) -> list[Event]:
        begun = [] if self.item.get("type") == "reasoning" else self._open(self._reasoning)
        self._thoughts.append(step.text)
        if not self.manners.shows:
            return begun
        return begun + self._open_part({"type": "summary_text", "text": ""}) + self._deltas(step.text)

    # -- calls --------------------------------------------------------------------------------------------------------

    def _calls(self, calls: Sequence[Call]) -> list[Event]:
        """All begin, their pieces take turns, all end."""
        begun, at = self.close(), len(self.done)
        items = [self._called(step, self._number(n)) for n, step in enumerate(calls)]
        for n, item in enumerate(items):
            begun += _called_first(item, at + n)
        strands = [() if self.manners.quiet else tuple(_pieces(item, at + n)) for n, item in enumerate(items)]
        between = [event for row in zip_longest(*strands) for event in row if event]
        ended: list[Event] = []
        for n, item in enumerate(items):
            ended += [*_called_last(item, at + n), self._finished(item)]
        return [*begun, *between, *ended]

    def _called(self, step: Call, number: str) -> Fields:
        item = call_item(step, self.manners.offered.get(step.name) or Offered(name=step.name), number)
        return item | {"status": "incomplete"} if step is self.manners.cut else item


def _called_first(item: Fields, at: int) -> list[Event]:
    empty = {ARGUMENTS[item["type"]][1]: ""} if item["type"] in ARGUMENTS else {}
    added = ("response.output_item.added", {"output_index": at, "item": {**item, "status": "in_progress", **empty}})
    return [added, *_searching(item, at, "in_progress", "searching")]


def _pieces(item: Fields, at: int) -> Iterator[Event]:
    name, field = ARGUMENTS.get(item["type"], ("", ""))
    text = item.get(field, "")
    for start in range(0, len(text), PIECE):
        yield f"{name}.delta", {"item_id": item["id"], "output_index": at, "delta": text[start : start + PIECE]}


def _called_last(item: Fields, at: int) -> list[Event]:
    if item["type"] not in ARGUMENTS:
        return _searching(item, at, "completed")
    name, field = ARGUMENTS[item["type"]]
    return [(f"{name}.done", {"item_id": item["id"], "output_index": at, field: item[field]})]


def _searching(item: Fields, at: int, *stages: str) -> list[Event]:
    """What a search on the web tells of itself."""
    known = stages if item["type"] == "web_search_call" else ()
    return [(f"response.web_search_call.{stage}", {"item_id": item["id"], "output_index": at}) for stage in known]
