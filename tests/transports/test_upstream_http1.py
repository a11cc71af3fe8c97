"""One link: what is sent, what is received, and when the connection may carry another exchange."""

import socket
import struct
from collections.abc import AsyncIterator

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.upstreams import CHUNKED, HEAD, OK, ORIGIN, POST, Pair, Peer, in_memory, on_loopback
from transports.upstream import USUAL, Deadline, Malformed, Truncated
from transports.upstream_http1 import AT_ONCE, DRAIN, PIECE, Http1

EVENTS = [b'data: {"n": %d}\n\n' % number for number in range(5)]
STREAM = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in EVENTS) + b"0\r\n\r\n"
LARGE = attrs.evolve(POST, body=b"x" * (5 * PIECE))


@pytest.fixture
async def pair(nursery: trio.Nursery) -> AsyncIterator[Pair]:
    near, far = trio.testing.memory_stream_pair()
    pair = Pair(Http1(near, ORIGIN), Peer(far, 0), nursery, near)
    yield pair
    await pair.link.close()


async def test_a_request_goes_out_in_one_piece_and_its_answer_comes_back(pair: Pair) -> None:
    """Head and body in one write; after an exact end the link is free."""
    await pair.peer.say(OK)
    assert await pair.ask() == 200
    assert not pair.link.done
    assert pair.state == "free"  # the body came with the head: it is only not yet received
    assert await pair.link.receive() == b"ok"
    assert pair.link.done
    assert await pair.link.receive() == b""
    assert await pair.peer.stream.receive_some() == (
        b'POST /v1/messages HTTP/1.1\r\nhost: upstream.test\r\nx-api-key: k\r\ncontent-length: 13\r\n\r\n{"model":"m"}'
    )


async def test_what_one_read_holds_is_received_as_one(pair: Pair) -> None:
    """Chunks of one read are joined: whoever passes them on writes once."""
    await pair.peer.say(STREAM)
    await pair.ask()
    assert await pair.link.receive() == b"".join(EVENTS)
    assert pair.link.done


async def test_an_event_is_received_as_soon_as_it_came(pair: Pair) -> None:
    """Nothing waits for a chunk to be complete, or for another one."""
    await pair.peer.say(CHUNKED + b"64\r\nfirst half")
    await pair.ask()
    assert await pair.link.receive() == b"first half"
    await pair.peer.say(b" second half")
    assert await pair.link.receive() == b" second half"
    assert pair.state == "unfinished"


@pytest.mark.parametrize(
    "raw",
    [
        STREAM,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 85\r\n\r\n" + b"".join(EVENTS),
        b"HTTP/1.0 200 OK\r\n\r\n" + b"".join(EVENTS),
    ],
    ids=["chunked", "length", "close"],
)
async def test_a_reply_is_the_same_wherever_the_network_cuts_it(raw: bytes) -> None:
    """At every byte, for each framing; and byte by byte."""
    raw = raw.replace(b"85", b"%d" % len(b"".join(EVENTS)))
    cuts = [[raw[:cut], raw[cut:]] for cut in range(1, len(raw))]
    for pieces in [*cuts, [raw[at : at + 1] for at in range(len(raw))]]:
        async with in_memory(*pieces) as pair:
            assert await pair.ask() == 200
            assert await pair.body() == b"".join(EVENTS)
            assert pair.link.done


@pytest.mark.parametrize("raw", [STREAM, OK], ids=["chunked", "length"])
async def test_a_reply_cut_short_is_never_taken_for_a_whole_one(raw: bytes) -> None:
    """Every prefix: what came is received, then Truncated, and whether anything came is told (row 41)."""
    for cut in range(len(raw)):
        async with in_memory(*[raw[:cut]] if cut else []) as pair:
            with pytest.raises(Truncated, match=r"upstream\.test") as raised:
                await pair.all_of()
            assert raised.value.answered == bool(cut)
            assert not pair.link.done
            assert pair.state != "free"


async def test_a_reset_is_a_truncation() -> None:
    """RST in mid-body (row 41)."""

    async def reset(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED, b"3\r\nabc\r\n")
        await trio.testing.wait_all_tasks_blocked()
        assert isinstance(peer.stream, trio.SocketStream)
        peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await peer.hang_up()

    async with on_loopback(reset) as pair:
        await pair.ask()
        assert await pair.link.receive() == b"abc"
        with pytest.raises(Truncated) as raised:
            await pair.link.receive()
        assert raised.value.answered


async def test_a_body_that_ends_with_its_connection_keeps_nothing(pair: Pair) -> None:
    """HTTP/1.0 and old servers: the end is the end of the stream."""
    await pair.peer.say(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    await pair.peer.hang_up()
    await pair.ask()
    assert await pair.body() == b"all of it"
    assert pair.link.done
    assert pair.state == "spent"


async def test_the_answer_to_head_has_no_body(pair: Pair) -> None:
    """Whatever its fields announce; the link is free at once."""
    await pair.peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")
    assert await pair.ask(HEAD) == 200
    assert pair.link.done
    assert pair.state == "free"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_reply(pair: Pair, status: int) -> None:
    """It is never followed: keys would go wherever it points (row 47)."""
    await pair.peer.say(b"HTTP/1.1 %d Elsewhere\r\nlocation: http://evil.test/\r\ncontent-length: 0\r\n\r\n" % status)
    assert await pair.ask() == status
    assert pair.state == "free"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\nok",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 11,
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2_000_000,
        b"HTTP/1.1 200 OK\nserver: old\n\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"3\r\nabcdef\r\n",
        CHUNKED + b"3\nabc\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"ffffffffffffffff\r\n",
        CHUNKED + b"11111111111111111\r\n",
        CHUNKED + b"3;" + b"e" * 5000 + b"\r\nabc\r\n",
        CHUNKED + b"0\r\n" + b"t: r\r\n" * 5000 + b"\r\n",
    ],
)
async def test_what_is_not_one_reply_is_malformed(pair: Pair, raw: bytes) -> None:
    """Desync, floods, bad chunks: one error, with the origin and without the bytes; nothing is kept (rows 50, 51)."""
    await pair.peer.say(raw)
    await pair.peer.hang_up()
    with pytest.raises(Malformed) as raised:
        await pair.all_of()
    assert str(raised.value).startswith("http://upstream.test: not one HTTP reply: ")
    assert len(str(raised.value)) < 150
    assert pair.state != "free"


@pytest.mark.parametrize("raw", [OK, STREAM, b"HTTP/1.1 204 No Content\r\n\r\n"], ids=["length", "chunked", "none"])
async def test_bytes_after_the_end_spend_the_link(pair: Pair, raw: bytes) -> None:
    """The reply is good, but what follows it must never be read as the answer to another's request (row 50)."""
    await pair.peer.say(raw + b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\npoisoned")
    await pair.ask()
    await pair.body()
    assert pair.link.done
    assert pair.state == "spent"


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6))
def test_any_garbage_is_an_upstream_error(pieces: list[bytes]) -> None:
    """Nothing but Malformed and Truncated ever leaves a link, whatever the peer says."""

    async def main() -> None:
        async with in_memory(*pieces) as pair:
            with pytest.raises((Malformed, Truncated)):
                await pair.ask()

    trio.run(main)


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6))
def test_any_garbage_for_a_body_is_an_upstream_error(pieces: list[bytes]) -> None:
    """The same behind a good head: chunks end exactly, or it is an error."""

    async def main() -> None:
        async with in_memory(CHUNKED, *pieces) as pair:
            await pair.ask()
            try:
                await pair.body()
            except (Malformed, Truncated):
                assert not pair.link.done
            else:
                assert pair.link.done

    trio.run(main)


async def test_a_large_request_arrives_whole_and_the_link_is_free_after_it() -> None:
    """Sent by a task in pieces, over a real socket whose buffers are smaller than it."""
    seen: list[int] = []

    async def serve(peer: Peer) -> None:
        for _ in range(2):
            _, body = await peer.request()
            seen.append(len(body))
            await peer.say(OK)

    async with on_loopback(serve) as pair:
        for _ in range(2):
            await pair.ask(LARGE)
            assert await pair.body() == b"ok"
            await pair.link.settle()
            assert pair.state == "free"
    assert seen == [len(LARGE.body)] * 2


async def test_what_the_kernel_takes_at_once_needs_no_task() -> None:
    """What fits into its buffers whoever asks sends himself; what does not is a task's."""

    async def never(peer: Peer) -> None:
        await trio.sleep_forever()

    for size, tasks in ((AT_ONCE + 1, 0), (50_000_000, 1)):
        async with on_loopback(never) as pair:
            before = len(pair.tasks.child_tasks)
            pair.tasks.start_soon(pair.ask, attrs.evolve(POST, body=b"x" * size))
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(pair.tasks.child_tasks) == before + 1 + tasks
            pair.tasks.cancel_scope.cancel()


async def test_an_early_answer_is_read_while_we_still_send() -> None:
    """413 before the body was taken: it is received, the rest stays unsent, the link is spent (row 49)."""

    async def refuse(peer: Peer) -> None:
        while b"\r\n\r\n" not in await peer.stream.receive_some(1000):
            pass
        await peer.say(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 7\r\n\r\n", b"too big")

    async with on_loopback(refuse) as pair:
        assert await pair.ask(attrs.evolve(POST, body=b"x" * 50_000_000)) == 413
        assert await pair.body() == b"too big"
        assert pair.state == "unfinished"  # one piece is stuck in the socket
        with trio.move_on_after(0.05) as scope:
            await pair.link.settle()
        assert scope.cancelled_caught
    assert pair.state == "spent"


async def test_an_early_answer_to_a_server_that_reads_on_stops_the_upload(pair: Pair) -> None:
    """What is unsent when the answer comes stays unsent."""
    taken = 0

    async def take_slowly() -> None:
        nonlocal taken
        taken += 1
        if taken == 2:
            await pair.peer.say(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()

    pair.sender.send_all_hook = take_slowly
    assert await pair.ask(LARGE) == 401
    await pair.link.settle()
    assert taken == 2
    assert pair.state == "spent"


async def test_a_server_that_answers_and_closes_while_we_send_is_heard() -> None:
    """The write fails; the answer that came before it counts."""

    async def refuse_and_close(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nbad")
        assert isinstance(peer.stream, trio.SocketStream)
        await peer.stream.send_eof()
        await trio.sleep_forever()

    async with on_loopback(refuse_and_close) as pair:
        await trio.sleep(0.01)
        assert await pair.ask() == 400
        assert await pair.body() == b"bad"


async def test_a_body_at_the_edge_of_one_write_needs_no_task(pair: Pair) -> None:
    """Small requests pay for no nursery; one byte more does."""
    for size, tasks in ((AT_ONCE, 0), (AT_ONCE + 1, 1)):
        await pair.peer.say(OK)
        before = len(pair.tasks.child_tasks)
        seen: list[int] = []

        async def count(seen: list[int] = seen) -> None:
            seen.append(len(pair.tasks.child_tasks))

        pair.sender.send_all_hook = count
        await pair.ask(attrs.evolve(POST, body=b"x" * size))
        await pair.body()
        await pair.link.settle()
        assert set(seen) == {before + tasks}


async def test_a_call_that_cannot_be_written_sends_nothing(pair: Pair) -> None:
    """ValueError before the first byte, and the link is as good as before."""
    with pytest.raises(ValueError, match="x-api-key"):
        await pair.ask(attrs.evolve(POST, headers=[(b"x-api-key", b"a\r\nb")]))
    assert pair.state == "free"
    await pair.peer.say(OK)
    assert await pair.ask() == 200


async def test_settling_reads_little(pair: Pair) -> None:
    """An unwanted body is read to its end if that is near, else it is given up."""
    await pair.peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b"x" * 10)
    await pair.ask()
    await pair.peer.say(b"x" * 990)
    await pair.link.settle()
    assert pair.state == "free"
    await pair.peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n", b"x" * (3 * DRAIN))
    await pair.ask()
    await pair.link.settle()
    assert pair.state == "unfinished"


async def flowed(pair: Pair, most: int) -> list[bytes]:
    """What flows, up to *most* pieces."""
    got: list[bytes] = []

    def take(piece: bytes) -> bool:
        got.append(piece)
        return len(got) < most

    await pair.link.flow(take)
    return got


async def test_a_reply_flows_as_long_as_it_is_wanted() -> None:
    """What came with the head, and each read as it comes; then it may be received, and flow again, to its exact end."""
    turns = [trio.Event() for _ in range(4)]

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + b"1\r\na\r\n")
        for turn, piece in zip(
            turns, (b"1\r\nb\r\n1\r\nc\r\n", b"2\r\nd", b"e\r\n", b"1\r\nf\r\n0\r\n\r\n"), strict=True
        ):
            await turn.wait()
            await peer.say(piece)

    async with on_loopback(serve) as pair:
        await pair.ask()
        assert await flowed(pair, 1) == [b"a"]
        turns[0].set()
        assert await flowed(pair, 1) == [b"bc"]
        turns[1].set()
        assert await pair.link.receive() == b"d"
        turns[2].set()
        turns[3].set()
        assert b"".join(await flowed(pair, 9)) == b"ef"
        assert (pair.link.done, pair.state) == (True, "free")
        assert (await flowed(pair, 9), await pair.link.receive()) == ([], b"")


@pytest.mark.parametrize(
    ("last_words", "error"), [(b"", Truncated), (b"oh no", Malformed), (None, Truncated)], ids=["end", "junk", "reset"]
)
async def test_what_breaks_a_flow_is_told_as_ever(last_words: bytes | None, error: type[Exception]) -> None:
    """A connection that ends or is reset, and what is no chunk; what came before has been given."""

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + b"1\r\na\r\n")
        await trio.testing.wait_all_tasks_blocked(0.001)
        if last_words:
            await peer.say(last_words)
        elif last_words is None:
            assert isinstance(peer.stream, trio.SocketStream)
            peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await peer.hang_up()

    got: list[bytes] = []

    def take(piece: bytes) -> bool:
        got.append(piece)
        return True

    async def read(link: Http1) -> None:
        await link.flow(take)
        await link.receive()

    async with on_loopback(serve) as pair:
        await pair.ask()
        with pytest.raises(error):
            await read(pair.link)
        assert got == [b"a"]


async def test_a_flow_that_dries_up_is_late(autojump_clock: trio.testing.MockClock) -> None:
    """The timer of a silent upstream runs from what came last, and only while more is awaited."""
    deadline = Deadline(attrs.evolve(USUAL, idle=4))

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + b"1\r\na\r\n")
        for _ in range(3):
            await trio.sleep(3)
            await peer.say(b"1\r\nb\r\n")

    async with on_loopback(serve) as pair:
        await pair.link.ask(POST, deadline, pair.tasks)
        with deadline.scope:
            assert await flowed(pair, 3) == [b"a", b"b", b"b"]
            await trio.sleep(100)
            await flowed(pair, 9)
        assert deadline.scope.cancelled_caught
        assert trio.current_time() == pytest.approx(6 + 100 + 4, abs=0.1)
        deadline.end()


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
async def test_a_free_link_is_dead_once_its_socket_is_readable(last_words: bytes) -> None:
    """EOF and unasked bytes look the same, and mean the same: don't use it."""
    idle, said = trio.Event(), trio.Event()

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await idle.wait()
        await (peer.say(last_words) if last_words else peer.hang_up())
        said.set()

    async with on_loopback(serve) as pair:
        await pair.all_of()
        assert await pair.link.alive()
        idle.set()
        await said.wait()
        assert not await pair.link.alive()


async def test_closing_waits_for_nobody(pair: Pair) -> None:
    """In a cancelled scope too, and the peer sees it."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await pair.link.close()
    assert await pair.peer.gone()
    await pair.link.close()
