"""One request and the reply to it: the object that stages pass along.

``request`` is what came and never changes; ``prompt`` is what stages edit; ``upstreams`` says who may answer, best
first; ``attempts`` tells who was tried.  What one stage tells another goes under a typed key (``note``/``noted``), so
that there is no bag of loose names.  Nothing here waits.
"""

import time
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

from pipeline.dialect import Dialect
from pipeline.errors import GatewayError
from pipeline.events import Batch, Finished, Kinds, Stop, Usage
from pipeline.notes import Key as Key
from pipeline.prompt import Edit, Prompt
from transports.messages import Head, Headers, Nothing, Request

if TYPE_CHECKING:
    from pipeline.effects import Effects
    from pipeline.store.store import Store
    from pipeline.upstream import Upstream

T = TypeVar("T")


class Out(Protocol):
    """Where batches go: the next transform, a channel, the client."""

    __slots__ = ()

    def push(self, batch: Batch) -> Awaitable[None] | None:
        """Pass *batch* on as far as that needs no waiting; what needs it is to be awaited, before the next.  None: all.

        So a piece of a stream comes from socket to socket in one go, through plain calls.
        """

    async def send(self, batch: Batch) -> None:
        """Pass *batch* on; waits while what is below does."""
        rest = self.push(batch)
        if rest is not None:
            await rest


Source = Callable[["Exchange", Out], Awaitable[None]]


@attrs.frozen
class Caller:
    """Who asks: *name* for people, *id* for the books; *options* overlay the settings of stages."""

    name: str
    id: str
    models: tuple[str, ...] = ("*",)  # globs of the models this caller may use
    options: dict[str, Any] = attrs.field(factory=dict)

    def may_use(self, model: str) -> bool:
        """Whether one of the globs fits *model*."""
        return any(fnmatchcase(model, glob) for glob in self.models)


@attrs.define(eq=False)
class Attempt:
    """One try at one upstream.  Times are trio's clock, in seconds."""

    upstream: str
    model: str
    began: float
    first: float | None = None  # when the first event came
    ended: float | None = None
    status: int | None = None
    credential: str = ""  # the name of the one that was shown
    size: int = 0  # bytes that were asked; of an aside, which has a prompt of its own
    usage: Usage | None = None  # what the upstream told, also of a try that failed
    error: GatewayError | None = None
    edits: list[Edit] = attrs.field(factory=list)  # what was changed for this upstream
    why: str = ""  # why it was made, where others were made before it


@attrs.define(eq=False)
class Exchange:
    """One request and the reply to it, from the first header to the last byte."""

    id: str
    request: Request
    dialect: Dialect  # the client's: replies and errors are written in it
    operation: str  # reply · count_tokens · models · model · usage · relay
    prompt: Prompt
    body: bytes = attrs.field(default=b"", repr=False)  # of a relayed request, as it came
    streaming: bool = False
    began: float = 0.0  # trio's clock
    arrived: float = attrs.field(factory=time.time)  # wall clock, for records
    asked: str = ""  # the model as the client named it
    caller: Caller | None = None  # set by auth
    upstreams: "list[Upstream]" = attrs.field(factory=list)  # who may answer, best first
    upstream: "Upstream | None" = None  # the one being tried: set by forward for the stages of an attempt
    source: Source | None = None  # set it to answer in forward's stead
    reply_headers: Headers = attrs.field(factory=list)  # more fields for the head, until it is sent
    attempts: list[Attempt] = attrs.field(factory=list)
    asides: list[Attempt] = attrs.field(factory=list)  # what the gateway asked on its own account: a second opinion
    before_attempt: list[Callable[[Attempt], Awaitable[None]]] = attrs.field(factory=list)  # awaited before each try
    before_commit: list[Callable[[], Awaitable[None]]] = attrs.field(factory=list)  # before the client may see content
    store: "Store | None" = None  # keys, limits and books; None in a line that has none
    kinds: Kinds | None = None  # events anyone on the way down reads; None: all (set by the engine)
    ending: Finished | None = None  # set by end()
    head: Head | None = None  # as sent to the client (set by reencode); of a stream the status is kept
    stages: dict[str, float] = attrs.field(factory=dict)  # seconds spent by stage, where timed
    effects: "Effects | None" = None  # what the stages do, where somebody looks (set by the observer)
    through: "Callable[[Upstream], Any] | None" = None  # what stands in for an upstream's pool (recording, replay)
    error: GatewayError | None = None  # what the client was told, if the reply failed
    _left: dict[Key[Any], Any] = attrs.field(factory=dict, repr=False)  # as in Notes, which would cost a call more

    def note(self, key: Key[T], value: T) -> None:
        """Leave *value* for whoever knows *key*."""
        self._left[key] = value

    def noted(self, key: Key[T]) -> T | None:
        """What was left under *key*, or None."""
        return self._left.get(key)

    def end(self, stop: Stop, sequence: str | None = None) -> None:
        """End the reply early and properly: it finishes with *stop*, and nothing comes after the batch in hand.

        *sequence*: the text that was met, where *stop* says that one was.
        """
        self.ending = Finished(stop, sequence)

    def settle(self) -> None:
        """The client gets this attempt's answer: let go of what was for others, since a stream runs for an hour."""
        self.prompt.release()
        if self.streaming:
            self.before_attempt.clear()
            self.before_commit.clear()
            self.request.fold()

    def let_go(self) -> None:
        """All is over: let go of what leads back here.  So its memory is free at once, without the collector."""
        self.before_attempt.clear()
        self.before_commit.clear()
        self._left.clear()

    @property
    def committed(self) -> Attempt | None:
        """The attempt whose answer the client gets (the last one), or None."""
        return self.attempts[-1] if self.attempts else None


def unasked(
    dialect: Dialect,
    operation: str,
    prompt: Prompt,
    *,
    method: str = "POST",
    target: str = "/",
    headers: Headers | None = None,
    upstreams: "list[Upstream] | None" = None,
) -> Exchange:
    """An exchange that no client asked for: the gateway's own question, in the words of *dialect*."""
    request = Request(method, target, headers or [], Nothing())
    return Exchange(
        id="own", request=request, dialect=dialect, operation=operation, prompt=prompt, upstreams=upstreams or []
    )
