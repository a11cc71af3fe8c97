"""The channels of the line: what is written together, and what ends a reply."""

import trio

from pipeline.events import Batch, Failed, Finished, Heartbeat, Started, TextDelta
from pipeline.outlet import DEPTH, GATHER, Outlet, gathered, pump
from tests.doubles import Kept


async def test_small_batches_that_wait_are_written_together() -> None:
    """Up to a bound, in their order."""
    send, receive = trio.open_memory_channel[Batch](DEPTH)
    with send, receive:
        outlet = Outlet(send)
        await outlet.send([TextDelta(0, "b")])
        await outlet.send([TextDelta(0, "c", frame=b"x" * GATHER)])
        await outlet.send([TextDelta(0, "d")])
        together = gathered([TextDelta(0, "a")], receive)
        assert [event.piece for event in together if isinstance(event, TextDelta)] == ["a", "b", "c"]


async def test_a_beat_behind_the_end_is_not_written_with_it() -> None:
    """The end is last in its batch: that is how the sink knows it."""
    send, receive = trio.open_memory_channel[Batch](DEPTH)
    with send, receive:
        Outlet(send).send_nowait([Heartbeat()])
        assert gathered([TextDelta(0, "a"), Finished()], receive) == [TextDelta(0, "a"), Finished()]
        assert gathered([TextDelta(0, "a")], receive) == [TextDelta(0, "a"), Heartbeat()]


async def test_a_channel_that_ends_without_an_end_is_a_failure() -> None:
    """The sink is told what to tell."""
    send, receive = trio.open_memory_channel[Batch](DEPTH)
    kept = Kept()
    with send:
        await Outlet(send).send([Started("r1", "m")])
    await pump(receive, kept)
    assert [type(event) for event in kept.events] == [Started, Failed]
