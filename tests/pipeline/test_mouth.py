"""Where a streamed reply leaves the line: what is written at once, what waits, and that nothing is overtaken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events import Batch, Failed, Finished, Heartbeat, Started, TextDelta
from pipeline.mouth import Mouth
from pipeline.outlet import DEPTH, Enough
from tests.doubles import Kept, said
from transports.messages import Disconnected


class Brisk(Kept):
    """A sink that takes a batch at once as often as *moods* say so; ``part``: its bytes have to wait."""

    def __init__(self, moods: Iterator[str]) -> None:
        super().__init__()
        self.moods, self.flushed, self._open = moods, 0, False

    def send_now(self, batch: Batch) -> Batch | None:
        assert not self._open, "who writes at once does not do so beside a write that waits"
        mood = next(self.moods, "now")
        if mood == "waits" or batch[-1].terminal:
            return batch
        self.events += batch
        return None if mood == "now" else []

    async def send(self, batch: Batch) -> None:
        self._open = True
        await super().send(batch)
        self.flushed += not batch
        self._open = False


@contextmanager
def mouth(sink: Any, nursery: trio.Nursery) -> Iterator[tuple[Mouth, list[str]]]:
    ended: list[str] = []
    yield Mouth(sink, nursery, ended=lambda: ended.append("ended")), ended


async def test_what_was_to_wait_is_written_also_where_nothing_waits_any_more(nursery: trio.Nursery) -> None:
    """The channel is emptied, and its task gone, before who brought the batch comes to wait for it."""
    sink = Brisk(iter(["waits"]))
    with mouth(sink, nursery) as (out, _):
        pieces = "abcdefgh"
        rests = [rest for piece in pieces[: DEPTH + 1] if (rest := out.push([TextDelta(0, piece)])) is not None]
        assert len(rests) == 1
        await trio.testing.wait_all_tasks_blocked()
        assert (said(sink.events), len(nursery.child_tasks)) == (pieces[:DEPTH], 0)
        await rests[0]
        await out.send([Finished()])
        await out.finish()
        assert said(sink.events) == pieces[: DEPTH + 1] + "."


async def test_a_client_that_keeps_up_is_written_to_by_who_brings_the_batch(nursery: trio.Nursery) -> None:
    """No task, no channel; the end is written by one, which then is gone."""
    sink = Brisk(iter([]))
    with mouth(sink, nursery) as (out, ended):
        for piece in "abc":
            await out.send([TextDelta(0, piece)])
        assert (said(sink.events), out.waiting, len(nursery.child_tasks)) == ("abc", 0, 0)
        await out.send([Finished()])
        await out.finish()
        assert (said(sink.events), ended, len(nursery.child_tasks)) == ("abc.", ["ended"], 0)
        with pytest.raises(Enough):
            await out.send([TextDelta(0, "late")])


async def test_what_has_to_wait_holds_its_sender_back_when_the_channel_is_full(
    nursery: trio.Nursery, autojump_clock: Any
) -> None:
    """DEPTH batches and the one that is being written, each as large as a read."""

    class Stuck(Kept):
        async def send(self, batch: Batch) -> None:
            await trio.sleep_forever()

    sent = []
    with mouth(Stuck(), nursery) as (out, _), trio.move_on_after(5):
        for number in range(100):
            await out.send([TextDelta(0, str(number), frame=b"x" * 65536)])
            sent.append(number)
    assert (len(sent), out.waiting) == (DEPTH + 1, DEPTH)
    nursery.cancel_scope.cancel()


async def test_a_client_that_is_waited_for_again_and_again_keeps_its_task(nursery: trio.Nursery) -> None:
    """Starting one for each batch would cost more than a hop; one that was waited for once does not."""
    for moods, tasks in ((["waits"] * 10, [0, *[1] * 9]), (["waits", "now"] * 5, [0] * 10)):
        sink, kept = Brisk(iter(moods)), []
        with mouth(sink, nursery) as (out, _):
            for piece in "abcdefghij":
                await out.send([TextDelta(0, piece)])
                await trio.testing.wait_all_tasks_blocked()
                kept.append(len(nursery.child_tasks))
            await out.send([Finished()])
            await out.finish()
        assert (said(sink.events), kept) == ("abcdefghij.", tasks)


async def test_a_beat_is_written_at_once_or_behind_what_waits(nursery: trio.Nursery) -> None:
    """Never beside it; with no room, or after the end, it is let be."""
    sink = Brisk(iter(["now", "waits"]))
    with mouth(sink, nursery) as (out, _):
        out.send_nowait([Heartbeat()])
        await out.send([TextDelta(0, "a")])
        for _ in range(DEPTH + 3):
            out.send_nowait([Heartbeat()])
        await out.send([Finished()])
        await out.finish()
        out.send_nowait([Heartbeat()])
    kinds = [type(event) for event in sink.events]
    assert kinds == [Heartbeat, TextDelta, *[Heartbeat] * (DEPTH - 1), Finished]


async def test_a_reply_without_its_end_gets_one(nursery: trio.Nursery) -> None:
    """Whether something waited or not."""
    for mood in ("now", "waits"):
        sink = Brisk(iter([mood]))
        with mouth(sink, nursery) as (out, ended):
            await out.send([Started("r1", "m")])
            await out.finish()
        assert ([type(event) for event in sink.events], ended) == ([Started, Failed], ["ended"])


async def test_a_client_that_goes_ends_the_exchange(autojump_clock: Any) -> None:
    """It is found out when something has to wait for it."""

    class Gone(Kept):
        async def send(self, batch: Batch) -> None:
            raise Disconnected

    async with trio.open_nursery() as nursery:
        with mouth(Gone(), nursery) as (out, ended):
            await out.send([TextDelta(0, "a")])
            await trio.sleep_forever()
    assert nursery.cancel_scope.cancel_called
    assert not ended


@settings(max_examples=60, deadline=None)
@given(
    moods=st.lists(st.sampled_from(["now", "waits", "part"]), max_size=12), rests=st.lists(st.booleans(), max_size=12)
)
def test_nothing_overtakes_and_nothing_is_lost(moods: list[str], rests: list[bool]) -> None:
    """However the client reads, and however the turns of the tasks fall."""

    async def main() -> None:
        sink, text = Brisk(iter(moods)), "abcdefghijkl"
        async with trio.open_nursery() as nursery:
            with mouth(sink, nursery) as (out, _):
                for number, piece in enumerate(text):
                    await out.send([TextDelta(0, piece)])
                    if rests[number : number + 1] == [True]:
                        await trio.testing.wait_all_tasks_blocked()
                await out.send([Finished()])
                await out.finish()
        assert said(sink.events) == text + "."

    trio.run(main)
