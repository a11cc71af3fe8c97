"""Faults of content: fields of the wrong kind, calls that are none, counts that can't be."""

from functools import partial
from typing import Any

from bench.faults.fault import KEEP, Chapter, Play
from bench.faults.said import Said, rewritten

CONTENTS = Chapter("contents")
CALLS = Chapter("calls")
COUNTS = Chapter("counts")

ANY = "well|UpstreamFailed|UpstreamTruncated"
KINDS: dict[str, Any] = {"a number": 7, "null": None, "an object": {"a": 1}, "a list": ["a"], "true": True}


def slug(kind: str) -> str:
    """*kind* in a name."""
    return kind.split()[-1]


# -- fields -----------------------------------------------------------------------------------------------------------


def worded(value: Any, said: Said) -> Play:
    """Words are *value*."""
    yield said.answer(said.with_field(said.tongue.text, value, only=lambda found: isinstance(found, str)))
    yield KEEP


def listed(value: Any, said: Said) -> Play:
    """The list of what was said is *value*."""
    yield said.answer(said.with_field(said.tongue.blocks, value, only=lambda found: isinstance(found, list)))
    yield KEEP


def stopped(value: Any, said: Said) -> Play:
    """The reply ended because of *value*."""
    yield said.answer(said.with_field(said.tongue.stops, value, only=lambda found: found is not None))
    yield KEEP


def named(fields: tuple[str, ...], value: Any, said: Said) -> Play:
    """*fields* are *value*."""
    yield said.answer(said.with_field(fields, value))
    yield KEEP


for kind, value in KINDS.items():
    CONTENTS.add(f"words-{slug(kind)}", f"Words are {kind}.", partial(worded, value), ANY)
    CONTENTS.add(f"blocks-{slug(kind)}", f"The list of what is said is {kind}.", partial(listed, value), ANY)
    CONTENTS.add(f"stop-{slug(kind)}", f"The reason of the end is {kind}.", partial(stopped, value), ANY)
    CONTENTS.add(f"model-{slug(kind)}", f"The model is {kind}.", partial(named, ("model",), value), ANY)
    CONTENTS.add(f"id-{slug(kind)}", f"The ids are {kind}.", partial(named, ("id", "item_id"), value), ANY)
    CONTENTS.add(f"role-{slug(kind)}", f"The role is {kind}.", partial(named, ("role",), value), ANY)
    CONTENTS.add(f"type-{slug(kind)}", f"All types are {kind}.", partial(named, ("type",), value), ANY)
    places = ("index", "output_index", "content_index", "summary_index")
    CONTENTS.add(f"index-{slug(kind)}", f"Every index is {kind}.", partial(named, places, value), ANY)
for word in ("made_up", "", "error", "STOP"):
    CONTENTS.add(f"stop-{word or 'nothing'}", f"The reason of the end is {word!r}.", partial(stopped, word), ANY)
for number in (-1, 7, 2**70):
    says = f"Every index is {number}."
    CONTENTS.add(f"index-{number}", says, partial(named, ("index", "output_index"), number), ANY)


@CONTENTS.fault("blocks-empty", "Nothing is said.", ANY)
def nothing(said: Said) -> Play:
    yield from listed([], said)


@CONTENTS.fault("blocks-of-nothing", "What is said is a list of null.", ANY)
def nulls(said: Said) -> Play:
    yield from listed([None], said)


@CONTENTS.fault("all-null", "Every field but the type is null.", ANY)
def all_null(said: Said) -> Play:
    def change(found: Any) -> Any:
        return {k: v if k == "type" else None for k, v in found.items()} if isinstance(found, dict) else found

    yield said.answer([rewritten(part, change) for part in said.parts])
    yield KEEP


@CONTENTS.fault("fields-unknown", "Every object has fields that nobody knows.", "well")
def more(said: Said) -> Play:
    yield said.answer(said.edited(lambda v: {**v, "x_new": {"a": [1]}} if isinstance(v, dict) else v))
    yield KEEP


@CONTENTS.fault("half-a-character", "The words hold half a character.", ANY)
def surrogate(said: Said) -> Play:
    yield said.answer([part.replace(b"three", b"\\ud800three") for part in said.parts])
    yield KEEP


@CONTENTS.fault("control-characters", "The words hold NUL and escapes.", "well")
def control(said: Said) -> Play:
    yield said.answer([part.replace(b"three", b"\\u0000\\u001b[31mthree") for part in said.parts])
    yield KEEP


@CONTENTS.fault("not-utf-8", "The words are not UTF-8.", ANY)
def not_utf8(said: Said) -> Play:
    yield said.answer([part.replace(b"three", b"\xff\xfethree") for part in said.parts])
    yield KEEP


@CONTENTS.fault("fields-twice", "Fields stand twice in an object.", "well")
def fields_twice(said: Said) -> Play:
    yield said.answer([part.replace(b'{"', b'{"x":1,"x":2,"', 1) for part in said.parts])
    yield KEEP


# -- calls ------------------------------------------------------------------------------------------------------------


def called(change: Any, said: Said) -> Play:
    """A call of a tool, changed."""
    calling = said.calling
    yield calling.answer(calling.edited(change))
    yield KEEP


def arguments(text: str, value: Any) -> Any:
    """*value*, with *text* where it holds the arguments of a call."""
    if not isinstance(value, dict):
        return value
    known = {"arguments": text, "partial_json": text, "input": {} if value.get("input") == {} else text}
    value = {k: known[k] if k in known and v not in ("", {}) else v for k, v in value.items()}
    if isinstance(value.get("delta"), str) and "arguments" in str(value.get("type")):
        value["delta"] = text
    return value


ARGUMENTS = {
    "cut": ('{"a": 1, "mark', "are cut"),
    "words": ("all of them", "are words"),
    "list": ("[1, 2]", "are a list"),
    "null": ("null", "are null"),
    "nothing": ("", "are nothing"),
    "two": ('{"a":1}{"a":2}', "are two objects"),
    "nan": ('{"a": NaN}', "hold NaN"),
    "half-a-character": ('{"a": "\ud800"}', "hold half a character"),
}
for name, (text, says) in ARGUMENTS.items():
    CALLS.add(f"arguments-{name}", f"The arguments of a call {says}.", partial(called, partial(arguments, text)), ANY)


def without(names: tuple[str, ...], only: str, value: Any) -> Any:
    """*value* without the fields of *names*, if it is an object that has *only*."""
    if isinstance(value, dict) and only in value:
        return {k: v for k, v in value.items() if k not in names}
    return value


CALLS.add("call-without-name", "A call names no tool.", partial(called, partial(without, ("name",), "name")), ANY)
CALLS.add(
    "call-without-id", "A call has no id.", partial(called, partial(without, ("id", "call_id", "item_id"), "type")), ANY
)


@CALLS.fault("call-of-the-unknown", "A call names a tool that was not offered.", "well")
def unknown(said: Said) -> Play:
    yield from called(lambda v: {**v, "name": "rm"} if isinstance(v, dict) and v.get("name") == "f" else v, said)


@CALLS.fault("call-ends-as-text", "The reply calls a tool and says that it just ended.", "well")
def plain_end(said: Said) -> Play:
    ends = {"tool_use": "end_turn", "tool_calls": "stop"}
    yield from called(lambda v: ends.get(v, v) if isinstance(v, str) else v, said)


@CALLS.fault("text-ends-as-call", "The reply calls nothing and says that it did.", "well")
def call_end(said: Said) -> Play:
    ends = {"end_turn": "tool_use", "stop": "tool_calls"}
    yield said.answer(said.edited(lambda v: ends.get(v, v) if isinstance(v, str) else v))
    yield KEEP


@CALLS.fault("call-lost-its-start", "The frame that begins a call is missing.", ANY)
def lost_start(said: Said) -> Play:
    calling = said.calling
    start = next((n for n, part in enumerate(calling.parts) if b'"f"' in part), 0)
    yield calling.answer([part for n, part in enumerate(calling.parts) if n != start] if said.stream else None)
    yield KEEP


# -- counts -----------------------------------------------------------------------------------------------------------


def counted(count: Any, said: Said) -> Play:
    """Every count of tokens is *count*."""
    yield said.answer(said.with_counts(count))
    yield KEEP


COUNTED: dict[str, tuple[Any, str, str]] = {
    "negative": (-5, "less than nothing", "suspect|estimated"),
    "huge": (10**15, "a thousand million millions", "suspect|estimated"),
    "beyond-64-bits": (2**70, "more than 64 bits hold", "suspect|estimated"),
    "zero": (0, "nothing", "suspect"),
    "null": (None, "null", "estimated|suspect"),
    "a-text": ("12", "a text", "exact|estimated|suspect"),
    "words": ("many", "words", "estimated|suspect"),
    "a-fraction": (3.7, "a fraction", "exact|estimated|suspect"),
    "nan": (float("nan"), "not a number", "estimated|suspect"),
    "infinite": (float("inf"), "infinite", "estimated|suspect"),
    "true": (True, "true", "exact|estimated|suspect"),
    "a-list": ([1], "a list", "estimated|suspect"),
    "an-object": ({"a": 1}, "an object", "estimated|suspect"),
}
for name, (count, says, books) in COUNTED.items():
    CHECKED = "well" if name not in {"nan", "infinite"} else ANY
    expected = books if CHECKED == "well" else ""
    COUNTS.add(f"counts-{name}", f"Every count of tokens is {says}.", partial(counted, count), CHECKED, books=expected)


@COUNTS.fault("counts-missing", "No count is told.", "well", books="estimated")
def missing(said: Said) -> Play:
    yield said.answer(said.without(["usage"]))
    yield KEEP


def usage(value: Any, said: Said) -> Play:
    """The counts are *value*."""
    yield said.answer(said.with_field(["usage"], value))
    yield KEEP


for kind, value in KINDS.items():
    COUNTS.add(
        f"usage-{slug(kind)}",
        f"The counts are {kind}.",
        partial(usage, value),
        "well|UpstreamFailed",
        books="estimated",
    )
