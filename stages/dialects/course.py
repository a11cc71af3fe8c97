"""Course: the conversation of a body, walked from where an earlier walk over the same beginning was left.

    this turn   [m0 … m9 │ m10 … m13]    walked whole; how the walks stand at the cut is put down
    the next    [m0 … m9 │ m10 … m15]    m0 … m9 are the same: the walks go on at m10, as they stood (``Past``)

Two walks go down a conversation: the client's dialect hears it (``to_messages``), the upstream's tells it
(``from_messages``).  A course is the array of messages itself, so whoever replaces the array has an ordinary one.  A
walk that knows no courses must not be given one with a past: what came before is not in it.

The cut stands where walks have as little open as can be.  One that tells is cut before a message of the assistant's
that follows another's; one that hears is cut behind that message, which stays open, since the next may add to it.
There all that a walk knows is what it counts, the ids it has given, and what it has recorded.  This file must not know
a dialect.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from pipeline.prompt import Edit, Prompt

# Where a body has its conversation.
TALK = {"anthropic": "messages", "chat": "messages", "responses": "input"}


@attrs.frozen
class Walk:
    """How one walk stood at the cut.  Nobody changes what is in *state*, which is the walk's own affair."""

    edits: tuple[Edit, ...]  # that it had recorded
    state: Any


def taken_up(walk: Walk | None, prompt: Prompt, resume: Callable[[Any], None]) -> bool:
    """Go on from an earlier *walk*, with all that it had recorded; False where there is none."""
    if walk is None:
        return False
    prompt.edits += walk.edits
    resume(walk.state)
    return True


UNHEARD = Walk((), None)  # of Messages, which are what the hub has


@attrs.define
class Past:
    """How all stood at the *number* of a message; put down as they pass there, and never changed again."""

    number: int
    found: Mapping[Any, Any] = attrs.field(factory=dict)  # of what is not read (``unread``)
    heard: Walk | None = None  # None of both: it was not passed, or something was open there
    told: Walk | None = None
    length: int = 0  # of what was told since the course began

    @property
    def edits(self) -> tuple[Edit, ...]:
        """All that was recorded."""
        return tuple(edit for walk in (self.heard, self.told) if walk is not None for edit in walk.edits)


class Course(list[Any]):
    """Messages to walk from the *past* on; to be cut at the index *cut*, if that is not 0, where all is put down."""

    def __init__(
        self, messages: Iterable[Any] = (), past: Past | None = None, cut: int = 0, left: Past | None = None
    ) -> None:
        super().__init__(messages)
        self.past = past
        self.first = 0 if past is None else past.number  # the number of the first message
        self.cut = self.first + cut if cut else -1  # that of the first behind the cut
        self.left = Past(self.cut) if left is None else left

    def heard(self, messages: list[Any], cut: int) -> "Course":
        """The same course in the hub, as it was heard."""
        return Course(messages, self.past, cut, self.left)


WHOLE = Course()  # for conversations that are no course: walked from their beginning, and not cut


def course_of(messages: Any) -> Course:
    """*messages*, if they are a course."""
    return messages if isinstance(messages, Course) else WHOLE
