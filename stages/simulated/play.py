"""Play: a reply's frames onto a response, at the pace and in the pieces that the style wants.

    frames, silence, frames …  ──▶  Response.write · sleep · write

Unpaced frames are gathered and leave in writes of some 64 KiB; paced ones leave one by one (or in bursts), each at its
moment since the first, so that a slow write is made up for.  Nothing here knows a dialect; a list is frames, a Wait is
silence, CUT breaks the connection: the response is left without its end.
"""

from collections.abc import Iterable
from typing import Final

import attrs
import trio

from stages.simulated.steps import Cut, Style, Wait
from transports.messages import Head, Response

CUT: Final = Cut()
Item = list[bytes] | Wait | Cut
FULL = 64 * 1024  # bytes gathered at most


@attrs.define
class Pen:
    """Writes frames onto *response* as *style* says."""

    response: Response
    style: Style
    _ready: list[bytes] = attrs.field(factory=list)
    _size: int = 0
    _due: float = attrs.field(factory=trio.current_time)

    async def frames(self, frames: list[bytes]) -> None:
        """Write *frames*, or gather them if nothing says when."""
        style = self.style
        if style.rate or style.burst:
            together = int(style.burst) or 1
            for at in range(0, len(frames), together):
                await self._paced(frames[at : at + together])
            return
        self._ready += frames
        self._size += sum(map(len, frames))
        if self._size >= FULL:
            await self.flush()

    async def _paced(self, frames: list[bytes]) -> None:
        if self.style.rate:
            due = max(self._due, trio.current_time() - 1)  # a writer that was held up catches up for a second at most
            await trio.sleep_until(due)
            self._due = due + len(frames) / self.style.rate
        await self.write(b"".join(frames))

    def rested(self) -> None:
        """What is paced goes on from now."""
        self._due = trio.current_time()

    async def flush(self) -> None:
        """Write what is gathered."""
        if self._ready:
            whole, self._ready, self._size = b"".join(self._ready), [], 0
            await self.write(whole)

    async def write(self, data: bytes) -> None:
        """Write *data* now, in pieces if they are wanted."""
        if self.style.crlf:
            data = data.replace(b"\n", b"\r\n")
        size = int(self.style.bytes) or max(1, len(data))
        for at in range(0, len(data), size):
            await self.response.write(data[at : at + size] if size < len(data) else data)


async def stream(response: Response, head: Head, items: Iterable[Item], style: Style, ping: bytes) -> bool:
    """Answer with *head* and *items*; whether it came to its end.  *ping*: what is sent in a Wait that wants pings."""
    await response.start(head)
    pen = Pen(response, style)
    for item in items:
        if isinstance(item, list):
            await pen.frames(item)
            continue
        await pen.flush()
        if isinstance(item, Cut):
            return False
        await silence(pen, item, ping)
    await pen.flush()
    await response.finish()
    return True


async def silence(pen: Pen, wait: Wait, ping: bytes) -> None:
    """Nothing for as long as *wait* says, but for the pings it wants."""
    end = trio.current_time() + wait.seconds
    while wait.every and trio.current_time() + wait.every < end:
        await trio.sleep(wait.every)
        await pen.write(ping)
    await trio.sleep_until(end)
    pen.rested()


async def whole(response: Response, head: Head, body: bytes, style: Style, *, cut: bool = False) -> bool:
    """Answer with *head* and all of *body*; whether it came to its end: with *cut*, half of it does."""
    head.headers.append((b"content-length", b"%d" % len(body)))
    await response.start(head)
    pen = Pen(response, attrs.evolve(style, crlf=False))  # which is for the lines of a stream
    await pen.write(body[: len(body) // 2] if cut else body)
    if not cut:
        await response.finish()
    return not cut
