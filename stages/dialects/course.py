"""Course: the conversation of a body, walked from where an earlier walk over the same beginning was left.

    this turn   [m0 … m9 │ m10 … m13]    walked whole; how the walk stands at the cut is put down
    the next    [m0 … m9 │ m10 … m15]    m0 … m9 are the same: the walk goes on at m10, as it stood (``Past``)

A course is the array of messages itself, so whoever replaces the array has an ordinary one.  A walk that knows no
courses must not be given one with a past: what came before is not in it.

The cut stands before a message of the assistant's that follows one of another's.  There every walk has closed the turn
before (``conversation``), so that all it knows is what it counts, the ids it has given, and what it has recorded.  This
file must not know a dialect.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from pipeline.prompt import Edit

# Where a body has its conversation.
TALK = {"anthropic": "messages", "chat": "messages", "responses": "input"}


@attrs.frozen
class Past:
    """How walks stood at the *number* of a message; nobody changes what is in here."""

    number: int
    found: Mapping[Any, Any]  # of what is not read (``unread``)
    edits: tuple[Edit, ...]  # that the target's walk had recorded
    state: Any  # of the target's walk: its own affair
    length: int  # of what that walk had made since its course began


class Course(list[Any]):
    """Messages to walk, the first of which is number ``first``; to be cut before that at *cut*, if that is not 0."""

    def __init__(self, messages: Iterable[Any] = (), past: Past | None = None, cut: int = 0) -> None:
        super().__init__(messages)
        self.past = past
        self.first = 0 if past is None else past.number
        self.cut = self.first + cut if cut > 0 else -1  # the number of the message before which walks are looked at
        self.found: Mapping[Any, Any] = {}  # what ``unread`` had found there
        self.left: Past | None = None  # how all stood there

    def leave(self, edits: Iterable[Edit], state: Any, length: int) -> None:
        """Put down how the target's walk, the last one, stands at the cut; as in ``Past``."""
        self.left = Past(self.cut, self.found, tuple(edits), state, length)


WHOLE = Course()  # for conversations that are no course: walked from their beginning, and not cut


def opens(message: Any) -> bool:
    """Whether a walk can go on at *message*: it is the assistant's, and there is nothing beside what it says.

    Of what is beside it walks make a record before they close the turn before.
    """
    return speaks(message) and message.keys() <= {"role", "content"}


def speaks(message: Any) -> bool:
    """Whether *message* is the assistant's."""
    return isinstance(message, dict) and message.get("role") == "assistant"


def cut_of(messages: list[Any], behind: int) -> int:
    """The last place where *messages* can be cut with *behind* of them or more behind it; 0 if there is none."""
    places = range(len(messages) - behind, 0, -1)
    return next((n for n in places if opens(messages[n]) and not speaks(messages[n - 1])), 0)
