"""Floods: each is ended with ENHANCE_YOUR_CALM, soon, while busy and honest clients are left alone."""

from collections.abc import Callable

import pytest
import trio
from h2.errors import ErrorCodes
from h2.events import DataReceived
from h2.settings import Settings
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from trio.testing import MockClock

from tests.transports.dialogue import answer, echo, whole
from tests.transports.http2_client import Client, visit
from transports.http2_abuse import CONTROL_FRAMES, CONTROL_SECONDS, EMPTY_FRAMES, RESET_SECONDS, RESETS, Budget, Flooded
from transports.messages import Head, Request, Response

CALM = ErrorCodes.ENHANCE_YOUR_CALM


def times(count: int, act: Callable[[], None]) -> int:
    """How often *act* went well, of *count*."""
    for done in range(count):
        try:
            act()
        except Flooded:
            return done
    return count


def test_control_frames_have_a_budget_that_work_refills() -> None:
    """A thousand in ten seconds, four more for everything that gets done, all anew in the next ten."""
    budget = Budget(0.0)
    budget.worked()
    assert times(2000, budget.frame) == CONTROL_FRAMES + 4
    budget.tick(CONTROL_SECONDS - 0.1)
    assert times(1, budget.frame) == 0
    budget.tick(CONTROL_SECONDS)
    assert times(2000, budget.frame) == CONTROL_FRAMES


def test_resets_must_be_many_and_most() -> None:
    """Two hundred are nobody's business, nor is a minority; a majority of more is."""
    budget = Budget(0.0)
    assert times(1000, budget.reset) == RESETS
    budget.tick(RESET_SECONDS)
    for _ in range(1000):
        budget.opened()
    assert times(1000, budget.reset) == 500


def test_data_without_data_is_counted_in_a_row() -> None:
    """One byte starts the count anew."""
    budget = Budget(0.0)
    assert times(1000, lambda: budget.data(0)) == EMPTY_FRAMES
    budget.data(1)
    assert times(1000, lambda: budget.data(0)) == EMPTY_FRAMES


SETTINGS = SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 70_000})


@pytest.mark.parametrize(
    "frame",
    [
        PingFrame(0, opaque_data=b"12345678"),
        PingFrame(0, opaque_data=b"12345678", flags=["ACK"]),
        SETTINGS,
        SettingsFrame(0, flags=["ACK"]),
        WindowUpdateFrame(0, window_increment=1),
        PriorityFrame(77, depends_on=0, stream_weight=3),
        ExtensionFrame(type=0x77, stream_id=0, body=b""),
    ],
    ids=["PING", "PING ACK", "SETTINGS", "SETTINGS ACK", "WINDOW_UPDATE", "PRIORITY", "unknown"],
)
async def test_a_flood_of_control_frames(frame: Frame, autojump_clock: MockClock) -> None:
    """Rows 29, 31: a thousand that get nothing done are taken, not two thousand."""
    async with visit(echo) as client:
        await client.flush(*[frame] * (CONTROL_FRAMES - 20))
        assert (await client.reply(client.ask())).status == 200
        await client.flush(*[frame] * CONTROL_FRAMES)
        assert await client.ended() == CALM


async def test_a_priority_flood_costs_no_memory_per_stream(autojump_clock: MockClock) -> None:
    """Row 31: a thousand different streams named by PRIORITY leave nothing behind; the connection serves on."""
    async with visit(echo) as client:
        await client.flush(*[PriorityFrame(2 * number + 1, depends_on=0) for number in range(900)])
        assert (await client.reply(client.ask())).status == 200


async def test_rapid_reset(autojump_clock: MockClock) -> None:
    """Row 26 (CVE-2023-44487): streams opened and reset; no handler is left running, and it ends soon."""
    running: set[str] = set()
    calls = 0

    async def handler(request: Request, _response: Response) -> None:
        nonlocal calls
        calls += 1
        running.add(request.target)
        try:
            await trio.sleep_forever()
        finally:
            running.discard(request.target)

    async with visit(handler) as client:
        while not client.cut_off and len(client.heard) < 1000:
            asked = client.ask(path=f"/{len(client.heard)}")
            await client.flush()
            client.h2.reset_stream(asked, ErrorCodes.CANCEL)
            await client.flush()
        assert len(client.heard) <= RESETS + 2
        assert await client.ended() == CALM
        assert not running
    assert calls <= RESETS + 1


@pytest.mark.parametrize("way", ["a window that overflows", "a wrong length", "a malformed head"])
async def test_resets_of_ours_count_too(way: str, autojump_clock: MockClock) -> None:
    """Row 27 (CVE-2025-8671): a client that makes us reset its streams is a client that resets them."""
    async with visit(whole_forever) as client:
        while not client.closed and len(client.heard) < 1000:
            more = [("connection", "close")] if way == "a malformed head" else [("content-length", "1")]
            asked = client.ask("POST", "/", *more, end=False)
            if way == "a window that overflows":
                await client.flush(WindowUpdateFrame(asked, window_increment=2**31 - 1))
            else:
                await client.flush(DataFrame(asked, data=b"two"))
            await client.hear()
        assert len(client.heard) <= RESETS + 2
        assert await client.ended() == CALM


async def whole_forever(request: Request, _response: Response) -> None:
    """Read, and never answer."""
    await whole(request)
    await trio.sleep_forever()


async def test_an_honest_client_cancels_now_and_then(autojump_clock: MockClock) -> None:
    """Hundreds of resets among more requests that were let finish are no attack."""

    async def handler(request: Request, response: Response) -> None:
        if request.target == "/slow":
            await trio.sleep_forever()
        await answer(response, b"")

    async with visit(handler) as client:
        for _ in range(300):
            slow = client.ask(path="/slow")
            for _ in range(2):
                await client.reply(client.ask())
            client.h2.reset_stream(slow)
        assert (await client.reply(client.ask())).status == 200


async def test_streams_refused_in_a_race_are_no_attack(autojump_clock: MockClock) -> None:
    """A client that opens 400 before it knows the limit gets 300 refusals, and its hundred answers."""

    async def handler(_request: Request, response: Response) -> None:
        await trio.sleep(1)
        await answer(response, b"")

    async with visit(handler) as client:
        client.h2.remote_settings = Settings(client=False)  # as if the server's limit had not arrived
        asked = [client.ask() for _ in range(400)]
        heard = [await client.reply(number) for number in asked]
        assert sum(each.reset == ErrorCodes.REFUSED_STREAM for each in heard) == 300
        assert sum(each.status == 200 for each in heard) == 100


async def test_a_flood_of_empty_data(autojump_clock: MockClock) -> None:
    """Row 30: DATA that carries nothing, padded or not, is taken a hundred times."""
    for padding in (0, 5):
        async with visit(whole_forever) as client:
            asked = client.ask("POST", "/", end=False)
            frame = DataFrame(asked, pad_length=padding, flags=["PADDED"] if padding else [])
            await client.flush(*[frame] * EMPTY_FRAMES)
            assert not client.goaways
            await client.flush(frame)
            assert await client.ended() == CALM


@pytest.mark.parametrize(("size", "count"), [(0, 16), (16_000, 5)])
async def test_a_flood_of_continuation(size: int, count: int, autojump_clock: MockClock) -> None:
    """Row 28 (CVE-2024-30255): a header block has at most 16 frames and 64 KiB, empty ones included."""
    async with visit(echo) as client:
        await client.flush(HeadersFrame(1, data=b"\x82"), *[ContinuationFrame(1, data=bytes(size))] * count)
        assert await client.ended() == CALM


async def test_a_busy_download_is_not_a_flood(autojump_clock: MockClock) -> None:
    """Two window updates for each frame of a long stream are what reading looks like."""

    async def handler(_request: Request, response: Response) -> None:
        await response.start(Head(200))
        for _ in range(3000):
            await response.write(bytes(100))
        await response.finish()

    async with visit(handler) as client:
        client.acknowledges = False
        asked = client.ask()
        heard = client.heard[asked]
        await client.flush()
        while not heard.ended:
            before = len(client.events)
            await client.hear()
            assert not client.closed
            for event in client.events[before:]:
                if isinstance(event, DataReceived) and event.data:
                    client.h2.increment_flow_control_window(len(event.data))
                    if not heard.ended:
                        client.h2.increment_flow_control_window(len(event.data), asked)
            await client.flush()
        assert len(heard.body) == 300_000
        assert not client.goaways


async def test_a_hpack_bomb_is_not_unpacked(autojump_clock: MockClock) -> None:
    """Row 32: a few bytes that stand for megabytes of fields end the connection, without the megabytes."""
    async with visit(echo) as client:
        await bomb(client)
        assert await client.ended() == CALM


async def bomb(client: Client) -> None:
    """One field of 3,000 bytes, then three thousand references to it."""
    literal = b"\x40\x01x" + b"\x7f" + bytes((3000 - 127 & 0x7F | 0x80, (3000 - 127) >> 7)) + b"y" * 3000
    await client.flush(HeadersFrame(1, data=literal + b"\xbe" * 3000, flags=["END_HEADERS", "END_STREAM"]))
