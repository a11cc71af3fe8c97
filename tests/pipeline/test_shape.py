"""Shape: read from a stage's code, the same as what the engine will find."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest

from pipeline.shape import Shape, shape


class Tally:
    def count(self, event: Any) -> None:
        """Looks."""

    async def slowly(self, batches: Any, out: Any) -> None:
        """Waits."""

    def __call__(self, event: Any) -> None:
        """Looks as well."""


def elsewhere(event: Any) -> None:
    """A transform that stands by itself."""


def request_side(exchange: Any) -> None:
    exchange.prompt.set("x", to=1, why="y")


def fused(exchange: Any) -> Any:
    def transform(event: Any) -> None:
        return None

    return transform


def waiting(exchange: Any) -> Any:
    async def transform(batches: Any, out: Any) -> None:
        async for batch in batches:
            await out.send(batch)

    return transform


def tailed(exchange: Any) -> Any:
    tally = Tally()
    try:
        yield tally.count
    finally:
        exchange.done = True


def only_tail(exchange: Any) -> Any:
    yield


async def queued(exchange: Any) -> Any:
    yield


async def asks(exchange: Any) -> Any:
    await exchange.wait()
    return elsewhere


async def looks_up(exchange: Any) -> None:
    await exchange.wait()


def hands_on(exchange: Any) -> Any:
    return None if exchange.streaming else looks_up(exchange)


def hands_on_for_a_transform(exchange: Any) -> Any:
    return asks(exchange)


async def for_ever(exchange: Any) -> Any:
    return for_ever(exchange)


def sometimes(exchange: Any) -> Any:
    if exchange.streaming:
        return None

    async def transform(batches: Any, out: Any) -> None:
        """Waits."""

    return transform


def either(exchange: Any) -> Any:
    return elsewhere if exchange.streaming else None


def shortened(exchange: Any) -> Any:
    return lambda event: None


def made_by_a_class(exchange: Any) -> Any:
    return Tally()


def slow_method(exchange: Any) -> Any:
    tally = Tally()
    return tally.slowly


def answers_itself(exchange: Any) -> None:
    async def source(exchange: Any, out: Any) -> None:
        """Not a transform, although it is async."""

    exchange.source = source


def given(exchange: Any) -> Any:
    return exchange.whatever


def circular(exchange: Any) -> Any:
    thing = exchange
    thing = thing.other
    return thing  # noqa: RET504  # a name assigned from itself: what this is about


def declared(exchange: Any) -> Any:
    return exchange.whatever


declared.waits = True  # type: ignore[attr-defined]  # what a stage says of itself


@attrs.frozen
class Settings:
    limit: int = 1

    def __call__(self, exchange: Any) -> Any:
        return self.transform

    def transform(self, event: Any) -> None:
        """Looks."""


class Counter:
    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange

    def __call__(self, event: Any) -> None:
        """The instance is the transform."""


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (request_side, Shape(False, "nothing", False)),
        (fused, Shape(False, "fused", False)),
        (waiting, Shape(False, "waits", False)),
        (tailed, Shape(False, "fused", True)),
        (only_tail, Shape(False, "nothing", True)),
        (queued, Shape(True, "nothing", True)),
        (asks, Shape(True, "fused", False)),
        (hands_on, Shape(False, "nothing", False)),
        (hands_on_for_a_transform, Shape(False, "fused", False)),
        (for_ever, Shape(True, "unknown", False)),
        (sometimes, Shape(False, "waits", False)),
        (either, Shape(False, "fused", False)),
        (shortened, Shape(False, "fused", False)),
        (made_by_a_class, Shape(False, "fused", False)),
        (slow_method, Shape(False, "waits", False)),
        (answers_itself, Shape(False, "nothing", False)),
        (given, Shape(False, "unknown", False)),
        (circular, Shape(False, "unknown", False)),
        (declared, Shape(False, "waits", False)),
        (Settings(), Shape(False, "fused", False)),
        (partial(waiting), Shape(False, "waits", False)),
        (Counter, Shape(False, "fused", False)),
        (print, Shape(False, "unknown", False)),
    ],
)
def test_what_a_stage_does(stage: Callable[..., Any], expected: Shape) -> None:
    """Up, down and after; of several possibilities the one that costs most."""
    assert shape(stage) == expected


def test_a_stage_without_source_says_that_it_can_not_tell() -> None:
    """Made at run time, or installed without sources."""
    names: dict[str, Any] = {}
    exec("def stage(exchange):\n    return exchange.x", names)  # noqa: S102  # a function without a source file
    assert shape(names["stage"]).down == "unknown"


def test_shapes_agree_with_what_the_stages_give() -> None:
    """Read from the code and seen in a call: the same."""
    for stage in (fused, waiting, shortened, made_by_a_class, slow_method):
        transform = stage(None)
        waits = inspect.iscoroutinefunction(transform)
        assert shape(stage).down == ("waits" if waits else "fused")
