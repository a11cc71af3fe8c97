"""The end of a server: what runs may finish, what is idle ends, and nobody outstays the deadline."""

import math

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.transports.dialogue import GET, POST, answer, echo, responses, visit
from transports.drain import Drain
from transports.messages import Connection, Head, Request, Response


async def test_exchanges_get_the_deadline(autojump_clock: MockClock) -> None:
    """Those under way and those to come; an earlier deadline holds, a later one does not."""
    drain = Drain()
    with drain.exchange() as before:
        assert (drain.running, before.deadline) == (1, math.inf)
        drain.begin(30)
        assert before.deadline == 30
        drain.begin(60)
        assert before.deadline == 30
        drain.begin(10)
        with drain.exchange() as after:
            assert (drain.running, before.deadline, after.deadline) == (2, 10, 10)
    assert drain.running == 0


async def test_exchanges_are_cut_at_the_deadline(autojump_clock: MockClock) -> None:
    """Whoever is not done by then is cancelled, and counted out."""
    drain = Drain()
    with drain.exchange() as scope:
        drain.begin(10)
        await trio.sleep(60)
    assert scope.cancelled_caught
    assert (trio.current_time(), drain.running) == (10, 0)


async def test_an_exchange_may_count_in_two(autojump_clock: MockClock) -> None:
    """Whichever of them begins: the scope is one, the earlier deadline holds, and each knows when nobody is left."""
    server, line = Drain(), Drain()
    line.begin(10)
    with server.exchange() as scope, line.join(scope):
        assert (server.running, line.running) == (1, 1)
        server.begin(30)
        await trio.sleep(60)
    assert scope.cancelled_caught
    assert (trio.current_time(), server.running, line.running) == (10, 0, 0)
    with server.exchange() as scope, line.join(scope):
        assert scope.deadline == 10


async def test_the_idle_are_told_once() -> None:
    """At the beginning, or on coming too late; never after they have left."""
    drain = Drain()
    told: list[str] = []
    with drain.notify(lambda: told.append("left before")):
        pass
    with drain.notify(lambda: told.append("waiting")):
        drain.begin(30)
        drain.begin(20)
    with drain.notify(lambda: told.append("late")):
        pass
    assert told == ["waiting", "late"]


async def test_an_idle_connection_ends_when_the_drain_begins(autojump_clock: MockClock) -> None:
    """Without a word, whether it has had a request or not."""
    for said in ([], [GET]):
        place = Connection()
        async with visit(echo, connection=place) as client:
            await client.say(*said)
            await trio.sleep(1)
            began = trio.current_time()
            place.drain.begin(30)
            assert len(responses(await client.hear(), *["GET"] * len(said))) == len(said)
            assert trio.current_time() == began


async def test_a_new_connection_during_the_drain_ends_at_once(autojump_clock: MockClock) -> None:
    """It came through the door as it closed."""
    place = Connection()
    place.drain.begin(30)
    async with visit(echo, connection=place) as client:
        assert await client.hear() == b""
    assert trio.current_time() == 0


async def test_a_response_begun_before_the_drain_is_finished(autojump_clock: MockClock) -> None:
    """A stream goes on to its proper end; the connection ends after it although its head did not say so."""
    place = Connection()

    async def stream(request: Request, response: Response) -> None:
        await response.start(Head(200))
        for _ in range(5):
            await trio.sleep(1)
            await response.write(b"x")
        await response.finish()

    async with visit(stream, connection=place) as client:
        await client.say(GET)
        place.drain.begin(30)
        [heard] = responses(await client.hear(), "GET")
        assert heard.body == b"xxxxx"
        assert trio.current_time() == 5


async def test_a_request_under_way_is_answered_with_close(autojump_clock: MockClock) -> None:
    """Its response says that the connection ends, and a request pipelined behind it is left to a retry elsewhere."""
    place = Connection()

    async def slow(request: Request, response: Response) -> None:
        await trio.sleep(1)
        await answer(response, b"done")

    async with visit(slow, connection=place) as client:
        await client.say(GET + GET)
        place.drain.begin(30)
        [heard] = responses(await client.hear(), "GET")
        assert (heard.body, heard.fields[b"connection"]) == (b"done", b"close")


async def test_a_request_that_has_begun_is_still_taken(autojump_clock: MockClock) -> None:
    """Half a head, or half a body, is work under way."""
    for first, rest in ((GET[:20], GET[20:]), (POST + b"Content-Length: 4\r\n\r\nab", b"cd")):
        place = Connection()
        async with visit(echo, connection=place) as client:
            await client.say(first)
            place.drain.begin(30)
            await trio.sleep(1)
            await client.say(rest)
            [heard] = responses(await client.hear(), "GET")
            assert heard.fields[b"connection"] == b"close"


async def test_a_deadline_is_of_an_exchange_not_of_its_connection(autojump_clock: MockClock) -> None:
    """A line that was replaced cuts what runs with it for too long, not what the connection asks for later."""
    lines = [Drain(), Drain(), Drain()]
    coming = iter(lines)

    async def slow(request: Request, response: Response) -> None:
        with next(coming).join(request.scope):
            await trio.sleep(1)
            await answer(response, b"done")

    async with visit(slow) as client:
        for line, seconds in zip(lines, (5, 5, 0.5), strict=True):
            await client.say(GET)
            line.begin(seconds)
            await trio.sleep(20)
        assert [each.body for each in responses(await client.hear(), "GET", "GET")] == [b"done", b"done"]


async def test_the_deadline_cuts_a_stream_visibly(autojump_clock: MockClock) -> None:
    """What is not done by the deadline is broken, not ended."""
    place = Connection()

    async def endless(request: Request, response: Response) -> None:
        await response.start(Head(200))
        while True:
            await response.write(b"x")
            await trio.sleep(1)

    async with visit(endless, connection=place) as client:
        await client.say(GET)
        place.drain.begin(3.5)
        wire = await client.hear()
        assert trio.current_time() == 3.5
        assert wire.endswith(b"1\r\nx\r\n")
        with pytest.raises(Exception, match="incomplete chunked read"):
            responses(wire, "GET")
