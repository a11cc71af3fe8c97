"""A conversation in the Messages shape on its way into another dialect: what is the same whichever it is.

    cache_control             a mark on the last part of what it stood on, where the target has marks
    attribution block         left out: it means something to its vendor alone
    what has no place         refused, with the word by which a client mends its request
    call without a result     gets one that says so             ┐ repairs: always the same, so that a conversation's
    result without a call     is told as text                   ┘ translation is a prefix of its continuation's
    is_error                  [error] before the words, where a result has no other way to say it; and back

What was left out is counted and recorded once for each kind.  This file must not know what the target looks like.
"""

from collections.abc import Callable
from copy import copy
from operator import attrgetter
from typing import Any

import attrs

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Action, Prompt, spell
from stages.dialects.course import WHOLE, Walk, course_of, taken_up
from stages.dialects.shape import blocks, invalid, mapping, objects, written

Fields = dict[str, Any]

ROLES = ("user", "assistant", "system")  # a tuple: a client's value may be of any type
NO_RESULT = "no result: the call was interrupted"
MARK = "prompt_cache_breakpoint"

_FAILED = "[error]"
_TURN = frozenset({"role", "content"})
_SETTINGS = frozenset({"output_config", "clear_at"})  # of one turn: the body's own stand for all
_BILLING = "x-anthropic-billing-header"  # Claude Code's first system block: changes with its version, tells nothing


@attrs.define
class Tally:
    """What was left out, counted: one record for each kind, not for each block."""

    citations: int = 0
    marks: int = 0
    thoughts: int = 0
    server: int = 0
    hours: int = 0
    headed: int = 0
    joined: int = 0
    amid: int = 0

    def record(self, prompt: Prompt) -> None:
        """Tell *prompt*."""
        if not any(_counted(self)):  # nearly always
            return
        for kind, action, why, lossy in _TOLD:
            if number := getattr(self, kind):
                prompt.record(action, ("messages",), f"{number} {why}", lossy=lossy)


_TOLD: tuple[tuple[str, Action, str, bool], ...] = (
    ("citations", "dropped", "texts lose their citations", True),
    ("marks", "dropped", "cache marks have no place here: this upstream caches by itself, or not", False),
    ("thoughts", "dropped", "blocks of thinking that only their maker can read", True),
    ("server", "approximated", "blocks of tools that a server ran are told as text", True),
    ("hours", "approximated", "cache marks of an hour last as long as this upstream lets them", False),
    ("headed", "approximated", "blocks are told as text: what can be read under a heading, others as JSON", False),
    ("joined", "approximated", "texts are told as one with that before them: this upstream takes no parts", False),
    ("amid", "approximated", "instructions within the conversation are told in the user's turn", False),
)


_counted = attrgetter(*(kind for kind, _, _, _ in _TOLD))

Tell = Callable[[Fields, Path, Tally], list[Fields]]  # a block → parts of the target's


class Conversation:
    """One conversation.  *tell*: a block as the target's parts; *breakpoints*: whether it has marks for a cache."""

    def __init__(self, prompt: Prompt, tell: Tell, *, breakpoints: bool) -> None:
        self.marked = False  # whether any part got a cache breakpoint
        self._prompt, self._tell, self._breakpoints = prompt, tell, breakpoints
        self._tally = Tally()
        self._course = WHOLE
        self._before = 0  # edits of others, made before this walk began

    # -- the walk -----------------------------------------------------------------------------------------------------

    def _goes_on(self, body: Fields) -> bool:
        """Begin with the conversation of *body*; whether at the cut of an earlier walk, which has told ``system``."""
        self._course = course_of(body.get("messages"))
        self._before = len(self._prompt.edits)
        past = self._course.past
        return past is not None and taken_up(past.told, self._prompt, self._resume)

    def _messages(self, body: Fields) -> list[tuple[Path, Fields]]:
        """Path and value of each message of *body*."""
        return objects(body.get("messages"), ("messages",), self._course.first)

    def _closed(self, path: Path, made: int) -> None:
        """No turn is open before the message at *path*, which is the assistant's; *made*: how many messages by now."""
        if path[1] == self._course.cut:
            self._course.left.told = Walk(tuple(self._prompt.edits[self._before :]), self._state())
            self._course.left.length = made

    def _state(self) -> Any:
        """What this walk knows where no turn is open, beside what it has made and recorded; a copy."""
        return self.marked, copy(self._tally)

    def _resume(self, state: Any) -> None:
        """Know what is in *state*, and leave it as it is."""
        self.marked, tally = state
        self._tally = copy(tally)

    # -- what is said -------------------------------------------------------------------------------------------------

    def _check(self, path: Path, message: Fields) -> None:
        """InvalidRequest unless *message* has a role; what else it has is recorded."""
        if message.get("role") not in ROLES:
            invalid((*path, "role"), "one of user, assistant and system is required")
        if message.keys() <= _TURN:
            return
        for key in message.keys() - _TURN:
            why = "settings of one turn have no place here"
            self._prompt.record("dropped", (*path, key), why, lossy=key not in _SETTINGS)

    def _instructions(self, system: Any) -> list[Fields]:
        """The parts of a prompt's *system*."""
        said: list[Fields] = []
        for path, block in blocks_of(system, ("system",)):
            if str(block.get("text")).startswith(_BILLING):
                why = "the client's version, told to Anthropic: to any other it is noise before the cached prefix"
                self._prompt.record("dropped", path, why)
            else:
                said += self._parts(block, path)
        return said

    def _parts(self, block: Fields, path: Path) -> list[Fields]:
        """The parts of a block, the last one marked if the block is."""
        found = self._tell(block, path, self._tally)
        if found and "cache_control" in block:
            found[-1] |= self._point(block, path)
        return found

    def _point(self, block: Fields, path: Path) -> Fields:
        """The breakpoint that *block*'s mark for the cache is here; {} if it has none, or there is no place for it."""
        mark = block.get("cache_control")
        if mark is None:
            return {}
        mapping(mark, (*path, "cache_control"))
        if not self._breakpoints:
            self._tally.marks += 1
            return {}
        self.marked = True
        if MARK in mark:  # a kindred client's own
            return {MARK: mark[MARK]}
        self._tally.hours += mark.get("ttl") == "1h"
        return {MARK: {"mode": "explicit"}}

    def _arguments(self, block: Fields, path: Path) -> str:
        """The input of a call, as text; what was no JSON object when it came (``_raw``) as it was."""
        given = mapping(block.get("input", {}), (*path, "input"))
        text = written(given, (*path, "input"))
        self._tally.marks += "cache_control" in block
        raw = given.get("_raw")
        return raw if isinstance(raw, str) and len(given) == 1 else text

    def _unanswered(self, call: str) -> str:
        """The result of a *call* that has none."""
        unanswered(self._prompt, call)
        return failed(NO_RESULT)


def untold(path: Path, what: str, kind: str) -> Unsupported:
    """The refusal of *what*, of a block's *kind*, that the target has no place for; with the word its clients know."""
    return Unsupported(f"{spell(path)}: {what} can't be given to this model", token=_WORDS.get(kind), param=spell(path))


_WORDS = {"image": "image_block", "document": "document_block"}


def blocks_of(value: Any, path: Path) -> list[tuple[Path, Fields]]:
    """Path and value of each block of a content; a string is one block."""
    if isinstance(value, str):
        return [(path, {"type": "text", "text": value})]
    return [] if value is None else blocks(value, path)


# -- repairs, both ways -----------------------------------------------------------------------------------------------


def unanswered(prompt: Prompt, call: str) -> None:
    """Record that *call* gets a result, because it has none."""
    prompt.record("repaired", ("messages",), f"the call {call} has no result: it gets one that says so")


def unasked(prompt: Prompt, path: Path, call: str) -> str:
    """What stands before the result at *path*, of a *call* that nobody made, where it is told as text; recorded."""
    prompt.record("repaired", path, "the result of a call that is not in the turn before: told as text")
    return f"[result of tool call {call}]"


# -- results that are errors ------------------------------------------------------------------------------------------


def failed(words: str = "") -> str:
    """*words*, the result of a call that failed."""
    return f"{_FAILED} {words}" if words else _FAILED


def unfailed(blocks: list[Fields]) -> tuple[list[Fields], bool]:
    """*blocks*, a result, without the mark of one that ``failed``; and whether it was there."""
    if not blocks or not isinstance(words := blocks[0].get("text"), str):
        return blocks, False
    mark, _, rest = words.partition(" ")
    if mark != _FAILED:
        return blocks, False
    return ([{**blocks[0], "text": rest}] if rest.strip() else []) + blocks[1:], True
