"""Peers: what the other processes of this gateway know, for whoever asks one of them about all.

    peers.ask("live") ──link──▶ the process that started us ──▶ each of the others: gateway.tells["live"]()

What is in the store is the same for all, and needs no asking; this is for what each has in memory.
"""

import itertools
from typing import Any

import trio

from pipeline.link import Link

PATIENCE = 3.0  # seconds for the process in between


class Peers:
    """The others; without a link there are none."""

    def __init__(self, link: Link | None = None) -> None:
        self._link = link
        self._numbers = itertools.count(1)
        self._waiting: dict[int, trio.MemorySendChannel[list[Any]]] = {}

    async def ask(self, what: str) -> list[Any]:
        """What each of the others says of *what*; one that does not answer in time is left out."""
        if self._link is None:
            return []
        number = next(self._numbers)
        send, receive = trio.open_memory_channel[list[Any]](1)
        self._waiting[number] = send
        try:
            with send, receive, trio.move_on_after(PATIENCE):
                await self._link.send({"ask": number, "what": what})
                return await receive.receive()
        finally:
            del self._waiting[number]
        return []

    def answered(self, number: int, said: list[Any]) -> None:
        """The others say *said* to question *number*."""
        if (waiting := self._waiting.get(number)) is not None:
            waiting.send_nowait(said)
