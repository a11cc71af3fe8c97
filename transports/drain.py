"""Drain: how a server ends without cutting what it has begun.

    begin(30) ──▶ listeners stop · idle connections close · HTTP/1.1 answers say ``connection: close`` · HTTP/2 GOAWAY
              ──▶ every running exchange may go on until the deadline, then its scope is cancelled

One Drain is shared by all connections of a server.  It knows scopes and a clock, nothing of HTTP.
"""

import math
from collections.abc import Callable
from types import TracebackType

import trio


class Drain:
    """What connections ask before they go on, and what tells them to end."""

    def __init__(self) -> None:
        self.began = trio.Event()
        self.over = trio.Event()  # it has begun, and no exchange is under way
        self.deadline = math.inf
        self._running: set[trio.CancelScope] = set()
        self._told: set[Callable[[], None]] = set()

    @property
    def running(self) -> int:
        """How many exchanges are under way."""
        return len(self._running)

    def begin(self, seconds: float) -> None:
        """Let running exchanges finish within *seconds*; called again, an earlier deadline holds."""
        self.deadline = min(self.deadline, trio.current_time() + seconds)
        for scope in self._running:
            scope.deadline = min(scope.deadline, self.deadline)
        if not self.began.is_set():
            self.began.set()
            for leave in list(self._told):
                leave()
            self._look()

    def notify(self, leave: Callable[[], None]) -> "Notice":
        """Call *leave* when the drain begins, at once if it has begun: an idle connection needs no task to wait here.

        *leave* must not raise and not wait.
        """
        return Notice(self, leave)

    def tell(self, leave: Callable[[], None]) -> None:
        """The same, until that is to be forgotten."""
        self._told.add(leave)
        if self.began.is_set():
            leave()

    def forget(self, leave: Callable[[], None]) -> None:
        """Do not call *leave* any more."""
        self._told.discard(leave)

    def exchange(self) -> "Running":
        """The scope of one exchange: cancelled by its connection when the client goes, or at the drain's deadline."""
        return Running(self)

    def join(self, scope: trio.CancelScope) -> "Joined":
        """Count the exchange of *scope*, which somebody else made, here as well: the earlier deadline holds."""
        return Joined(self, scope)

    def enter(self, scope: trio.CancelScope) -> None:
        """The exchange of *scope* is under way: its deadline is ours, unless it has an earlier one."""
        if self.deadline < scope.deadline:
            scope.deadline = self.deadline
        self._running.add(scope)

    def leave(self, scope: trio.CancelScope) -> None:
        """The exchange of *scope* is over."""
        self._running.discard(scope)
        if not self._running:
            self._look()

    def _look(self) -> None:
        if self.began.is_set() and not self._running:
            self.over.set()


class Notice:
    """Somebody who is told of the drain, until the block is left."""

    __slots__ = ("_drain", "_leave")

    def __init__(self, drain: Drain, leave: Callable[[], None]) -> None:
        self._drain, self._leave = drain, leave

    def __enter__(self) -> None:
        self._drain.tell(self._leave)

    def __exit__(self, *_raised: object) -> None:
        self._drain.forget(self._leave)


class Running:
    """One exchange, until it is over.  A class: a generator in its place costs every request four times as much."""

    __slots__ = ("_drain", "scope")

    def __init__(self, drain: Drain) -> None:
        self._drain, self.scope = drain, trio.CancelScope(deadline=drain.deadline)

    def __enter__(self) -> trio.CancelScope:
        scope = self.scope.__enter__()
        self._drain.enter(scope)
        return scope

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._drain.leave(self.scope)
        return self.scope.__exit__(kind, raised, trace)


class Joined:
    """An exchange that has its scope already, until the block is left."""

    __slots__ = ("_drain", "_scope")

    def __init__(self, drain: Drain, scope: trio.CancelScope) -> None:
        self._drain, self._scope = drain, scope

    def __enter__(self) -> None:
        self._drain.enter(self._scope)

    def __exit__(self, *_raised: object) -> None:
        self._drain.leave(self._scope)
