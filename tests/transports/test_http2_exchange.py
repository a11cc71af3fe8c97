"""One request, one call: what a handler's end means for its stream, and that it means nothing for the others."""

import pytest
import trio
from h2.errors import ErrorCodes
from hyperframe.frame import RstStreamFrame
from trio.testing import MockClock

from tests.transports.dialogue import answer
from tests.transports.http2_client import visit
from transports.messages import BadRequest, Connection, Disconnected, Head, Request, Response


class Crashes:
    """Who is told."""

    def __init__(self) -> None:
        self.told: list[BaseException] = []
        self.connection = Connection(on_crash=self.told.append)

    @property
    def kinds(self) -> list[type[BaseException]]:
        return [type(leaf) for error in self.told for leaf in leaves(error)]


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions in a tree of groups."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [error]


async def crash_in_a_nursery() -> None:
    """What a task's bug looks like from outside."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        raise ZeroDivisionError


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("nested", [False, True])
async def test_a_crash_costs_its_own_stream(begun: bool, nested: bool, autojump_clock: MockClock) -> None:
    """INTERNAL_ERROR for the one, nothing for its siblings, and whoever wants to know is told, at once."""
    crashes = Crashes()

    async def handler(request: Request, response: Response) -> None:
        if request.target != "/crash":
            await trio.sleep(10)
            await answer(response, b"well")
            return
        if begun:
            await response.start(Head(200))
        if nested:
            await crash_in_a_nursery()
        raise ZeroDivisionError

    async with visit(handler, connection=crashes.connection) as client:
        before, crash, behind = client.ask(), client.ask(path="/crash"), client.ask()
        assert (await client.reply(crash)).reset == ErrorCodes.INTERNAL_ERROR
        assert crashes.kinds == [ZeroDivisionError]
        assert (await client.reply(before)).body == b"well"
        assert (await client.reply(behind)).body == b"well"


@pytest.mark.parametrize("done", ["nothing", "start", "write"])
async def test_an_unfinished_response_is_seen_to_be(done: str, autojump_clock: MockClock) -> None:
    """A handler that returns early leaves no clean end."""
    crashes = Crashes()

    async def handler(_request: Request, response: Response) -> None:
        if done != "nothing":
            await response.start(Head(200))
        if done == "write":
            await response.write(b"half")

    async with visit(handler, connection=crashes.connection) as client:
        for method, end in [("GET", True), ("POST", False)]:
            heard = await client.reply(client.ask(method, end=end))
            assert (heard.ended, heard.reset) == (False, ErrorCodes.INTERNAL_ERROR)
            assert heard.body == (b"half" if done == "write" else b"")
        await client.rest()
        assert client.kinds.count(RstStreamFrame) == 2
    assert crashes.told == []


@pytest.mark.parametrize("nested", [False, True])
async def test_a_refusal_is_an_answer(nested: bool, autojump_clock: MockClock) -> None:
    """BadRequest out of a handler is told to the client, in one line, if nothing was said before."""
    crashes = Crashes()

    async def handler(request: Request, response: Response) -> None:
        if request.target == "/late":
            await response.start(Head(200))
        refusal = BadRequest("not like this", status=422)
        raise ExceptionGroup("tasks", [refusal]) if nested else refusal

    async with visit(handler, connection=crashes.connection) as client:
        heard = await client.reply(client.ask())
        assert (heard.status, heard.body) == (422, b"not like this\n")
        head = await client.reply(client.ask("HEAD"))
        assert (head.status, head.body) == (422, b"")
        assert (await client.reply(client.ask(path="/late"))).reset == ErrorCodes.INTERNAL_ERROR
        upload = await client.reply(client.ask("POST", end=False))
        await client.until(lambda: upload.reset == ErrorCodes.NO_ERROR)
    assert crashes.told == []


async def test_disconnected_is_nobodys_crash(autojump_clock: MockClock) -> None:
    """A handler need not catch what only says that its client went."""
    crashes = Crashes()
    met: list[str] = []

    async def handler(request: Request, _response: Response) -> None:
        try:
            await request.body.receive()
        except Disconnected as error:
            met.append(str(error))
            raise

    async with visit(handler, connection=crashes.connection) as client:
        asked = client.ask("POST", end=False)
        await client.flush()
        client.h2.reset_stream(asked)
        await client.flush()
    assert met == ["the client reset the stream"]
    assert crashes.told == []


async def test_a_crash_while_the_client_goes_is_told(autojump_clock: MockClock) -> None:
    """What goes wrong in cleaning up is not hidden by the cancellation that caused it."""
    crashes = Crashes()

    async def handler(_request: Request, _response: Response) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ZeroDivisionError

    async with visit(handler, connection=crashes.connection) as client:
        client.ask()
        await client.flush()
    assert crashes.kinds == [ZeroDivisionError]


async def test_what_a_handler_does_after_its_response_is_not_cut(autojump_clock: MockClock) -> None:
    """Putting away may take its time; the client's stream has ended before."""
    put_away = trio.Event()

    async def handler(_request: Request, response: Response) -> None:
        await answer(response, b"here")
        await trio.sleep(10)
        put_away.set()

    async with visit(handler) as client:
        assert (await client.reply(client.ask())).body == b"here"
        assert not put_away.is_set()
        await trio.sleep(11)
        assert put_away.is_set()
