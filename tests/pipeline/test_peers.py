"""Peers and the link: lines in both directions, and an answer to each question."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import trio
import trio.testing

from pipeline.link import Link, greet, greeted
from pipeline.peers import PATIENCE, Peers


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a link."""
    one, other = socket.socketpair()
    with one, other:
        yield one, other


async def test_a_worker_is_told_who_it_is_and_where_it_listens(ends: tuple[socket.socket, socket.socket]) -> None:
    """In the first line, which nothing behind it disturbs."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        greet(ends[0], 2, 4, [bound.fileno()])
        number, count, (got,) = greeted(ends[1])
        with got:
            assert (number, count, got.getsockname()) == (2, 4, bound.getsockname())


async def test_lines_arrive_whole_and_in_order(ends: tuple[socket.socket, socket.socket]) -> None:
    """However large, and from whichever task; an end that closes is told."""
    one, other = Link(ends[0]), Link(ends[1])
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(one.send, {"number": number, "text": "ä" * 100_000})
        said = [await other.receive() for _ in range(5)]
    assert sorted(each["number"] for each in said if each) == [0, 1, 2, 3, 4]
    await one.aclose()
    assert await other.receive() is None
    await other.send({"nobody": "hears this"})
    await other.aclose()


async def test_each_question_gets_its_answer(ends: tuple[socket.socket, socket.socket]) -> None:
    """Also when several are asked at once, and answered in another order."""
    near, far = Link(ends[0]), Link(ends[1])
    peers, found = Peers(near), dict[str, Any]()

    async def ask(what: str) -> None:
        found[what] = await peers.ask(what)

    async with trio.open_nursery() as nursery:
        for what in ("live", "metrics"):
            nursery.start_soon(ask, what)
        for asked in reversed([await far.receive(), await far.receive()]):
            assert asked is not None
            peers.answered(asked["ask"], [f"{asked['what']} of 2"])
    assert found == {"live": ["live of 2"], "metrics": ["metrics of 2"]}
    peers.answered(99, ["nobody asked"])
    await near.aclose()
    await far.aclose()


async def test_nobody_waits_for_ever(
    ends: tuple[socket.socket, socket.socket], autojump_clock: trio.testing.MockClock
) -> None:
    """Without an answer, or without others, there is nothing to add."""
    assert await Peers().ask("live") == []
    link = Link(ends[0])
    assert await Peers(link).ask("live") == []
    assert trio.current_time() == PATIENCE
    await link.aclose()
