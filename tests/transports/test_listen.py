"""The server at its doors, over loopback: hostile clients, TLS, full houses, crashes and the end."""

import errno
import socket
from contextlib import suppress
from functools import partial

import h11
import pytest
import trio
import trio.testing

from tests.transports.dialogue import GET, answer, echo, responses, whole
from tests.transports.holding import held
from tests.transports.http2_client import client_of
from tests.transports.running import Server, running
from tests.transports.vectors import BAD, CODINGS, MALFORMED, SAID, head
from transports.drain import Drain
from transports.limits import Limits
from transports.listen import Address, Door, open_listeners, serve
from transports.messages import BadRequest, Head, Request, Response

LIMITS = Limits()


async def answers(server: Server, said: bytes) -> list[int]:
    """The statuses the server answers *said* with until it hangs up."""
    client = await server.connect()
    with suppress(trio.BrokenResourceError):
        await client.stream.send_all(said)
    wire, found = await client.hear(), []
    await client.stream.aclose()
    while wire:
        ear = h11.Connection(h11.CLIENT)
        ear.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
        ear.send(h11.EndOfMessage())
        ear.receive_data(wire)
        event = ear.next_event()
        assert isinstance(event, h11.Response)
        found.append(event.status_code)
        while not isinstance(ear.next_event(), h11.EndOfMessage):
            pass
        wire = ear.trailing_data[0]
    return found


async def test_hostile_heads() -> None:
    """Rows 1 to 5 and 11 to 19: each is refused, reaches no handler, and the server serves the next one."""
    served: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        served.append(request.target)
        await answer(response, b"ok")

    vectors = [*BAD.values(), *[(400, head(line, host=b"Host: localhost\r\n")) for line in CODINGS]]
    async with running(handler) as server:
        for status, raw in vectors:
            said = raw.replace(b"Host: a\r\n", b"Host: localhost\r\n") + b"0\r\n\r\n"
            assert await answers(server, said) == [status], raw[:200]
            assert served == []
            assert (await server.ask()).body == b"ok"
            assert served.pop() == "/"
    assert server.crashes == []


async def test_hostile_conversations() -> None:
    """Rows 6 to 9, 17 to 20: what may be answered is answered, the rest is cut, and the server lives on."""

    async def handler(request: Request, response: Response) -> None:
        await whole(request)
        await answer(response, b"ok")

    chunked = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    bodies = [([400], chunked + wire + b"0\r\n\r\n") for wire in MALFORMED.values()]
    async with running(handler) as server:
        for statuses, said in [*SAID.values(), *bodies]:
            assert await answers(server, said) == statuses, said[:200]
            assert (await server.ask()).body == b"ok"
    assert server.crashes == []


async def test_clients_that_vanish() -> None:
    """Row 25: a reset right after connecting, in a head or in a response harms nobody."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        try:
            while True:
                await response.write(bytes(65536))
        finally:
            noticed.set()

    noticed = trio.Event()
    async with running(handler) as server:
        for said in (b"", b"GET / HT", b"PRI *", GET):
            client = await trio.open_tcp_stream("127.0.0.1", server.port)
            await client.send_all(said)
            if said == GET:
                await client.receive_some()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            await client.aclose()
        await noticed.wait()
    assert server.crashes == []


async def test_a_crash_stays_in_its_connection() -> None:
    """A handler's bug is told once, as it was raised, and a request that runs beside it is served."""
    beside = trio.Event()

    async def handler(request: Request, response: Response) -> None:
        if request.path == "/bug":
            async with trio.open_nursery():
                raise ZeroDivisionError
        await beside.wait()
        await answer(response, b"ok")

    async with running(handler) as server:
        other = await server.connect()
        await other.stream.send_all(GET)
        client = await server.connect()
        await client.stream.send_all(GET.replace(b"/", b"/bug", 1))
        assert await client.hear() == b""
        beside.set()
        assert b"ok" in await other.hear(b"ok")
    assert [type(crash) for crash in server.crashes] == [ZeroDivisionError]


async def test_a_crash_while_the_server_is_cancelled() -> None:
    """A bug in a handler's cleanup does not turn the server's cancellation into an exception."""

    async def handler(request: Request, response: Response) -> None:
        called.set()
        try:
            await trio.sleep_forever()
        finally:
            raise ZeroDivisionError

    async def run() -> None:
        await serve(handler, listeners=listeners, limits=LIMITS, drain=Drain(), on_crash=crashes.append)

    called, crashes = trio.Event(), list[BaseException]()
    listeners = await open_listeners([Address("127.0.0.1", 0)])
    client = await trio.testing.open_stream_to_socket_listener(listeners[0])
    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await client.send_all(GET)
        await called.wait()
        nursery.cancel_scope.cancel()
    assert [type(crash) for crash in crashes] == [ZeroDivisionError]


async def test_the_connection_is_described() -> None:
    """Scheme, peer and local address; names are ours whatever their case, strangers are misdirected (row 13)."""

    async def handler(request: Request, response: Response) -> None:
        await answer(response, f"{request.scheme} {request.peer} {request.local}".encode())

    async with running(handler, names=["Gate.Example"]) as server:
        assert (await server.ask()).body == b"http 127.0.0.1 127.0.0.1"
        assert (await server.ask(GET.replace(b"localhost", b"GATE.example:4096"))).status == 200
        assert (await server.ask(GET.replace(b"localhost", b"evil.example"))).status == 421


async def test_a_full_house_waits() -> None:
    """Row 25: beyond the limit nobody is accepted; a client waits in the backlog until another leaves."""
    async with running(echo, limits=Limits(connections=2)) as server:
        first, second, third = [await server.connect() for _ in range(3)]
        for client in (first, second, third):
            await client.stream.send_all(GET)
        assert b"GET /" in await first.hear(b"GET / ")
        assert b"GET /" in await second.hear(b"GET / ")
        with trio.move_on_after(0.05) as waited:
            await third.stream.receive_some()
        assert waited.cancelled_caught
        await first.stream.aclose()
        assert b"GET /" in await third.hear(b"GET / ")


async def test_one_client_does_not_fill_the_house() -> None:
    """Row 24: beyond its own bound a connection is closed at once, unread; a seat that is left can be had again."""
    async with running(echo, limits=Limits(connections=3, connections_per_client=2)) as server:
        first, second = [await server.connect() for _ in range(2)]
        for client in (first, second):
            await client.stream.send_all(GET)
            assert b"GET /" in await client.hear(b"GET / ")
        for _ in range(10):  # more than there are seats: those that are closed hold none
            third = await server.connect()
            with suppress(trio.BrokenResourceError):
                assert await third.stream.receive_some() == b""
        await first.stream.send_all(GET)
        assert b"GET /" in await first.hear(b"GET / ")
        await second.stream.aclose()
        with trio.fail_after(2):
            while not await welcome(server):  # noqa: ASYNC110  # the server tells nobody who has left
                await trio.sleep(0.01)


async def welcome(server: Server) -> bool:
    """Whether one more connection is served."""
    client = await server.connect()
    try:
        await client.stream.send_all(GET)
        return b"GET /" in await client.hear(b"GET / ")
    except trio.BrokenResourceError:
        return False


class NoDescriptors(trio.abc.Listener[trio.SocketStream]):
    """A door of a system that has run out of file descriptors for a while."""

    def __init__(self, door: Door, times: int) -> None:
        self.door, self.times = door, times

    async def accept(self) -> trio.SocketStream:
        await trio.lowlevel.checkpoint()
        if self.times:
            self.times -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return await self.door.accept()

    async def aclose(self) -> None:
        await self.door.aclose()


async def test_no_file_descriptor_left() -> None:
    """Row 25: told once, waited for without spinning, and served when there is one again."""
    [listener] = await open_listeners([Address("127.0.0.1", 0)])
    began = trio.current_time()
    async with running(echo, doors=[NoDescriptors(listener, 3)]) as server:
        server.port = listener.socket.getsockname()[1]
        assert (await server.ask()).status == 200
    assert trio.current_time() - began >= 0.3
    assert [getattr(crash, "errno", None) for crash in server.crashes] == [errno.EMFILE]


class Turns(trio.abc.Instrument):
    """How often the scheduler has gone round."""

    def __init__(self) -> None:
        self.count = 0

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1


async def test_who_waits_together_is_let_in_together(nursery: trio.Nursery) -> None:
    """Forty clients who came before anybody looked are answered after a few turns, each of which may be long."""
    [listener] = await open_listeners([Address("127.0.0.1", 0)])
    clients = [socket.create_connection(listener.socket.getsockname()) for _ in range(40)]
    for client in clients:
        client.sendall(GET)
    turns, drain, answered = Turns(), Drain(), trio.Event()
    served: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        served.append(request.target)
        if len(served) == len(clients):
            answered.set()
        await answer(response, b"ok")

    trio.lowlevel.add_instrument(turns)
    nursery.start_soon(partial(serve, handler, listeners=[listener], limits=LIMITS, drain=drain, on_crash=print))
    with trio.fail_after(10):
        await answered.wait()
    trio.lowlevel.remove_instrument(turns)
    assert turns.count < 20
    for client in clients:
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        client.close()
    drain.begin(1)


async def test_seats_are_kept_for_those_who_wait_together(nursery: trio.Nursery) -> None:
    """Of five clients who came before anybody looked two are let in where two may be, and the others as these leave."""
    [listener] = await open_listeners([Address("127.0.0.1", 0)])
    clients = [socket.create_connection(listener.socket.getsockname()) for _ in range(5)]
    for client in clients:
        client.sendall(GET)
    drain, going, open_now, most = Drain(), trio.Event(), 0, 0

    async def handler(request: Request, response: Response) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await going.wait()
        await answer(response, b"ok")
        open_now -= 1

    limits = Limits(connections=2)
    nursery.start_soon(partial(serve, handler, listeners=[listener], limits=limits, drain=drain, on_crash=print))
    while open_now < 2:
        await trio.testing.wait_all_tasks_blocked()
    going.set()
    for client in clients:
        heard = await trio.to_thread.run_sync(client.recv, 1000)
        assert heard.startswith(b"HTTP/1.1 200")
        client.close()
    assert most == 2
    drain.begin(1)


async def test_the_drain_closes_doors_first() -> None:
    """New clients are refused while a running exchange finishes; idle ones are let go; then the server has ended."""
    going = trio.Event()

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        await going.wait()
        await response.write(b"done")
        await response.finish()

    async with running(handler) as server:
        busy, idle = await server.connect(), await server.connect()
        await busy.stream.send_all(GET)
        await busy.hear(b"\r\n\r\n")
        server.drain.begin(5)
        assert await idle.hear() == b""
        with pytest.raises(OSError, match="connect"):
            await server.connect()
        assert not server.ended.is_set()
        going.set()
        assert b"done" in await busy.hear()
        await server.ended.wait()


async def test_who_was_let_in_before_the_drain_is_answered() -> None:
    """Its first request may be on its way: it is taken for a moment, and told that it was the last."""
    async with running(echo) as server:
        client, silent = await server.connect(), await server.connect()
        await trio.testing.wait_all_tasks_blocked(0.05)
        server.drain.begin(30)
        await trio.testing.wait_all_tasks_blocked(0.05)
        await client.stream.send_all(GET)
        (heard,) = responses(await client.hear(), "GET")
        assert (heard.status, heard.fields[b"connection"]) == (200, b"close")
        assert await silent.hear() == b""
        await server.ended.wait()


async def test_who_has_long_been_silent_does_not_hold_up_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for a first request is counted from its connection, not from the drain."""
    monkeypatch.setattr("transports.listen.FIRST", 0.0)
    async with running(echo) as server:
        client = await server.connect()
        assert (await server.ask()).body == b"GET / "
        server.drain.begin(30)
        with trio.fail_after(0.9):
            assert await client.hear() == b""
            await server.ended.wait()


async def test_the_drain_ends_at_its_deadline() -> None:
    """Whoever is not done by then is cut."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        await trio.sleep_forever()

    async with running(handler) as server:
        client = await server.connect()
        await client.stream.send_all(GET)
        await client.hear(b"\r\n\r\n")
        server.drain.begin(0.05)
        assert await client.hear() == b""
        await server.ended.wait()


async def test_all_addresses_or_none() -> None:
    """If one address can't be had, those that could are given back; and one in use is an error at the start."""
    [taken] = await open_listeners([Address("127.0.0.1", 0)])
    port = taken.socket.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    with pytest.raises(OSError, match="in use"):
        await open_listeners([Address("127.0.0.1", free), Address("127.0.0.1", port)])
    again = await open_listeners([Address("127.0.0.1", free)])
    for listener in (taken, *again):
        await listener.aclose()


async def test_http2_by_prior_knowledge() -> None:
    """RFC 9113 §3.3: the preface makes it HTTP/2, in one piece or in single bytes."""
    async with running(echo) as server:
        for size in (1000, 1):
            client = client_of((await server.connect()).stream)
            number = client.ask(path="/2")
            said = client.h2.data_to_send()
            for at in range(0, len(said), size):
                await client.stream.send_all(said[at : at + size])
            assert (await client.reply(number)).body == b"GET /2 "
            await client.stream.aclose()


async def test_refusals_of_the_handler_are_answered() -> None:
    """BadRequest is an answer in both versions, not a crash."""

    async def handler(request: Request, response: Response) -> None:
        raise BadRequest("no", status=404)

    async with running(handler) as server:
        assert (await server.ask()).status == 404
    assert server.crashes == []


MARK = b"<of the body>"


@pytest.mark.parametrize("size", [40_000, 400_000])
@pytest.mark.parametrize("version", ["1.1", "2"])
async def test_a_body_is_let_go_of_while_its_response_lasts(version: str, size: int) -> None:
    """Once the handler took it, it is nowhere on the server any more: in no buffer, and in no frame that waits."""
    took: list[int] = []
    taken, over = trio.Event(), trio.Event()

    async def handler(request: Request, response: Response) -> None:
        while piece := len(await request.body.receive()):
            took.append(piece)
        await response.start(Head(200))
        taken.set()
        await over.wait()
        await response.finish()

    async with running(handler) as server:
        caller = await server.connect()
        if version == "1.1":
            start = head(b"Content-Length: %d" % size, host=b"Host: localhost\r\n")
            await caller.stream.send_all(start + (MARK * size)[:size])
        else:
            client = client_of(caller.stream)
            await client.upload(client.ask("POST", end=False), (MARK * size)[:size])
        await taken.wait()
        assert sum(took) == size
        assert held(MARK) == []
        over.set()
