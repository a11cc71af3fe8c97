"""The Messages prompt: the hub's own shape, so translation is the identity, checked.

    another dialect ◀─ to_messages ─ Messages ─ from_messages ◀─ another dialect

``to_messages`` makes sure that what other dialects read is there and has its type; it looks no deeper, because fields
and blocks are open lists and only an upstream knows them all.  ``from_messages`` makes what others left out or cannot
know acceptable to this API: a limit of tokens, what the model refuses (``fit``), thoughts of others (``history``), more
cache marks than it takes (``marks``).
"""

from itertools import chain
from operator import methodcaller
from typing import Any

from pipeline.prompt import Prompt
from stages.capabilities import capability
from stages.dialects import shape
from stages.dialects.anthropic.blocks import Fields
from stages.dialects.anthropic.fit import fitted
from stages.dialects.anthropic.history import mended
from stages.dialects.anthropic.loop import answered, decides, followed
from stages.dialects.anthropic.marks import MARK, limit_marks
from stages.dialects.course import WHOLE, Walk, course_of
from stages.dialects.reminder import reminder
from stages.notes import STOPS
from stages.thinking import in_messages

MAX_TOKENS = 8_192  # for clients that set no limit, where it is not known what the model can write

_ROLES = ("user", "assistant", "system")  # a tuple: a client's value may be of any type
_CONTENT, _ROLE, _TYPE = (methodcaller("get", key) for key in ("content", "role", "type"))
_OBJECTS = ("thinking", "output_config", "tool_choice", "metadata")


def to_messages(body: Fields, prompt: Prompt, towards: str = "") -> Fields:
    """*body*, which is in the Messages shape.  InvalidRequest where it is not."""
    shape.name(body.get("model"), ("model",))
    if not _sound(body.get("messages")):
        _find_fault(body.get("messages"))
    system = body.get("system")
    if system is not None and not isinstance(system, str):
        shape.blocks(system, ("system",))
    for _ in shape.objects(body.get("tools") or [], ("tools",)):
        pass
    if body.get("max_tokens") is not None:
        shape.count(body["max_tokens"], ("max_tokens",))
    for key in _OBJECTS:
        if body.get(key) is not None:
            shape.mapping(body[key], (key,))
    return body


def _sound(messages: Any) -> bool:
    """Whether *messages* are as they should be, as nearly all are: seen in one go, not message by message."""
    if not isinstance(messages, list) or not {dict}.issuperset(map(type, messages)):
        return False
    contents = [*map(_CONTENT, messages)]
    blocks = [*chain.from_iterable(shape.those(list, contents))]
    if not {str, list}.issuperset(map(type, contents)) or not {dict}.issuperset(map(type, blocks)):
        return False
    roles, kinds = [*map(_ROLE, messages)], [*map(_TYPE, blocks)]
    return {str}.issuperset(map(type, roles + kinds)) and {*_ROLES}.issuperset(roles) and "" not in kinds


def _find_fault(messages: Any) -> None:
    """InvalidRequest for the first of *messages* that is not as it should be."""
    for path, message in shape.objects(messages, ("messages",)):
        if message.get("role") not in _ROLES:
            shape.invalid((*path, "role"), "one of user, assistant, system is required")
        content = message.get("content")
        if not isinstance(content, str):
            shape.blocks(content, (*path, "content"))


def from_messages(body: Fields, prompt: Prompt) -> Fields:
    """*body*, with what this API demands and without what its model refuses; recorded on *prompt*."""
    known = capability(str(body.get("model")))
    instructs = known is not None and known.instructs
    body, amid, thought = settled(body, prompt, instructs=instructs, budget=budgeted(body))
    if amid:
        why = f"{amid} instructions within the conversation are told in the user's turn"
        prompt.record("approximated", ("messages",), why)
    if body.get("max_tokens") is None:
        body["max_tokens"] = MAX_TOKENS if known is None else known.output
        prompt.record("added", ("max_tokens",), "the API demands a limit and the client set none")
    temperature = body.get("temperature")
    if isinstance(temperature, int | float) and temperature > 1:
        body["temperature"] = 1
        prompt.record("approximated", ("temperature",), "the API's scale ends at 1", lossy=True)
    keep_blank_stops(body, prompt)
    trim_begun(body)
    limit_marks(body, prompt)
    return fitted(body, prompt, bare=thought is False and answered(body["messages"]))


def budgeted(body: Fields) -> bool:
    """Whether *body* asks for thinking of a model that is told how many tokens it may think."""
    intent = None if decides(str(body.get("model"))) else in_messages(body)
    return intent is not None and not intent.off


def settled(body: Fields, prompt: Prompt, *, instructs: bool, budget: bool) -> tuple[Fields, int, bool | None]:
    """*body* without strange thoughts, and without instructions within the conversation where the model does not take
    them (*instructs*); how many of those there were; and, for one that thinks within a *budget*, whether the turn
    under way has a thought.

    Along a course in two parts, of which the later one comes first, as records of thoughts do.
    """
    course = course_of(body.get("messages"))
    if course is WHOLE:
        body, amid = _settled(body, prompt, instructs)
        return body, amid, followed(body["messages"]) if budget else None
    thought: bool | None = None
    at = max(course.cut - course.first, 0)
    late, amid = _settled({**body, "messages": course[at:]}, prompt, instructs)
    before = len(prompt.edits)
    early, more = _settled({**body, "messages": course[:at]}, prompt, instructs)
    if course.past is not None and course.past.told is not None:
        prompt.edits += course.past.told.edits
        earlier, thought = course.past.told.state
        more += earlier
    thought = followed(early["messages"], thought) if budget else None
    # Of marks only the last ones stay, so none is kept.
    if not any(block.get(MARK) is not None for message in early["messages"] for block in _blocks(message)):
        course.left.told = Walk(tuple(prompt.edits[before:]), (more, thought))
        course.left.length = len(early["messages"])
    thought = followed(late["messages"], thought) if budget else None
    return {**body, "messages": early["messages"] + late["messages"]}, amid + more, thought


def _settled(body: Fields, prompt: Prompt, instructs: bool) -> tuple[Fields, int]:
    body = mended(body, prompt)
    if instructs:
        return body, 0
    amid = sum(message.get("role") == "system" for message in body["messages"])
    return {**body, "messages": reminded(body["messages"])}, amid


def _blocks(message: Fields) -> list[Fields]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def reminded(messages: list[Fields]) -> list[Fields]:
    """*messages* with instructions in the turn of the user that they follow, for models that refuse the role."""
    made: list[Fields] = []
    for message in messages:
        if message.get("role") != "system":
            made.append(message)
            continue
        said = message["content"]
        blocks = [reminder(block) for block in ([{"type": "text", "text": said}] if isinstance(said, str) else said)]
        if made and made[-1]["role"] == "user" and isinstance(made[-1]["content"], list):
            made[-1] = {**made[-1], "content": [*made[-1]["content"], *blocks]}
        else:
            made.append({"role": "user", "content": blocks})
    return made


def trim_begun(body: Fields) -> None:
    """Cut the white space at the end of an answer that is begun: this API refuses it, and the model writes its own."""
    last = body["messages"][-1] if body["messages"] else {}
    content = last.get("content")
    if last.get("role") == "assistant" and isinstance(content, list) and content and content[-1].get("type") == "text":
        *before, begun = content
        body["messages"][-1] = {**last, "content": [*before, {**begun, "text": begun["text"].rstrip()}]}


def keep_blank_stops(body: Fields, prompt: Prompt) -> None:
    """Leave stop sequences of white space, which this API refuses, to the gateway."""
    wanted = body.get("stop_sequences") or []
    blank = tuple(one for one in wanted if isinstance(one, str) and not one.strip())
    if blank:
        body["stop_sequences"] = [one for one in wanted if one not in blank]
        prompt.notes.note(STOPS, blank)
        prompt.record("set", ("stop_sequences",), "white space ends the reply in the gateway: the API takes none")
