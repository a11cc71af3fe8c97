"""What the engine promises: every promise has a test here or in the file of the part that keeps it."""

import contextlib
import functools
import gc
import warnings
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Forbidden, InternalError, UpstreamFailed, UpstreamTruncated
from pipeline.events import (
    BlockStarted,
    Failed,
    Finished,
    Heartbeat,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    reads,
)
from pipeline.heartbeat import Heart
from pipeline.line import DEPTH, Line, conduct
from pipeline.outlet import Outlet
from tests.doubles import Kept, Recorder, exchange, refusal, said, words
from transports.messages import Disconnected


def emit(*batches: Any, every: float = 0) -> Any:
    """A source of *batches*, one every so many seconds."""

    async def source(exchange: Any, out: Any) -> None:
        for number, batch in enumerate(batches):
            if number:
                await trio.sleep(every)
            await out.send(list(batch))

    return source


async def run(
    stages: Any, source: Any, *, streaming: bool = True, sink: Any = None, heart: Any = None, x: Any = None
) -> Any:
    """Conduct one exchange and give the sink."""
    kept = sink or Kept()
    named = tuple((getattr(stage, "__name__", type(stage).__name__), stage) for stage in stages)
    line = Line(named, source, lambda exchange, response: kept)
    await conduct(x or exchange(streaming=streaming), line, Recorder(), heart or Heart(10))
    return kept


async def forever(exchange: Any, out: Any) -> None:
    """A source that never says a word."""
    await trio.sleep_forever()


def mark(letter: str) -> Any:
    """A stage whose transform appends *letter* to every piece of text."""

    def stage(exchange: Any) -> Any:
        return lambda event: [TextDelta(0, event.piece + letter)] if isinstance(event, TextDelta) else None

    return stage


def slow(exchange: Any) -> Any:
    """A stage that waits on the way down: passes batches on as they are."""

    async def transform(batches: Any, out: Any) -> None:
        async for batch in batches:
            await out.send(batch)

    return transform


both = pytest.mark.parametrize("streaming", [True, False])


@both
async def test_every_form_of_stage_takes_part_and_the_reply_passes_them_in_reverse(
    streaming: bool, autojump_clock: Any
) -> None:
    """Plain, waiting, returning, yielding, configured and task-owning stages, in one line."""
    log = []

    def plain(exchange: Any) -> None:
        log.append("plain")

    async def waits(exchange: Any) -> None:
        await trio.sleep(3)
        log.append("waits")

    def yields(exchange: Any) -> Any:
        yield mark("y")(exchange)
        log.append("after")

    async def own_task(exchange: Any) -> Any:
        async def transform(batches: Any, out: Any) -> None:
            async for batch in batches:
                await trio.sleep(1)
                await out.send([TextDelta(0, e.piece + "t") if isinstance(e, TextDelta) else e for e in batch])

        return transform

    @attrs.frozen
    class Configured:
        letter: str

        def __call__(self, exchange: Any) -> Any:
            return mark(self.letter)(exchange)

    stages = [Configured("C"), plain, yields, waits, own_task, mark("r")]
    kept = await run(stages, emit(words("a", "b")), streaming=streaming)
    assert said(kept.events) == "artyCbrtyC."
    assert log == ["plain", "waits", "after"]


async def test_a_client_that_goes_cancels_the_upstream_and_tails_run(autojump_clock: Any) -> None:
    """Cancellation from outside reaches the source; what follows a yield runs, and sees what was counted."""
    log: list[Any] = []

    def meter(exchange: Any) -> Any:
        seen = 0

        def transform(event: Any) -> None:
            nonlocal seen
            seen += 1

        try:
            yield transform
        finally:
            log.append(("booked", seen))

    async def source(exchange: Any, out: Any) -> None:
        try:
            while True:
                await out.send([TextDelta(0, "x")])
                await trio.sleep(1)
        finally:
            log.append("upstream closed")

    with trio.move_on_after(5.5):
        await run([meter], source)
    assert log == ["upstream closed", ("booked", 6)]


async def test_a_client_that_breaks_while_written_to_is_a_client_that_went(autojump_clock: Any) -> None:
    """Disconnected from the sink ends the exchange quietly, upstream cancelled, tails run."""
    log = []

    class Broken(Kept):
        async def send(self, batch: Any) -> None:
            raise Disconnected

    def stage(exchange: Any) -> Any:
        try:
            yield
        finally:
            log.append("tail")

    async def source(exchange: Any, out: Any) -> None:
        await out.send([TextDelta(0, "x")])
        await trio.sleep_forever()

    await run([stage], source, sink=Broken())
    await run([stage], emit(words("a")), sink=Broken(), streaming=False)
    assert log == ["tail", "tail"]


async def test_backpressure_is_bounded(autojump_clock: Any) -> None:
    """A sink that stops reading stops the source; with reads of 64 KiB less than 512 KiB are held."""
    sent = []
    read = b"x" * 65536

    class Stuck(Kept):
        async def send(self, batch: Any) -> None:
            await trio.sleep_forever()

    async def source(exchange: Any, out: Any) -> None:
        for number in range(1000):
            await out.send([TextDelta(0, str(number), frame=read)])
            sent.append(read)

    with trio.move_on_after(10):
        await run([], source, sink=Stuck())
    assert DEPTH <= len(sent) <= DEPTH + 1
    assert (len(sent) + 1) * len(read) < 512 * 1024


async def test_pings_come_within_the_period_of_silence(autojump_clock: Any, nursery: Any) -> None:
    """A ping is due one period after the last write (a bound, not an average), and only in silence."""
    heart = Heart(10)
    nursery.start_soon(heart.run)
    kept = await run([], emit(words("a")[:-1], [TextDelta(0, "b")], [Finished()], every=19), heart=heart)
    beats = [at for event, at in zip(kept.events, kept.times, strict=True) if isinstance(event, Heartbeat)]
    assert [round(beat) for beat in beats] == [10, 29]


async def test_pings_flow_while_a_stage_waits_on_the_way_up(autojump_clock: Any, nursery: Any) -> None:
    """The sink and its channel start before the first stage is called (promise 1)."""
    heart = Heart(10)
    nursery.start_soon(heart.run)

    async def queue(exchange: Any) -> None:
        await trio.sleep(35)

    kept = await run([queue], emit(words("b")), heart=heart)
    assert [type(event) for event in kept.events[:4]] == [Heartbeat, Heartbeat, Heartbeat, Started]


async def test_a_beat_on_a_closed_or_broken_or_full_channel_is_ignored() -> None:
    """A closing reply never harms another (promise 4)."""
    for close_sender in (True, False):
        send, receive = trio.open_memory_channel[Any](1)
        (send if close_sender else receive).close()
        Outlet(send).send_nowait([Heartbeat()])
        receive.close()
        send.close()
    send, receive = trio.open_memory_channel[Any](0)
    with send, receive:
        Outlet(send).send_nowait([Heartbeat()])


@both
async def test_enough_inside_a_nursery_is_not_a_broken_reply(streaming: bool) -> None:
    """Downstream being done is never mistaken for a failure, also when a group wraps it (promise 6)."""

    async def source(exchange: Any, out: Any) -> None:
        async with trio.open_nursery():
            while True:
                await out.send([Finished()])

    kept = await run([], source, streaming=streaming)
    assert said(kept.events) == "."


async def test_a_stage_ends_the_reply_and_the_upstream_stops() -> None:
    """A terminal event from a transform stops the source, and nothing passes a stage after it (promise 3)."""
    seen, log = [], []

    def meter(exchange: Any) -> Any:
        return seen.append

    def budget(exchange: Any) -> Any:
        left = 2

        def transform(event: Any) -> Any:
            nonlocal left
            left -= 1
            yield event
            if left == 0:
                yield Finished("max_tokens")

        return transform

    async def source(exchange: Any, out: Any) -> None:
        try:
            while True:
                await out.send([TextDelta(0, "a"), TextDelta(0, "b"), TextDelta(0, "c")])
        finally:
            log.append("stopped")

    kept = await run([meter, budget], source)
    assert kept.events == seen == [TextDelta(0, "a"), TextDelta(0, "b"), Finished("max_tokens")]
    assert log == ["stopped"]


@pytest.mark.parametrize("waiting", [False, True])
async def test_an_end_that_is_written_stops_the_source_and_is_no_failure_to_tails(waiting: bool) -> None:
    """What waits for an upstream that has more to say is cancelled; tails run as after any reply, and may wait."""
    log: list[str] = []

    async def passing(batches: Any, out: Any) -> None:
        async for batch in batches:
            await out.send(batch)

    async def tailed(exchange: Any) -> Any:
        yield passing if waiting else None
        await trio.lowlevel.checkpoint()
        log.append("well")

    async def source(exchange: Any, out: Any) -> None:
        exchange.end("max_tokens")
        await out.send([TextDelta(0, "a")])
        await trio.sleep_forever()

    kept = await run([tailed], source)
    assert (kept.events, log) == ([TextDelta(0, "a"), Finished("max_tokens")], ["well"])


@both
async def test_a_stage_may_end_the_reply_by_its_exchange(streaming: bool) -> None:
    """exchange.end(reason): the batch in hand passes, then the reply finishes in the grammar (promise 14)."""

    def cut(exchange: Any) -> Any:
        def transform(event: Any) -> None:
            if isinstance(event, TextDelta) and event.piece == "b":
                exchange.end("max_tokens")

        return transform

    kept = await run([cut], emit([TextDelta(0, "a")], [TextDelta(0, "b")], [TextDelta(0, "c")]), streaming=streaming)
    assert kept.events == [TextDelta(0, "a"), TextDelta(0, "b"), Finished("max_tokens")]


@both
async def test_an_early_return_before_a_yield_and_partials_work(streaming: bool) -> None:
    """The result is looked at, not the function (promise 5)."""

    def off(exchange: Any) -> Any:
        if exchange.operation == "reply":
            return
        yield mark("?")(exchange)

    def times(exchange: Any, letter: str) -> Any:
        yield mark(letter)(exchange)

    async def waiting(exchange: Any) -> Any:
        if exchange.operation == "reply":
            return
        yield

    kept = await run([off, waiting, functools.partial(times, letter="2")], emit(words("a")), streaming=streaming)
    assert said(kept.events) == "a2."


@both
async def test_a_refusal_on_the_way_up_passes_the_transforms_entered_so_far(streaming: bool) -> None:
    """What a stage raises becomes the reply, and meter sees it."""
    seen: list[Any] = []

    def meter(exchange: Any) -> Any:
        return seen.append

    kept = await run([meter, refusal(Forbidden("no")), mark("x")], emit(words("a")), streaming=streaming)
    assert said(kept.events) == said(seen) == "!Forbidden"


@both
async def test_a_bug_reaches_the_client_as_an_event_without_its_cause(streaming: bool) -> None:
    """Stage, transform and source may break: the reply says internal error and no more."""

    def broken(exchange: Any) -> Any:
        raise ZeroDivisionError("secret")

    def breaks(exchange: Any) -> Any:
        return lambda event: event / 0

    async def dies(exchange: Any, out: Any) -> None:
        await out.send([TextDelta(0, "a")])
        raise KeyError("secret")

    for stages, source in (([broken], emit(words("a"))), ([breaks], emit(words("a"))), ([], dies)):
        kept = await run(stages, source, streaming=streaming)
        assert isinstance(kept.events[-1], Failed)
        assert isinstance(kept.events[-1].error, InternalError)
        assert "secret" not in str(kept.events[-1].error)


@both
async def test_meter_sees_the_failure_of_its_own_segment(streaming: bool) -> None:
    """A failure passes through its own segment's transforms (promise 3)."""
    seen: list[Any] = []

    async def source(exchange: Any, out: Any) -> None:
        await out.send([TextDelta(0, "a")])
        raise UpstreamFailed("reset")

    await run([lambda exchange: seen.append], source, streaming=streaming)
    assert said(seen) == "a!UpstreamFailed"


@both
async def test_a_source_that_stops_without_its_end_has_failed(streaming: bool) -> None:
    """Never a success: the line says UpstreamTruncated, and stages see it."""
    seen: list[Any] = []
    kept = await run([lambda exchange: seen.append], emit([TextDelta(0, "a")]), streaming=streaming)
    assert said(kept.events) == said(seen) == "a!UpstreamTruncated"


@both
@pytest.mark.parametrize("waiting", [[], [slow]])
async def test_a_transform_that_eats_the_end_makes_a_truncated_reply(streaming: bool, waiting: Any) -> None:
    """What reaches the sink always ends with a terminal event."""

    def eats(exchange: Any) -> Any:
        return lambda event: () if event.terminal else None

    kept = await run([*waiting, eats], emit(words("a")), streaming=streaming)
    assert said(kept.events) == "a!UpstreamTruncated"
    assert isinstance(kept.events[-1].error, UpstreamTruncated)


@both
async def test_a_waiting_transform_that_swallows_a_failure_does_not_make_it_a_success(streaming: bool) -> None:
    """A bug in a decoder must not look like a clean end."""

    def texts(exchange: Any) -> Any:
        async def transform(batches: Any, out: Any) -> None:
            async for batch in batches:
                await out.send([event for event in batch if isinstance(event, TextDelta)])

        return transform

    async def source(exchange: Any, out: Any) -> None:
        raise UpstreamFailed("x")

    kept = await run([texts], source, streaming=streaming)
    assert isinstance(kept.events[-1], Failed)


@both
async def test_a_broken_upstream_socket_is_not_taken_for_a_satisfied_client(streaming: bool) -> None:
    """Channel and socket raise the same error in trio; only the channel's means enough."""

    async def source(exchange: Any, out: Any) -> None:
        await out.send([TextDelta(0, "a")])
        raise trio.BrokenResourceError

    kept = await run([], source, streaming=streaming)
    assert said(kept.events) == "a!InternalError"


async def test_a_tail_cannot_swallow_a_cancellation(autojump_clock: Any) -> None:
    """A tail that catches everything does not keep the exchange alive (promise 5)."""

    def stage(exchange: Any) -> Any:
        with contextlib.suppress(BaseException):  # the wrong thing to do is what is tested
            yield

    with trio.move_on_after(1):
        await run([stage], forever)
        raise AssertionError("went on after its own cancellation")


async def test_a_tail_that_waits_settles_under_cancellation_and_has_a_deadline(autojump_clock: Any) -> None:
    """Shielded, for at most five seconds."""
    log = []

    async def settles(exchange: Any) -> Any:
        try:
            yield
        finally:
            await trio.sleep(1)
            log.append("settled")

    async def hangs(exchange: Any) -> Any:
        try:
            yield
        finally:
            await trio.sleep(1000)

    with trio.move_on_after(1):
        await run([settles, hangs], forever)
    assert log == ["settled"]
    assert trio.current_time() == pytest.approx(1 + 5 + 1)


@both
async def test_an_error_in_a_tail_is_not_the_replys(streaming: bool, capsys: Any) -> None:
    """It is logged; the other tails still run."""
    log = []

    def fails(exchange: Any) -> Any:
        yield
        raise ValueError("in a tail")

    def fine(exchange: Any) -> Any:
        yield
        log.append("ran")

    def twice(exchange: Any) -> Any:
        yield
        yield

    kept = await run([fine, fails, twice], emit(words("a")), streaming=streaming)
    assert said(kept.events) == "a."
    assert log == ["ran"]


async def test_a_deadline_may_be_a_stage(autojump_clock: Any) -> None:
    """A stage may hold a cancel scope over its yield; the client gets an end, and the exchange goes on to its own."""

    def deadline(exchange: Any) -> Any:
        with trio.move_on_after(2):
            yield

    async def source(exchange: Any, out: Any) -> None:
        await out.send([TextDelta(0, "a")])
        await trio.sleep(100)

    kept = await run([deadline], source)
    assert said(kept.events) == "a!UpstreamTruncated"
    assert trio.current_time() == 2


@both
async def test_a_transform_that_only_looks_changes_nothing(streaming: bool) -> None:
    """None leaves the event as it is, an empty tuple drops it (promise 5)."""

    def watch(exchange: Any) -> Any:
        return lambda event: None

    def hush(exchange: Any) -> Any:
        return lambda event: () if isinstance(event, TextDelta) else None

    source = emit(words("a"))
    assert said((await run([watch], source, streaming=streaming)).events) == "a."
    assert said((await run([hush], source, streaming=streaming)).events) == "."


async def test_a_transform_is_not_called_for_batches_without_its_kinds() -> None:
    """kinds declares interest; the engine skips the rest and tells the decoder the union (promise 16)."""
    called = []

    def picky(exchange: Any) -> Any:
        @reads(Finished)
        def transform(event: Any) -> None:
            called.append(type(event))

        return transform

    x = exchange()
    await run([picky], emit([TextDelta(0, "a")], [TextDelta(0, "b"), Finished()]), x=x)
    assert called == [TextDelta, Finished]
    assert x.kinds == frozenset({Finished})


async def test_no_channel_is_left_open() -> None:
    """Neither by a line that ends well nor by one whose sink stops early (promise 18 of the prototype)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await run([slow, slow], emit(words("a")))
        await run([slow], emit([Finished()], [TextDelta(0, "late")]))
        gc.collect()
    assert not [warning for warning in caught if issubclass(warning.category, ResourceWarning)]


async def test_stages_declare_the_operations_they_serve() -> None:
    """A stage for replies is not called for a list of models."""
    log = []

    def everywhere(exchange: Any) -> None:
        log.append("everywhere")

    everywhere.operations = frozenset({"reply", "models"})  # type: ignore[attr-defined]  # how a stage declares them

    def prompts(exchange: Any) -> None:
        log.append("prompts")

    await run([everywhere, prompts], emit(words("a")), x=exchange(operation="models", streaming=False))
    assert log == ["everywhere"]


async def test_a_stage_may_answer_itself() -> None:
    """exchange.source in the source's stead: a cache, a replay."""

    def cache(exchange: Any) -> None:
        exchange.source = emit(words("cached"))

    assert said((await run([cache], emit(words("asked")))).events) == "cached."


def _no_thoughts(exchange: Any) -> Any:
    """The README's example."""
    hidden = set()

    def transform(event: Any) -> Any:
        match event:
            case BlockStarted(index=index, block=Thinking()):
                hidden.add(index)
            case _ if getattr(event, "index", None) in hidden:
                pass
            case _:
                yield event

    return transform


async def test_a_stage_that_hides_thinking() -> None:
    """The example of the README works as printed."""
    events = [
        BlockStarted(0, Thinking()),
        ThinkingDelta(0, "hm"),
        BlockStarted(1, Text()),
        TextDelta(1, "hi"),
        Finished(),
    ]
    kept = await run([_no_thoughts], emit(events))
    assert kept.events == events[2:]


async def test_a_queue_lets_one_through_at_a_time(autojump_clock: Any) -> None:
    """An ``async`` stage that yields holds its resource for the whole exchange."""
    limiter = trio.CapacityLimiter(1)

    async def queue(exchange: Any) -> Any:
        async with limiter:
            yield

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(run, [queue], emit([TextDelta(0, "a")], [Finished()], every=1))
    assert trio.current_time() - began == 3


LINES: Callable[[], Any] = lambda: st.lists(st.sampled_from(["fused", "waiting", "splits", "merges"]), max_size=5)  # noqa: E731  # a strategy by name


@settings(max_examples=60, deadline=None)
@given(line=LINES(), pieces=st.lists(st.text(min_size=1, max_size=3), max_size=8), streaming=st.booleans())
def test_any_mixture_of_fused_and_waiting_stages_gives_the_same_reply(line: Any, pieces: Any, streaming: bool) -> None:
    """Where the channels are changes no content: only batches are cut differently."""

    def splits(exchange: Any) -> Any:
        return lambda event: [TextDelta(0, c) for c in event.piece] if isinstance(event, TextDelta) else None

    def merges(exchange: Any) -> Any:
        async def transform(batches: Any, out: Any) -> None:
            held: list[Any] = []
            async for batch in batches:
                held += batch
                if len(held) > 3 or any(event.terminal for event in held):
                    await out.send(held)
                    held = []

        return transform

    forms = {"fused": mark(""), "waiting": slow, "splits": splits, "merges": merges}
    events = words(*pieces)

    async def main() -> None:
        source = emit(*[[event] for event in events])
        kept = await run([forms[name] for name in line], source, streaming=streaming)
        assert said(kept.events) == "".join(pieces) + "."

    trio.run(main)
