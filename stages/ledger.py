"""The ledger: one line of JSON per request, appended to a file.

    book(record) ──▶ waiting lines ──▶ one write for all that wait, in a thread ──▶ usage.jsonl

Booking never waits and never blocks the loop: a task writes behind it.  What still waits at shutdown is written before
the ledger closes, whatever ends it; when the file can't keep up, booking writes at once rather than forget.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs
import msgspec
import structlog
import trio

MOST = 10_000  # lines that may wait
GATHER = 0.05  # seconds in which lines gather for one write: a thread for each would cost more than the request

log = structlog.get_logger("pipeline")


@attrs.define(eq=False)
class Ledger:
    """An append-only file of records.  An async context manager: inside, its task writes."""

    path: Path
    _waiting: list[bytes] = attrs.field(factory=list)
    _more: trio.Event = attrs.field(factory=trio.Event)
    _open: Any = attrs.field(init=False, default=None)  # the nursery's manager, while inside
    _stop: Callable[[], None] = attrs.field(init=False)  # ends its task, while inside

    async def __aenter__(self) -> "Ledger":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._open = trio.open_nursery()
        nursery = await self._open.__aenter__()
        nursery.start_soon(self._write_behind, name="ledger")
        self._stop = nursery.cancel_scope.cancel
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        try:
            await self._open.__aexit__(kind, raised, trace)
        finally:
            self._write(self._take())

    def book(self, record: dict[str, Any]) -> None:
        """Put *record* down."""
        self._waiting.append(msgspec.json.encode(record) + b"\n")
        self._more.set()
        if len(self._waiting) > MOST:
            self._write(self._take())

    async def _write_behind(self) -> None:
        while True:
            await self._more.wait()
            await trio.sleep(GATHER)
            self._more = trio.Event()
            with trio.CancelScope(shield=True):  # a write that has begun is finished, or lines would be lost
                await trio.to_thread.run_sync(self._write, self._take())

    def _take(self) -> bytes:
        lines, self._waiting = self._waiting, []
        return b"".join(lines)

    def _write(self, lines: bytes) -> None:
        try:
            with self.path.open("ab") as file:
                file.write(lines)
        except OSError as error:
            log.error("the ledger can't be written", path=str(self.path), why=str(error), lost=lines.decode())
