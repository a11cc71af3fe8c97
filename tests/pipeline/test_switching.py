"""The line without the stages that are switched off."""

from typing import Any

from pipeline.line import Line
from pipeline.switching import KEPT, switchable, switched
from tests.doubles import ScriptedPool, upstream


def nothing(exchange: Any) -> None:
    """A stage."""


async def source(exchange: Any, out: Any) -> None:
    """A source."""


def names(stages: Any) -> list[str]:
    return [name for name, _ in stages]


LINE = Line(tuple((name, nothing) for name in ("auth", "mine", "meter")), source, None)  # type: ignore[arg-type]  # no sink


def test_what_is_off_is_left_out_of_the_line_and_of_every_attempt() -> None:
    """The rest stays in its order; what an upstream knows is the same object."""
    up = upstream("up", ScriptedPool(200), stages=(("translate", nothing), ("mine", nothing)))
    left = switched(LINE, [up], frozenset({"mine"}))
    assert (names(left.line.stages), names(left.upstreams[0].stages)) == (["auth", "meter"], ["translate"])
    assert left.upstreams[0].wallet is up.wallet
    assert left.upstreams[0].windows is up.windows


def test_what_a_request_can_not_do_without_stays_whatever_the_store_says() -> None:
    """So that nobody can open the door by writing a row."""
    left = switched(LINE, [], frozenset(KEPT))
    assert left.line == LINE
    assert not any(switchable(name) for name in KEPT)


def test_nothing_off_is_the_line_itself() -> None:
    """No copy for the usual case."""
    assert switched(LINE, [], frozenset()).line is LINE
