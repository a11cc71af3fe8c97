"""Arrange: a list of entries → the order of the line.

    up      auth → model_map → thinking_suffix → limits → meter          once per exchange
            → [ translate → client_identity → cache_breakpoints ]        once per attempt
            → forward                                                    the source
    down    the same backwards, and into reencode, the sink

Entries with ``before``, ``after`` or ``replace`` edit this default line; a list without any of them *is* the line.
Both ends stand whether they are listed or not.  Who leaves out ``auth`` or ``meter`` has to say so.  This file orders
names; it loads nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from pipeline.config import Entry, Role
from pipeline.problems import Path, Problems, unknown

DEFAULT: dict[str, Role] = {
    "auth": "stage",
    "model_map": "stage",
    "thinking_suffix": "stage",
    "limits": "stage",
    "meter": "stage",
    "translate": "attempt",
    "client_identity": "attempt",
    "cache_breakpoints": "attempt",
    "forward": "source",
    "reencode": "sink",
}
DEMANDED = ("auth", "meter")  # a line without these gives away what it has, or loses what it cost
ENDS = ("source", "sink")
MIXED = "this entry makes the list the whole line, another one edits the default line: use one kind"


@attrs.frozen
class Slot:
    """A place in the line, and the entry that fills it."""

    name: str
    role: Role
    entry: Entry
    path: Path = ()  # where it is configured; () for the default
    anchor: str = ""  # the stage it was put after: the next one put there follows it


@attrs.frozen
class Order:
    """The line, by name."""

    stages: tuple[Slot, ...]
    attempt: tuple[Slot, ...]
    source: Slot
    sink: Slot

    def __iter__(self) -> "Iterator[Slot]":
        yield from (*self.stages, *self.attempt, self.source, self.sink)


def arrange(entries: Sequence[Entry], without: Sequence[str], problems: Problems) -> Order:
    """The line that *entries* describe.  What is wrong is noted; the order is then as good as it can be."""
    for number, name in enumerate(without):
        if name not in DEFAULT:
            problems.add(("without", number), unknown(name, DEFAULT, "stage"))
        elif DEFAULT[name] in ENDS:
            problems.add(("without", number), f'a line has no end without {name}; replace it: replace = "{name}"')
    left = [name for name, role in DEFAULT.items() if name not in without or role in ENDS]
    default = [Slot(name, DEFAULT[name], Entry(use=name)) for name in left]
    slots = [slot_of(entry, ("stages", number)) for number, entry in enumerate(entries)]
    line = listed(slots, default, problems)
    if not any(map(position, slots)) and any(slot.role not in ENDS for slot in slots):
        demand(line, without, problems)
    return divided(line, problems)


def arrange_attempt(name: str, entries: Sequence[Entry], order: Order, problems: Problems) -> tuple[Slot, ...]:
    """The stages of an attempt at the upstream called *name*, which has *entries* of its own."""
    path: Path = ("upstreams", name, "stages")
    slots = [attrs.evolve(slot_of(entry, (*path, number)), role="attempt") for number, entry in enumerate(entries)]
    for slot in slots:
        if slot.entry.role not in (None, "attempt"):
            problems.add((*slot.path, "role"), "here a stage runs once per attempt, and nothing else")
    translate = [slot for slot in order.attempt if slot.name == "translate"]
    if any(map(position, slots)):
        line = listed(slots, list(order.attempt), problems)
    else:
        line = slots if "translate" in names(slots) else translate + slots
    distinct([*order.stages, *line], problems)
    return tuple(line)


def slot_of(entry: Entry, path: Path) -> Slot:
    """The slot that *entry* describes."""
    name = entry.name or entry.replace or word(entry.use)
    return Slot(name, entry.role or DEFAULT.get(name, "stage"), entry, path)


def word(use: str) -> str:
    """The name of what *use* names: ``shop.stages:no_thoughts`` and ``shop.no_thoughts:stage`` are no_thoughts."""
    module, _, attribute = use.partition(":")
    return module.rpartition(".")[2] if attribute in ("", "stage") else attribute


def names(slots: Iterable[Slot]) -> list[str]:
    """Their names."""
    return [slot.name for slot in slots]


def position(slot: Slot) -> str:
    """Which of before, after, replace the entry has; the first of several."""
    return next((word for word in ("before", "after", "replace") if getattr(slot.entry, word)), "")


def listed(slots: list[Slot], default: list[Slot], problems: Problems) -> list[Slot]:
    """*default* as edited by *slots*, or *slots* themselves, with what they leave to the default."""
    edits = [slot for slot in slots if position(slot)]
    whole = [slot for slot in slots if not position(slot) and slot.role not in ENDS]
    if edits and whole:
        problems.add(whole[0].path, MIXED)
    line = default
    if whole and not edits:
        implied = [slot for slot in default if slot.role == "attempt" and "attempt" not in {s.role for s in whole}]
        line = [*whole, *implied, *(slot for slot in default if slot.role in ENDS)]
    for slot in slots:
        if position(slot):
            line = edited(line, slot, problems)
        elif slot.role in ENDS:
            line = [slot if old.role == slot.role else old for old in line]
    return line


def edited(line: list[Slot], slot: Slot, problems: Problems) -> list[Slot]:
    """*line* with *slot* where its entry says."""
    how = position(slot)
    target = getattr(slot.entry, how)
    if sum(bool(getattr(slot.entry, word)) for word in ("before", "after", "replace")) > 1:
        problems.add(slot.path, "only one of before, after and replace can be said")
    if target not in names(line):
        left_out = target in DEFAULT
        text = "this stage is left out of the line" if left_out else unknown(target, names(line), "stage")
        problems.add((*slot.path, how), text)
        return line
    at = names(line).index(target)
    old = line[at]
    if old.role in ENDS and how != "replace":
        advice = 'after = "meter" (once per exchange) or after = "cache_breakpoints" (once per attempt)'
        problems.add((*slot.path, how), f"{target} is an end of the line, which can only be replaced; say {advice}")
        return line
    if slot.entry.role not in (None, old.role):
        problems.add((*slot.path, "role"), f'{target} has the role "{old.role}", so what stands there has it too')
    slot = attrs.evolve(slot, role=old.role)
    if how == "replace":
        return [*line[:at], slot, *line[at + 1 :]]
    if how == "after":
        slot = attrs.evolve(slot, anchor=target)
        at += 1
        while at < len(line) and line[at].anchor == target:
            at += 1
    return [*line[:at], slot, *line[at:]]


def demand(line: list[Slot], without: Sequence[str], problems: Problems) -> None:
    """A line that was listed leaves out what it leaves out on purpose only."""
    for name in DEMANDED:
        if name not in names(line) and name not in without:
            problems.add(("stages",), f'the line has no {name}; add it, or say so at the top: without = ["{name}"]')
    for slot in line:
        if slot.name in without and slot.path:
            problems.add(slot.path, f"{slot.name} is in the line, and left out by without")


def divided(line: list[Slot], problems: Problems) -> Order:
    """*line* by roles; a stage of the exchange can't stand behind one of an attempt."""
    roles = [slot.role for slot in line]
    for number, slot in enumerate(line):
        if slot.role == "stage" and "attempt" in roles[:number]:
            problems.add(slot.path, f"{slot.name} runs once per exchange: it stands before what runs once per attempt")
    distinct(line, problems)
    of: Callable[[Role], list[Slot]] = lambda role: [slot for slot in line if slot.role == role]  # noqa: E731  # a filter with a name
    return Order(tuple(of("stage")), tuple(of("attempt")), of("source")[0], of("sink")[0])


def distinct(line: list[Slot], problems: Problems) -> None:
    """No two stages have one name: settings and records go by it."""
    for number, slot in enumerate(line):
        if slot.name in names(line[:number]):
            problems.add(slot.path, f'there is a {slot.name} before; give this one a name of its own: name = "…"')
