"""What a handler may rely on, whichever version of HTTP carries it: the same cases over http1 and http2.

One call per request, in a scope that is cancelled when its client is gone; nothing it raises hurts a sibling; what it
did not finish is seen to be broken.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.transports.callers import Caller, calling1, calling2
from tests.transports.dialogue import answer, whole
from transports.limits import Limits
from transports.messages import BadRequest, BodyTooLarge, Disconnected, Head, Request, Response

Calling = Callable[..., AbstractAsyncContextManager[Caller]]


@pytest.fixture(params=[calling1, calling2], ids=["http1", "http2"])
def calling(request: pytest.FixtureRequest) -> Calling:
    """Opens a caller: ``async with calling(handler) as caller``."""
    return request.param


async def test_a_request_comes_as_it_was_sent(calling: Calling, autojump_clock: MockClock) -> None:
    """One call: method, target, fields in lower case, every byte of the body, and then its end, again and again."""
    seen: list[Request] = []
    body = bytes(range(256)) * 1000

    async def handler(request: Request, response: Response) -> None:
        seen.append(request)
        assert await whole(request) == body
        assert await request.body.receive() == b""
        await answer(response, b"")

    async with calling(handler) as caller:
        asked = await caller.ask("POST", "/a/b?c=d", body, accept="text/x")
        assert (await asked.reply()).status == 200
    [request] = seen
    assert (request.method, request.target) == ("POST", "/a/b?c=d")
    assert (request.header(b"host"), request.header(b"accept")) == ("localhost", "text/x")
    assert caller.crashes == []


@pytest.mark.parametrize("length", [False, True])
async def test_a_response_comes_as_it_was_written(calling: Calling, autojump_clock: MockClock, length: bool) -> None:
    """Status, fields and body, streamed or of known length, whole; and a date."""
    body = bytes(range(256)) * 1000

    async def handler(request: Request, response: Response) -> None:
        fields = [(b"x-y", b"z")] + ([(b"content-length", b"%d" % len(body))] if length else [])
        assert not response.started
        await response.start(Head(429, fields))
        assert response.started
        for at in range(0, len(body), 50_000):
            await response.write(body[at : at + 50_000])
        await response.finish()

    async with calling(handler) as caller:
        reply = await (await caller.ask()).reply()
    assert (reply.status, reply.fields[b"x-y"], reply.body, reply.whole) == (429, b"z", body, True)
    assert (reply.fields.get(b"content-length") == b"%d" % len(body)) is length
    assert b"date" in reply.fields


@pytest.mark.parametrize("length", [False, True])
@pytest.mark.parametrize("size", [100, 50_000])
async def test_what_is_written_without_waiting_comes_in_its_order(
    calling: Calling, autojump_clock: MockClock, length: bool, size: int
) -> None:
    """What could not be sent goes before the next piece, and before the end."""
    body = bytes(range(256)) * 1000

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200, [(b"content-length", b"%d" % len(body))] if length else []))
        for at in range(0, len(body), size):
            if not response.write_now(body[at : at + size]):
                await response.write(b"")
        await response.finish()

    async with calling(handler) as caller:
        assert (await (await caller.ask("GET", "/")).reply()).body == body
    assert caller.crashes == []


async def test_a_piece_is_not_kept_back(calling: Calling, autojump_clock: MockClock) -> None:
    """What was written is on its way when ``write`` returns, although nothing follows for a long time."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        await response.write(b"now")
        await trio.sleep(500)

    async with calling(handler) as caller:
        asked = await caller.ask()
        with trio.move_on_after(1):
            await asked.reply()
        assert asked.so_far() == b"now"
        await asked.leave()


async def test_head_has_no_body(calling: Calling, autojump_clock: MockClock) -> None:
    """The handler may write one all the same."""

    async def handler(request: Request, response: Response) -> None:
        await answer(response, b"hello")

    async with calling(handler) as caller:
        reply = await (await caller.ask("HEAD")).reply()
    assert (reply.status, reply.fields[b"content-length"], reply.body, reply.whole) == (200, b"5", b"", True)


async def test_a_client_that_leaves_cancels_its_handler(calling: Calling, autojump_clock: MockClock) -> None:
    """At once, wherever it waits, and no other."""
    ended: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        if request.path == "/streams":
            await response.start(Head(200))
        try:
            await trio.sleep(100)
            await answer(response, b"stayed")
        finally:
            ended.append(request.path)

    async with calling(handler) as caller:
        stays = await caller.ask(path="/stays")
        for path in ("/waits", "/streams"):
            await (await caller.ask(path=path)).leave()
        assert ended == ["/waits", "/streams"]
        assert trio.current_time() == 0
        assert (await stays.reply()).body == b"stayed"
    assert caller.crashes == []


async def test_a_crash_hurts_nobody_else(calling: Calling, autojump_clock: MockClock) -> None:
    """It is told, its response is broken, and those beside and after it are served."""

    async def handler(request: Request, response: Response) -> None:
        if request.path == "/begun":
            await response.start(Head(200))
            await response.write(b"part")
        if request.path != "/good":
            async with trio.open_nursery():
                raise ZeroDivisionError
        await trio.sleep(1)
        await answer(response, b"good")

    async with calling(handler) as caller:
        beside = await caller.ask(path="/good")
        for path in ("/begun", "/fresh"):
            reply = await (await caller.ask(path=path)).reply()
            assert not reply.whole
        assert (await beside.reply()).body == b"good"
        assert (await (await caller.ask(path="/good")).reply()).body == b"good"
    assert len(caller.crashes) == 2
    assert all(pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True).matches(each) for each in caller.crashes)


@pytest.mark.parametrize("begun", [0, 1, 2])
async def test_an_unfinished_response_is_broken(calling: Calling, autojump_clock: MockClock, begun: int) -> None:
    """A handler that returns too soon leaves no client in the belief that it has everything."""

    async def handler(request: Request, response: Response) -> None:
        if begun:
            await response.start(Head(200))
        if begun > 1:
            await response.write(b"part")

    async with calling(handler) as caller:
        reply = await (await caller.ask()).reply()
    assert not reply.whole
    assert reply.body == (b"part" if begun > 1 else b"")
    assert caller.crashes == []


async def test_a_deaf_client_is_given_up(calling: Calling, autojump_clock: MockClock) -> None:
    """``write`` waits while nobody reads, with little in hand, and after a minute the client counts as gone."""
    written = 0
    ends: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        nonlocal written
        try:
            await response.start(Head(200))
            while True:
                await response.write(bytes(16_384))
                written += 16_384
        except Disconnected:
            ends.append("disconnected")
            raise
        except trio.Cancelled:
            ends.append("cancelled")
            raise

    async with calling(handler, deaf=True) as caller:
        await caller.ask()
        await trio.sleep(70)
        assert len(ends) == 1
        assert written <= Limits().stream_buffer
        assert caller.place.drain.running == 0
    assert caller.crashes == []


async def test_a_body_over_the_limit(calling: Calling, autojump_clock: MockClock) -> None:
    """Reading it raises, however often, and the handler's own answer reaches the client."""

    async def handler(request: Request, response: Response) -> None:
        for _ in range(2):
            with pytest.raises(BodyTooLarge) as refusal:
                await whole(request)
        await answer(response, b"{}", status=refusal.value.status)

    async with calling(handler, Limits(body=1000)) as caller:
        reply = await (await caller.ask("POST", body=bytes(1001))).reply()
    assert (reply.status, reply.body) == (413, b"{}")


async def test_a_refusal_nobody_caught_is_the_answer(calling: Calling, autojump_clock: MockClock) -> None:
    """BadRequest, also in nurseries' groups, is no crash: its status and message go to the client."""

    async def handler(request: Request, response: Response) -> None:
        async with trio.open_nursery():
            raise BadRequest("no such thing", status=404)

    async with calling(handler) as caller:
        reply = await (await caller.ask()).reply()
    assert (reply.status, reply.body, reply.whole) == (404, b"no such thing\n", True)
    assert caller.crashes == []


async def test_a_host_that_is_not_ours(calling: Calling, autojump_clock: MockClock) -> None:
    """Row 13: 421 before any handler."""

    async def never(request: Request, response: Response) -> None:
        raise AssertionError

    async with calling(never) as caller:
        reply = await (await caller.ask(host="evil.example")).reply()
    assert (reply.status, caller.crashes) == (421, [])


async def test_a_field_that_would_inject(calling: Calling, autojump_clock: MockClock) -> None:
    """Row 10: the head is not written, and another may take its place."""

    async def handler(request: Request, response: Response) -> None:
        with pytest.raises(ValueError, match="written"):
            await response.start(Head(200, [(b"x", b"a\r\nb: c")]))
        await answer(response, b"", status=500)

    async with calling(handler) as caller:
        reply = await (await caller.ask()).reply()
    assert (reply.status, b"b" in reply.fields) == (500, False)


async def test_the_drain_lets_an_exchange_finish(calling: Calling, autojump_clock: MockClock) -> None:
    """Up to its deadline."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        await trio.sleep(5 if request.path == "/short" else 500)
        await response.finish()

    async with calling(handler) as caller:
        short, long = await caller.ask(path="/short"), await caller.ask(path="/long")
        caller.place.drain.begin(30)
        assert (await short.reply()).whole
        assert trio.current_time() == 5
        assert not (await long.reply()).whole
        assert trio.current_time() == 30
