"""Whatever a client says in frames, in whatever order, the server's answer is never a crash."""

import struct
from contextlib import suppress

import trio
import trio.testing
from hyperframe.frame import SettingsFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.transports.dialogue import echo
from tests.transports.http2_client import LIMITS
from transports.http2 import serve_http2
from transports.http2_codec import PREFACE
from transports.http2_fields import PlainFields
from transports.messages import Connection, Request, Response


def heads() -> st.SearchStrategy[bytes]:
    """Header blocks: good ones, trailers, rubbish."""
    good = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", b"/")]
    blocks = [good, good, [*good, (b"content-length", b"3")], [(b"t", b"v")], [(b":status", b"100")], []]
    return st.sampled_from([PlainFields().encode(block) for block in blocks]) | st.binary(max_size=20)


def frames() -> st.SearchStrategy[bytes]:
    """One frame, likely of a sensible form, or not."""
    streams = st.sampled_from([1, 3, 5, 7, 9, 2, 0])
    flags = st.sampled_from([0, 0x1, 0x4, 0x5, 0x25, 0x2D])
    payloads = {
        0: st.binary(max_size=9),
        1: heads(),
        3: st.just(bytes(4)),
        4: st.sampled_from([b"", b"\x00\x04\x00\x00\x00\x01", b"\x00\x01\x00\x00\x00\x00"]),
        6: st.just(bytes(8)),
        7: st.sampled_from([bytes(8), bytes(7) + b"\x01"]),
        8: st.sampled_from([b"\x00\x00\x00\x01", b"\x7f\xff\xff\xff", bytes(4)]),
        9: heads(),
        77: st.binary(max_size=9),
    }

    def frame(kind: int) -> st.SearchStrategy[bytes]:
        number = st.sampled_from([0, 0, 1]) if kind in (4, 6, 7) else streams
        return st.builds(
            lambda flags, number, payload: struct.pack(">LBL", len(payload) << 8 | kind, flags, number) + payload,
            st.just(0) if kind == 4 else flags,
            number,
            payloads[kind],
        )

    return st.sampled_from([0, 0, 1, 1, 1, 3, 4, 6, 7, 8, 9, 77]).flatmap(frame)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(frames(), max_size=8), max_size=6))
def test_nothing_a_client_says_is_our_crash(reads: list[list[bytes]]) -> None:
    """Whatever frames come in whatever order: handlers end, the server returns, nothing is raised."""
    crashes: list[BaseException] = []
    running = 0

    async def handler(request: Request, response: Response) -> None:
        nonlocal running
        running += 1
        try:
            await echo(request, response)
        finally:
            running -= 1

    async def main() -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_http2, theirs, Connection(on_crash=crashes.append), handler, LIMITS)
            with suppress(trio.BrokenResourceError):
                await ours.send_all(PREFACE + SettingsFrame(0).serialize())
                for read in reads:
                    await ours.send_all(b"".join(read))
                    await trio.testing.wait_all_tasks_blocked()
            await ours.aclose()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert (crashes, running) == ([], 0)
