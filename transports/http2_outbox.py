"""What an HTTP/2 connection has to send and the writer has not sent yet.

    streams ─ put(bytes, owner) ─▶ ┐
                                   ├─ pieces in order ─▶ take ─▶ the writer's send_all ─▶ sent: owners are credited
    reader ── put(bytes) ────────▶ ┘

Everybody puts and goes on; only the writer waits for the socket.  So what is here must be bounded by those who put:
a stream waits in ``room`` before it puts more than its share, the reader before it reads more that wants an answer.
Not to know: frames, streams, time.
"""

from collections import deque
from typing import Protocol

from trio.lowlevel import ParkingLot

BATCH = 64 * 1024  # bytes per send_all, so that a peer which reads slowly is seen to read


class Owner(Protocol):
    """Who has put something, and is told how much of it has not left."""

    unsent: int


class Outbox:
    """The queue between the tasks of a connection and its writer."""

    __slots__ = ("_filled", "_pieces", "_taken", "control", "room", "size")

    def __init__(self) -> None:
        self._pieces: deque[tuple[bytes, Owner | None]] = deque()
        self._taken: list[tuple[bytes, Owner | None]] = []
        self._filled = ParkingLot()
        self.room = ParkingLot()  # woken whenever something has left
        self.size = 0  # bytes put and not sent, what the writer has in hand included
        self.control = 0  # those of them that no stream owns

    def put(self, piece: bytes, owner: Owner | None = None) -> None:
        """Queue *piece*, after all that was put before."""
        size = len(piece)
        if not size:
            return
        self._pieces.append((piece, owner))
        self.size += size
        if owner is None:
            self.control += size
        else:
            owner.unsent += size
        if self._filled:
            self._filled.unpark()

    async def take(self) -> bytes:
        """Some 64 KiB of what waits; waits until there is something.  ``sent`` must follow before the next."""
        while not self._pieces:
            await self._filled.park()
        size = 0
        while self._pieces and size < BATCH:
            entry = self._pieces.popleft()
            size += len(entry[0])
            self._taken.append(entry)
        return b"".join([piece for piece, _ in self._taken])

    def sent(self) -> None:
        """What was taken has left."""
        for piece, owner in self._taken:
            size = len(piece)
            self.size -= size
            if owner is None:
                self.control -= size
            else:
                owner.unsent -= size
        self._taken.clear()
        self.room.unpark_all()

    def drop(self) -> None:
        """Nothing can be sent any more: forget all of it."""
        self._taken.extend(self._pieces)
        self._pieces.clear()
        self.sent()

    async def emptied(self) -> None:
        """Wait until everything has left, or was dropped."""
        while self.size:
            await self.room.park()
