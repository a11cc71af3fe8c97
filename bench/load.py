"""The load generator: connections that send one prepared request again and again, and read each answer to its end.

It knows as much of HTTP/1.1 as it needs: the head's end, Content-Length, the last chunk.  It must be several times
cheaper than what it measures; ``python -m bench`` prints its own CPU beside the others'.
"""

import asyncio
import re
import time
from collections.abc import Callable

import attrs

STAMP = re.compile(rb"t=(\d{12,}) ")  # of the mock upstream: nanoseconds of the machine's clock
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@attrs.define
class Took:
    """What a run took: seconds per answer, seconds to the first byte of each body, seconds in all."""

    answers: list[float] = attrs.field(factory=list)
    firsts: list[float] = attrs.field(factory=list)
    late: list[float] = attrs.field(
        factory=list
    )  # from writing to reading, of each event that tells when it was written
    seconds: float = 0.0
    bytes: int = 0
    failed: int = 0

    def at(self, part: float, of: str = "answers") -> float:
        """The *part* quantile, in seconds."""
        values: list[float] = sorted(getattr(self, of))
        return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


class Client(asyncio.Protocol):
    """One connection: sends *request* *times* times, one after the other."""

    def __init__(self, request: bytes, times: int, took: Took, done: Callable[[], None]) -> None:
        self._request, self._left, self._took, self._done = request, times, took, done
        self._feed = self._head
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a TCP connection's
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._took.bytes += len(data)
        if b"t=" in data:
            now = time.monotonic_ns()
            self._took.late += [(now - int(stamp)) / 1e9 for stamp in STAMP.findall(data)]
        self._feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._left > 0:
            self._took.failed += self._left
            self._left = 0
            self._done()

    def _ask(self) -> None:
        self._began, self._first = time.perf_counter(), 0.0
        self._feed, self._held = self._head, b""
        self._transport.write(self._request)

    def _head(self, data: bytes) -> None:
        self._held += data
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return
        head, rest = self._held[:end], self._held[end + 4 :]
        if not head.startswith(b"HTTP/1.1 200"):
            self._took.failed += 1
        length = LENGTH.search(head)
        self._missing = int(length.group(1)) if length else 0
        self._feed, self._held = (self._sized if length else self._chunked), b""
        if rest:
            self._feed(rest)

    def _sized(self, data: bytes) -> None:
        self._first = self._first or time.perf_counter()
        self._missing -= len(data)
        if self._missing <= 0:
            self._ended()

    def _chunked(self, data: bytes) -> None:
        self._first = self._first or time.perf_counter()
        self._held = (self._held + data)[-7:]
        if self._held.endswith(b"\r\n0\r\n\r\n"):
            self._ended()

    def _ended(self) -> None:
        now = time.perf_counter()
        self._took.answers.append(now - self._began)
        self._took.firsts.append(self._first - self._began)
        self._left -= 1
        if self._left > 0:
            self._ask()
        else:
            self._transport.close()
            self._done()


async def _run(port: int, request: bytes, connections: int, times: int, within: float) -> Took:
    took, over, left = Took(), asyncio.Event(), connections

    def done() -> None:
        nonlocal left
        left -= 1
        if not left:
            over.set()

    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for number in range(connections):
        await asyncio.sleep(began + number * within / connections - time.perf_counter())
        await loop.create_connection(lambda: Client(request, times, took, done), "127.0.0.1", port)
    await asyncio.wait_for(over.wait(), 300)
    took.seconds = time.perf_counter() - began
    return took


def load(port: int, request: bytes, *, connections: int, times: int, within: float = 0.0) -> Took:
    """Send *request* *times* times over each of *connections*; returns when all are answered.

    They begin evenly spread *within* so many seconds: 0, as fast as they can.
    """
    return asyncio.run(_run(port, request, connections, times, within))


async def _hold(port: int, request: bytes, connections: int, look: Callable[[], None]) -> None:
    writers = []
    for _ in range(connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        writers.append((reader, writer))
    for reader, _ in writers:
        await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(1)
    look()
    for _, writer in writers:
        writer.close()


def hold(port: int, request: bytes, *, connections: int, look: Callable[[], None]) -> None:
    """Open a stream on each of *connections*, call *look* while all are open, close them."""
    asyncio.run(_hold(port, request, connections, look))
