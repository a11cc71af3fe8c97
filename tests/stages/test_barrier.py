"""The barrier: nothing passes before the first content, and what fails before it never happened."""

import math
import time

import pytest
import trio

from pipeline.errors import Overloaded
from pipeline.events import BlockStarted, Failed, Finished, Started, Text, TextDelta, Usage
from pipeline.exchange import Attempt
from stages.barrier import Barrier
from tests.doubles import Kept, exchange, said


def attempt() -> Attempt:
    return Attempt("one", "m", 0.0)


async def test_the_barrier_is_bounded_and_looks_only_at_what_is_new() -> None:
    """4,000 events that mean nothing neither pile up nor cost more the more there are."""
    kept = Kept()
    x = exchange()
    barrier = Barrier(x, attempt(), kept)
    began = time.process_time()
    for _ in range(4000):
        await barrier.send([Started("x", "m")])
    assert time.process_time() - began < 0.5
    assert len(kept.events) == 4000


async def test_what_was_held_passes_with_the_first_content() -> None:
    """In its order, once what must be durable is; and whoever wants to know is told how it begins."""
    kept, log = Kept(), []
    x, tried = exchange(), attempt()

    async def durable() -> None:
        log.append(f"durable {len(kept.events)}")

    x.before_commit.append(durable)
    barrier = Barrier(x, tried, kept, opened=lambda held: log.append(f"opened {len(held)}"))
    barrier.patience = trio.CancelScope(deadline=5)
    await barrier.send([Started("r", "m", Usage(input=3))])
    assert (kept.events, barrier.open) == ([], False)
    await barrier.send([BlockStarted(0, Text()), TextDelta(0, "a")])
    await barrier.send([Finished()])
    assert log == ["opened 3", "durable 0"]
    assert said(kept.events) == "a."
    assert (tried.usage, barrier.patience.deadline) == (Usage(input=3), math.inf)


async def test_a_failure_is_raised_before_the_commit_and_passed_on_after_it() -> None:
    """Before, nobody sees it; after, the client does, and the attempt's record too."""
    kept, tried = Kept(), attempt()
    with pytest.raises(Overloaded):
        await Barrier(exchange(), tried, kept).send([Started("r", "m"), Failed(Overloaded("busy"))])
    assert (kept.events, tried.error) == ([], None)
    barrier = Barrier(exchange(), tried, kept)
    await barrier.send([BlockStarted(0, Text())])
    await barrier.send([Failed(Overloaded("busy"))])
    assert said(kept.events) == "!Overloaded"
    assert isinstance(tried.error, Overloaded)


async def test_what_a_stream_was_asked_is_let_go_at_the_commit() -> None:
    """Nobody reads the prompt again; the client's fields are folded, and read as ever by whoever wants one."""
    for streaming in (True, False):
        x = exchange()
        x.streaming, x.request.headers[:] = streaming, [(b"x-one", b"1")]
        await Barrier(x, attempt(), Kept()).send([BlockStarted(0, Text())])
        assert (x.request.headers is not x.request.headers) == streaming
        assert x.request.header(b"x-one") == "1"
