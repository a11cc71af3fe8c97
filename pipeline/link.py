"""The link between the processes of one gateway: lines of JSON over a socket, in both directions.

    parent ──▶ [2, 4], its number of so many, and the listening sockets · {"reload": true} · {"tell": 7, "what": "live"}
    worker ──▶ {"listens": […], "text": …} · {"loaded": …} · {"ask": 7, "what": "live"} · {"told": 7, "answer": …}

When one end of it closes, the process behind it has gone, however it went.
"""

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

import trio

LONGEST = 64 * 1024 * 1024  # bytes of a line
MOST = 253  # descriptors: SCM_MAX_FD of the kernel

Said = dict[str, Any]


def greet(end: socket.socket, number: int, count: int, descriptors: Sequence[int]) -> None:
    """Tell the worker behind *end* which of how many it is, and what they listen on: *descriptors* of sockets."""
    socket.send_fds(end, [json.dumps([number, count]).encode() + b"\n"], descriptors)


def greeted(end: socket.socket) -> tuple[int, int, list[socket.socket]]:
    """What the parent behind *end* said first: our number, how many we are, and the sockets."""
    said, descriptors, _, _ = socket.recv_fds(end, 64, MOST)
    for each in descriptors:
        os.set_inheritable(each, False)
    number, count = json.loads(said)
    return number, count, [socket.socket(fileno=each) for each in descriptors]


class Link:
    """One end of a link; owns the socket."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(end))
        self._turn = trio.Lock()
        self._rest = b""

    async def send(self, said: Said) -> None:
        """Say *said*; nothing happens when nobody is there any more."""
        line = json.dumps(said).encode() + b"\n"
        async with self._turn:
            try:
                await self._stream.send_all(line)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def receive(self) -> Said | None:
        """What the other end says next; None when it has gone."""
        pieces, size = [self._rest], len(self._rest)
        while b"\n" not in pieces[-1]:
            try:
                data = await self._stream.receive_some(65536)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return None
            size += len(data)
            if not data or size > LONGEST:
                return None
            pieces.append(data)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        said: Said = json.loads(line)
        return said

    async def aclose(self) -> None:
        """Close this end."""
        await trio.aclose_forcefully(self._stream)
