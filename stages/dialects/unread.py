"""What a translation does not read: fields of blocks, parts, items and calls that have no place anywhere else.

    {"type": "image", "source": {…}, "transformations": {…}}     ─▶  recorded: messages[0].content[1].transformations

A field that nobody reads would go in silence, and new ones come with every release of a client.  So the client's own
body is walked once before it is translated, and each field that the table of its dialect does not know is recorded:
once for all of a name in parts of a kind, with the place of the first.  ``needless`` are those of which nothing is
lost: they say what holds anyway, or name what gets another name there.  Kinds that the table does not have are somebody
else's affair: the translation refuses them, or tells them as text.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import chain
from operator import methodcaller
from typing import Any

import attrs

from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.dialects.course import TALK, Course
from stages.dialects.shape import those

_DEFAULTS: tuple[Any, ...] = (None, False, [], {}, {"type": "direct"}, ["direct"])  # values that ask for nothing

_TYPE = methodcaller("get", "type")
_HOLDING = frozenset({list, dict, str, type(None)})  # what a field that may hold parts can be; words are none

_NAMED = "it is only a name for it"
_SHOWN = "it is for the reader, the model never sees it"
_AT_ONCE = "every tool is told at once, and in whole"
_CACHED = "this upstream caches by itself, or not"


@attrs.frozen
class Kind:
    """Fields of one kind of part: those that are *read*, those that need not be, and where further parts are."""

    read: frozenset[str]
    needless: Mapping[str, str]  # why nothing is lost, by name
    inner: Mapping[str, str]  # fields that hold parts: their kind, or "" for the type that they say themselves
    strict: bool  # whether other fields are recorded; no: who translates it does so
    settled: frozenset[str] = attrs.field(init=False)  # of which nothing has to be said

    @settled.default
    def _settled(self) -> frozenset[str]:
        return self.read - self.needless.keys()

    def unsettled(self, part: Mapping[str, Any]) -> AbstractSet[str]:
        """Those fields of *part* that may have to be recorded."""
        return part.keys() - self.settled if self.strict else part.keys() & self.needless.keys()


def kind(
    read: str = "", *, needless: Mapping[str, str] | None = None, inner: Mapping[str, str] | None = None,
    strict: bool = True,
) -> Kind:  # fmt: skip
    """A Kind; *read* has the names with spaces between."""
    needless, inner = needless or {}, inner or {}
    return Kind(frozenset({"type", *read.split(), *needless, *inner}), needless, inner, strict)


_MARKS = "prompt_cache_breakpoint cache_control"
_TOOL = {"defer_loading": _AT_ONCE}
_TOOLSET = {"toolset_name": "the id of the call is enough"}
_ITEM = {"id": _NAMED, "status": _NAMED}
_OUTPUT = {**_ITEM, "name": "the id of the call is enough", "namespace": "the id of the call is enough"}
_SCHEMA = {"name": _NAMED, "strict": "a schema is enforced wherever it can be"}

_SEARCH = kind("filters user_location search_context_size external_web_access")

# By dialect, the kinds of its parts by their type, or by the name given in ``inner``; "" is the body itself.
KINDS: dict[str, dict[str, Kind]] = {
    "anthropic": {
        "": kind(
            needless={"cache_control": _CACHED},
            inner={"messages": "message", "system": "", "tools": "tool", "thinking": "thinking's"},
            strict=False,
        ),
        "message": kind("role", inner={"content": ""}),
        "text": kind("text cache_control citations"),
        "image": kind("source cache_control"),
        "document": kind("source title context citations cache_control"),
        "search_result": kind("source title content citations cache_control"),
        "thinking": kind("thinking signature"),
        "redacted_thinking": kind("data"),
        "tool_use": kind("id name input cache_control", needless=_TOOLSET),
        "tool_result": kind("tool_use_id is_error cache_control", needless=_TOOLSET, inner={"content": ""}),
        "fallback": kind(needless={"from": _NAMED, "to": _NAMED, "trigger": _NAMED}),
        "tool": kind(
            needless={"cache_control": _CACHED, "defer_loading": _AT_ONCE, "eager_input_streaming": _AT_ONCE},
            strict=False,
        ),
        "thinking's": kind("budget_tokens", needless={"display": "thoughts are shown as the upstream shows them"}),
    },
    "chat": {
        "": kind(inner={"messages": "message", "tools": "tool", "response_format": "format"}, strict=False),
        "message": kind(inner={"content": "", "tool_calls": "call"}, strict=False),
        "text": kind(f"text {_MARKS}"),
        "refusal": kind(f"refusal {_MARKS}"),
        "image_url": kind(f"image_url {_MARKS}"),
        "file": kind(_MARKS, inner={"file": "file's"}),
        "file's": kind("file_data filename"),
        "call": kind("id extra_content", needless={"index": _NAMED}, inner={"function": "called", "custom": "called"}),
        "called": kind("name arguments input"),
        "tool": kind(_MARKS, inner={"function": "function's", "custom": "custom's"}),
        "function's": kind("name description parameters strict"),
        "custom's": kind("name description format"),
        "format": kind(inner={"json_schema": "schema's"}),
        "schema's": kind("schema", needless=_SCHEMA),
    },
    "responses": {
        "": kind(inner={"input": "", "tools": "", "reasoning": "reasoning's", "text": "text's"}, strict=False),
        "message": kind("role", needless={**_ITEM, "phase": "its place tells it"}, inner={"content": ""}),
        "input_text": kind(f"text {_MARKS}"),
        "output_text": kind(f"text {_MARKS}", needless={"annotations": _SHOWN, "logprobs": _SHOWN}),
        "input_image": kind(f"image_url file_id detail {_MARKS}"),
        "input_file": kind(f"file_data file_id file_url filename {_MARKS}"),
        "reasoning": kind("summary content encrypted_content id", needless={"status": _NAMED}),
        "function_call": kind("call_id name arguments namespace", needless=_ITEM),
        "function_call_output": kind("call_id", needless=_OUTPUT, inner={"output": ""}),
        "custom_tool_call": kind("call_id name input namespace", needless=_ITEM),
        "custom_tool_call_output": kind("call_id", needless=_OUTPUT, inner={"output": ""}),
        "additional_tools": kind("role", needless={"id": _NAMED}, inner={"tools": ""}),
        "function": kind("name description parameters strict", needless=_TOOL),
        "custom": kind("name description format", needless=_TOOL),
        "namespace": kind("name", inner={"tools": ""}),
        **dict.fromkeys(("web_search", "web_search_2025_08_26"), _SEARCH),
        **dict.fromkeys(("web_search_preview", "web_search_preview_2025_03_11"), _SEARCH),
        "reasoning's": kind("effort summary generate_summary"),
        "text's": kind("verbosity", inner={"format": ""}),
        "json_schema": kind("schema", needless=_SCHEMA),
    },
}

# What some pair of dialects has a place for after all: by source and target, kind and field.
_NAMES = {(kind, field) for kind in ("schema's", "json_schema") for field in ("name", "description", "strict")}
CARRIED = {
    ("anthropic", "responses"): {("thinking's", "display")},
    ("chat", "responses"): _NAMES,
    ("responses", "chat"): _NAMES,
}

# What a reply can bring beside its words: why nothing is lost, or None where something is.  Others are lost.
_INCLUDED = {"reasoning.encrypted_content": "reasoning always comes with what takes it back"}
_READ_ELSEWHERE = "message.output_text.logprobs"

_UNTOLD = {"": kind(strict=False)}

Found = dict[tuple[str, str], tuple[Any, int]]  # by kind and field: the way to the first, and how many there are


def record_unread(body: Mapping[str, Any], dialect: str, target: str, prompt: Prompt) -> None:
    """Record on *prompt* what of *body*, a client's in *dialect*, no translation to *target* reads.

    A dialect that has no table here says itself what it does not read.
    """
    kinds, talk = KINDS.get(dialect, _UNTOLD), body.get(TALK.get(dialect, ""))
    if isinstance(talk, Course):
        found = _along(body, dialect, talk, kinds)
    else:
        found = Found()
        _walk(body, kinds[""], None, kinds, found, "")
    for (name, field), (way, times) in found.items():
        if (name, field) in CARRIED.get((dialect, target), ()):
            continue
        why = kinds[name].needless.get(field)
        several = f" ({times} times)" if times > 1 else ""
        prompt.record("dropped", (*_path(way), field), (why or "no equivalent") + several, lossy=why is None)
    included = body.get("include") if dialect == "responses" else None
    for number, one in enumerate(included if isinstance(included, list) else ()):
        if one != _READ_ELSEWHERE:
            why = _INCLUDED.get(str(one))
            prompt.record("dropped", ("include", number), why or "no equivalent", lossy=why is None)


def _along(body: Mapping[str, Any], dialect: str, course: Course, kinds: Mapping[str, Kind]) -> Found:
    """What ``_walk`` finds in *body*: its own fields, its conversation, which is *course*, and the rest, in this order.

    Of all that comes before the cut is put down what was found there.
    """
    talk, known = TALK[dialect], kinds[""]
    rest = {field: value for field, value in body.items() if field != talk}
    found: Found = {}
    if course.past is None:
        _walk({field: rest[field] for field in rest if field not in known.inner}, known, None, kinds, found, "")
    else:
        found.update(course.past.found)
    at = max(course.cut - course.first, 0)
    _walk({talk: course[:at]}, known, None, kinds, found, "", course.first)
    course.left.found = dict(found)
    _walk({talk: course[at:]}, known, None, kinds, found, "", course.first + at)
    _walk({field: rest[field] for field in rest if field in known.inner}, known, None, kinds, found, "")
    return found


def _walk(
    part: Mapping[str, Any], known: Kind, way: Any, kinds: Mapping[str, Kind], found: Found, name: str, start: int = 0
) -> None:
    """Look at *part*, which is of the kind *name*, and at what is in it; *way*: the chain of keys that leads here.

    *start*: the number of what stands first in each array of *part*.
    """
    for field in () if part.keys() <= known.settled else known.unsettled(part):
        if part[field] not in _DEFAULTS:
            first, times = found.get((name, field), (way, 0))
            found[name, field] = first, times + 1
    for field, wanted in known.inner.items():
        inner = part.get(field)
        if not inner or isinstance(inner, str):
            continue
        several = isinstance(inner, list)
        if several and way is None and _known(inner, wanted, kinds):
            continue
        for number, child in enumerate(inner if several else (inner,), start):
            if type(child) is not dict:
                continue
            called = wanted or str(child.get("type") or "message")
            below = kinds.get(called)
            if below is not None and (below.inner or not child.keys() <= below.settled):
                _walk(child, below, (way, field, number) if several else (way, field), kinds, found, called)


def _known(parts: list[Any], wanted: str, kinds: Mapping[str, Kind]) -> bool:
    """Whether nothing has to be said of *parts*, nor of what is in them; *wanted*: their kind, or "" for their types.

    A long conversation has thousands of parts, of a dozen shapes: these are gathered in one go and looked at, not each
    part.  Where there is something to say, or that makes no sense, the answer is no, and ``_walk`` finds what it is.
    """
    if not {dict}.issuperset(map(type, parts)):
        return False
    strange: set[str] = set()
    further: set[tuple[str, str]] = set()
    try:
        shapes = {*zip(map(_TYPE, parts), map(tuple, parts), strict=True)}
    except TypeError:  # a type that is no word
        return False
    for name, keys in shapes:
        known = kinds.get(wanted or str(name or "message"))
        if known is not None:
            strange |= known.unsettled(dict.fromkeys(keys))
            further |= {(field, below) for field, below in known.inner.items() if field in keys}
    if any(part.get(field) not in _DEFAULTS for field in strange for part in parts):
        return False
    return all(_known_within(parts, field, below, kinds) for field, below in further)


def _known_within(parts: list[dict[str, Any]], field: str, wanted: str, kinds: Mapping[str, Kind]) -> bool:
    """The same of what is in the *field* of those *parts* that have it."""
    held = [*map(methodcaller("get", field), parts)]
    within = [*chain.from_iterable(those(list, held)), *those(dict, held)]
    return _HOLDING.issuperset(map(type, held)) and (not within or _known(within, wanted, kinds))


def _path(way: Any) -> Path:
    """The chain *way* as a path."""
    return () if way is None else (*_path(way[0]), *way[1:])
