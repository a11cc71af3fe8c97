"""The pool: which link carries what, which are kept, and how long anything may take."""

import weakref

import attrs
import pytest
import trio
import trio.testing

from tests.transports.holding import held
from tests.transports.upstreams import CHUNKED, GET, OK, ORIGIN, POST, QUICK, Peer, Script, answers, fetch, upstream
from transports.pool import PoolLimits, open_pool
from transports.upstream import Call, Link, Origin, TimedOut, Truncated
from transports.upstream_http1 import Http1

OTHER = Origin("http", "other.test", 80)
settled = trio.testing.wait_all_tasks_blocked


def tells_its_number() -> Script:
    """A script that answers with the number of the connection."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % peer.number)

    return script


async def test_a_link_carries_one_exchange_after_another() -> None:
    """Whatever its body's framing was."""
    async with upstream(answers(CHUNKED, b"1\r\na\r\n", b"0\r\n\r\n")) as (pool, peers):
        for _ in range(5):
            assert await fetch(pool) == (200, b"a")
            assert (pool.idle, pool.busy) == (1, 0)
        assert peers.opened == 1


async def test_the_link_used_last_is_taken_first() -> None:
    """So that a few stay warm and the rest can grow old."""
    async with upstream(tells_its_number()) as (pool, _):
        async with pool.send(ORIGIN, GET) as first, pool.send(ORIGIN, GET) as second, pool.send(ORIGIN, GET) as third:
            assert [await reply.receive() for reply in (first, second, third)] == [b"0", b"1", b"2"]
        assert pool.idle == 3
        assert await fetch(pool) == (200, b"0")  # left last
        async with pool.send(ORIGIN, GET) as first, pool.send(ORIGIN, GET) as second:
            assert [await reply.receive() for reply in (first, second)] == [b"0", b"1"]


async def test_origins_have_nothing_in_common() -> None:
    """Another host, port or scheme is another connection."""
    async with upstream(tells_its_number()) as (pool, _):
        assert await fetch(pool) == (200, b"0")
        assert await fetch(pool, origin=OTHER) == (200, b"1")
        assert await fetch(pool) == (200, b"0")
        assert pool.idle == 2


async def test_a_kept_link_grows_old(autojump_clock: trio.testing.MockClock) -> None:
    """After a minute it is replaced, unlooked at."""
    async with upstream(tells_its_number()) as (pool, peers):
        await fetch(pool)
        await trio.sleep(59)
        assert await fetch(pool) == (200, b"0")
        await trio.sleep(61)
        assert await fetch(pool) == (200, b"1")
        await settled()
        assert peers.closed == 1


async def test_a_server_that_says_how_long_is_believed(autojump_clock: trio.testing.MockClock) -> None:
    """``keep-alive: timeout=5`` means four: the race with its close is not run."""
    async with upstream(answers(b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\ncontent-length: 0\r\n\r\n")) as (
        pool,
        peers,
    ):
        for pause, opened in ((3.9, 1), (4.1, 2), (3.9, 2)):
            await fetch(pool)
            await trio.sleep(pause)
            await fetch(pool)
            assert peers.opened == opened


async def test_what_has_grown_old_is_closed_when_another_comes_back(autojump_clock: trio.testing.MockClock) -> None:
    """Links at the bottom of the stack are never taken again; they must not stay for ever."""
    async with upstream(tells_its_number()) as (pool, peers):
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(fetch, pool)
        assert pool.idle == 5
        await trio.sleep(40)
        await fetch(pool)
        await trio.sleep(30)
        await fetch(pool, origin=OTHER)
        await settled()
        assert pool.idle == 2
        assert peers.closed == 4


async def test_only_so_many_are_kept() -> None:
    """Per origin and in all; the oldest goes first."""
    async with upstream(tells_its_number(), PoolLimits(idle=3, idle_per_origin=2)) as (pool, peers):
        for origin, kept in ((ORIGIN, 2), (OTHER, 3)):
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(fetch, pool, GET, origin)
            assert pool.idle == kept
        await settled()
        assert peers.opened - peers.closed == 3


async def test_a_dead_link_is_replaced_before_anyone_notices() -> None:
    """The server closed it while it was idle: one retry, on a fresh one; those kept for longer go, too."""

    async def dies_idle(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % peer.number)
        await peer.request()
        await (peer.hang_up() if peer.number == 0 else peer.say(OK))

    async with upstream(dies_idle) as (pool, peers):
        async with pool.send(ORIGIN, GET), pool.send(ORIGIN, GET), pool.send(ORIGIN, GET):
            pass
        assert pool.idle == 3
        assert await fetch(pool, POST) == (200, b"3")
        assert (pool.idle, peers.opened, peers.closed) == (1, 4, 3)


async def test_a_fresh_link_that_dies_unanswered_is_not_replaced() -> None:
    """The server took the request and died of it, perhaps: once is enough."""

    async def dies(peer: Peer) -> None:
        await peer.request()
        await peer.hang_up()

    async with upstream(dies) as (pool, peers):
        with pytest.raises(Truncated, match="before it answered") as raised:
            await fetch(pool)
        assert not raised.value.answered
        assert peers.opened == 1


async def test_the_replacement_of_a_dead_link_is_not_replaced() -> None:
    """One retry."""

    async def answers_once_ever(peer: Peer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.say(OK)
            await peer.request()
        await peer.hang_up()

    async with upstream(answers_once_ever) as (pool, peers):
        await fetch(pool)
        with pytest.raises(Truncated):
            await fetch(pool)
        assert peers.opened == 2


async def test_an_answer_that_has_begun_is_never_asked_for_again() -> None:
    """One byte of it, or an interim response, and the request was taken."""
    for beginning in (b"H", b"HTTP/1.1 100 Continue\r\n\r\n"):

        async def begins(peer: Peer, beginning: bytes = beginning) -> None:
            await peer.request()
            await peer.say(OK)
            await peer.request()
            await peer.say(beginning)
            await peer.hang_up()

        async with upstream(begins) as (pool, peers):
            await fetch(pool)
            with pytest.raises(Truncated) as raised:
                await fetch(pool)
            assert raised.value.answered
            assert peers.opened == 1


async def test_poison_is_not_served_to_the_next_caller() -> None:
    """Bytes after a complete reply end with the link that brought them (row 50)."""
    evil = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
    async with upstream(answers(OK + evil)) as (pool, peers):
        for _ in range(3):
            assert await fetch(pool) == (200, b"ok")
        assert (pool.idle, peers.opened) == (0, 3)


@pytest.mark.parametrize(
    ("phase", "said", "seconds"),
    [
        ("connect", None, 1),
        ("write", None, 2),
        ("first_byte", (), 3),
        ("first_byte", (b"HTTP/1.1 200 OK\r\n",), 3),
        ("first_byte", (b"HTTP/1.1 103 Early Hints\r\n\r\n",), 3),
        ("idle", (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",), 4),
        ("idle", (CHUNKED, b"3\r\nabc\r\n"), 4),
        ("idle", (CHUNKED, b"3\r\nabc\r\n", b"5", b"\r\n"), 4),
    ],
)
async def test_each_phase_has_a_timer(
    autojump_clock: trio.testing.MockClock, phase: str, said: tuple[bytes] | None, seconds: float
) -> None:
    """It runs out to the second, closes the link, and names its phase (row 40)."""

    async def falls_silent(peer: Peer) -> None:
        await peer.request()
        await peer.say(*said or ())
        await peer.gone()

    async def connect(origin: Origin) -> Link:
        if phase == "connect":
            await trio.sleep_forever()
        link = await peers.connect(origin)
        if phase == "write":
            jam(link)
        return link

    async with upstream(falls_silent) as (_, peers), open_pool(connect) as pool:
        start = trio.current_time()
        with pytest.raises(TimedOut) as raised:
            await fetch(pool, attrs.evolve(POST, body=b"x" * 100_000))
        assert raised.value.phase == phase
        assert raised.value.seconds == trio.current_time() - start == seconds
        assert pool.busy == 0
        await settled()
        assert peers.opened == peers.closed


def jam(link: Link) -> None:
    """Let nothing that is written on *link* get through."""
    assert isinstance(link, Http1)
    stream = link._stream
    assert isinstance(stream, trio.StapledStream)
    assert isinstance(stream.send_stream, trio.testing.MemorySendStream)
    stream.send_stream.send_all_hook = trio.sleep_forever


async def test_a_stream_may_take_as_long_as_it_speaks(autojump_clock: trio.testing.MockClock) -> None:
    """No timer is for the whole, and none runs while the caller is busy with what it got."""

    async def speaks_slowly(peer: Peer) -> None:
        while True:
            await peer.request()
            await trio.sleep(2.9)
            await peer.say(CHUNKED)
            for _ in range(10):
                await trio.sleep(3.9)
                await peer.say(b"1\r\na\r\n")
            await peer.say(b"0\r\n\r\n")

    async with upstream(speaks_slowly) as (pool, _):
        assert await fetch(pool) == (200, b"a" * 10)
        async with pool.send(ORIGIN, POST, QUICK) as reply:
            await trio.sleep(1000)
            body = await reply.receive()
            await trio.sleep(1000)
            while data := await reply.receive():
                body += data
        assert body == b"a" * 10


async def test_a_few_last_bytes_are_read_by_the_pool(autojump_clock: trio.testing.MockClock) -> None:
    """The caller leaves at the terminal event; the last chunk comes a little later; the link is kept."""

    async def ends_late(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.say(CHUNKED, b"4\r\ndone\r\n")
            await trio.sleep(0.3)
            await peer.say(b"0\r\n\r\n")

    async with upstream(ends_late) as (pool, peers):
        for _ in range(3):
            start = trio.current_time()
            async with pool.send(ORIGIN, POST) as reply:
                assert await reply.receive() == b"done"
            assert trio.current_time() == start, "the caller does not wait for the drain"
            assert (pool.idle, pool.busy) == (0, 1)
            await trio.sleep(0.4)
            assert (pool.idle, pool.busy) == (1, 0)
        assert peers.opened == 1


@pytest.mark.parametrize(
    "rest",
    [
        (),
        (b"zz\r\n",),
        (b"10000\r\n" + b"x" * 0x10000 + b"\r\n",) * 3,
    ],
    ids=["never ends", "goes wrong", "is long"],
)
async def test_a_body_that_will_not_end_costs_half_a_second(
    autojump_clock: trio.testing.MockClock, rest: tuple[bytes]
) -> None:
    """Or 64 KiB; then its link is closed and its turn passed on."""

    async def goes_on(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED, b"4\r\ndone\r\n")
        await trio.sleep(0.1)
        await peer.say(*rest)
        await peer.gone()

    async with upstream(goes_on, PoolLimits(busy_per_origin=1)) as (pool, peers):
        async with pool.send(ORIGIN, POST) as reply:
            await reply.receive()
        start = trio.current_time()
        async with pool.send(ORIGIN, POST) as reply:
            assert await reply.receive() == b"done"
        assert trio.current_time() - start <= 0.5
        await settled()
        assert peers.opened == 2
        assert peers.closed >= 1


async def test_a_request_is_not_held_while_its_reply_streams() -> None:
    """Thousands of streams at half a megabyte of prompt each would be gigabytes."""
    async with upstream(answers(CHUNKED, b"1\r\na\r\n")) as (pool, _):
        call = Call(method="POST", target="/", body=b"x" * 100_000)
        held = weakref.ref(call)
        async with pool.send(ORIGIN, call) as reply:
            del call
            assert await reply.receive() == b"a"
            assert held() is None


@pytest.mark.parametrize("size", [10_000, 700_000])
async def test_a_body_that_was_sent_is_nowhere(size: int) -> None:
    """While the reply lasts, neither the call, nor the upload, nor the link, nor a frame that waits holds the body."""

    async def script(peer: Peer) -> None:
        left = size
        while left > 0:  # more than the head has come in the first piece
            left -= len(await peer.stream.receive_some(65536))
        await peer.say(CHUNKED, b"1\r\na\r\n")
        await trio.sleep_forever()

    mark = b"<of the body>"
    async with upstream(script) as (pool, _), pool.send(ORIGIN, attrs.evolve(POST, body=mark * (size // 13))) as reply:
        assert await reply.receive() == b"a"
        await settled()
        assert held(mark) == []
