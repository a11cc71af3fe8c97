"""Drain: how a server ends without cutting what it has begun.

    begin(30) ──▶ listeners stop · idle connections close · HTTP/1.1 answers say ``connection: close`` · HTTP/2 GOAWAY
              ──▶ every running exchange may go on until the deadline, then its scope is cancelled

One Drain is shared by all connections of a server.  It knows scopes and a clock, nothing of HTTP.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio


class Drain:
    """What connections ask before they go on, and what tells them to end."""

    def __init__(self) -> None:
        self.began = trio.Event()
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

    @contextmanager
    def notify(self, leave: Callable[[], None]) -> Iterator[None]:
        """Call *leave* when the drain begins, at once if it has begun: an idle connection needs no task to wait here.

        *leave* must not raise and not wait.
        """
        self._told.add(leave)
        try:
            if self.began.is_set():
                leave()
            yield
        finally:
            self._told.discard(leave)

    @contextmanager
    def exchange(self) -> Iterator[trio.CancelScope]:
        """The scope of one exchange: cancelled by its connection when the client goes, or at the drain's deadline."""
        with trio.CancelScope(deadline=self.deadline) as scope:
            self._running.add(scope)
            try:
                yield scope
            finally:
                self._running.discard(scope)
