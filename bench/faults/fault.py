"""A fault: what an upstream does wrong, in steps, and what that must lead to.

    @chapter.fault("gzip-cut", "A gzip stream that ends in its middle.", "UpstreamFailed")
    def gzip_cut(said: Said) -> Play:
        yield said.head(b"content-encoding: gzip", length=None)
        yield gzip.compress(said.body)[:-20]

A play is a generator of steps: bytes are sent, a number is a silence in seconds, ``RESET`` and ``HALF`` break the
connection, ``HOLD`` leaves it open until the gateway goes, ``KEEP`` waits for the next request.  What follows the last
step is a close.  What the upstream would have said in good order comes as a Said, in its own dialect, so that one play
serves three dialects, streams and whole replies.  Nothing here knows a socket.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import attrs

from bench.faults.said import Said


class Do(Enum):
    """What a play does beside sending and waiting."""

    RESET = "reset"
    HALF = "half"
    HOLD = "hold"
    KEEP = "keep"


RESET, HALF, HOLD, KEEP = Do.RESET, Do.HALF, Do.HOLD, Do.KEEP
Play = Iterator[bytes | float | Do]

WELL = ""  # a reply to its end, in good order
GONE = "ClientGone"  # the reply has no end: the client leaves
BOOKS = {"exact", "estimated", "suspect", "nothing"}


@attrs.frozen
class Fault:
    """One thing that goes wrong.

    *streamed* and *whole*: the outcomes that are right for a stream and for a whole reply, as the record of the
    request names them: a class of ``pipeline.errors``, or ``WELL``, or ``GONE``.  *books*: what the record must say of
    its figures where that does not follow from the outcome.
    """

    name: str
    says: str  # one sentence
    play: Callable[[Said], Play]
    streamed: frozenset[str]
    whole: frozenset[str]
    books: frozenset[str] = frozenset()
    where: str = "listening"  # the server's door; see ``server``
    twice: bool = False  # asked again a moment later, over what may be the same connection: that must go well

    @property
    def stalls(self) -> bool:
        """Whether a timer is what may end it."""
        return "UpstreamTimeout" in self.streamed | self.whole

    def leads_to(self, *, stream: bool) -> frozenset[str]:
        """The outcomes that are right."""
        return self.streamed if stream else self.whole


@attrs.frozen
class Chapter:
    """Faults of one kind."""

    name: str
    faults: list[Fault] = attrs.field(factory=list)

    def fault(
        self, name: str, says: str, streamed: str, whole: str | None = None, *, books: str = "", **more: Any
    ) -> Callable[[Callable[[Said], Play]], Callable[[Said], Play]]:
        """Put the decorated play into the chapter.  Outcomes are words, several apart by ``|``."""

        def put(play: Callable[[Said], Play]) -> Callable[[Said], Play]:
            self.add(name, says, play, streamed, whole, books=books, **more)
            return play

        return put

    def add(
        self,
        name: str,
        says: str,
        play: Callable[[Said], Play],
        streamed: str,
        whole: str | None = None,
        *,
        books: str = "",
        **more: Any,
    ) -> None:
        """The same for a play that is made."""
        one, other = words(streamed), words(streamed if whole is None else whole)
        self.faults.append(Fault(name, says, play, one, other, words(books) if books else frozenset(), **more))


def words(text: str) -> frozenset[str]:
    """The outcomes in *text*; ``well`` is WELL."""
    return frozenset(WELL if word.strip() == "well" else word.strip() for word in text.split("|"))
