"""Explain: the drawn line is the line that runs."""

from typing import Any

import pytest

from pipeline.arrange import DEFAULT
from pipeline.events import Event
from pipeline.explain import about, count, explain, segments
from pipeline.line import runs
from pipeline.shape import Shape, shape
from tests.pipeline.configs import built

FUSED, WAITS, NOTHING = (Shape(False, down, False) for down in ("fused", "waits", "nothing"))


def test_the_default_line_is_drawn() -> None:
    """All eight stages, the one channel, the place of each upstream."""
    text = explain(built('[upstreams.a]\npreset = "openai"\nkey = "k"\n[upstreams.b]\npreset = "simulated"'))
    lines = text.splitlines()
    assert lines[:10] == [
        "up      client ─▶ auth ─▶ model_map ─▶ thinking_suffix ─▶ limits ─▶ meter ─▶ forward",
        "        forward at a: translate ─▶ client_identity ─▶ cache_breakpoints ─▶ chat: https://api.openai.com/v1",
        (
            "        forward at b: translate ─▶ client_identity ─▶ cache_breakpoints ─▶ anthropic: "
            "stages.simulated:serve, beside the gateway"
        ),
        "",
        "down    client ◀─ reencode ◀═ channel ═◀ [ limits ◀ meter ◀ forward ]",
        "        [ … ] is fused: one task, one call for a batch of events",
        "        a stream: 2 tasks, 1 channel",
        "        a reply that is not streamed: 1 task, no channel",
        "        forward at a: commit ◀ translate ◀ decoder",
        "        forward at b: commit ◀ translate ◀ decoder",
    ]
    at = lines.index("", 11)
    assert [line.split()[0] for line in lines[11:at]] == ["stage", *DEFAULT]
    declares = {line.split()[0]: line for line in lines[at + 1 :]}
    assert declares["model_map"].split("  ")[-1].strip() == "–"
    assert "listed, prompt.model, upstreams" in declares["model_map"]


def test_a_stage_that_waits_has_its_own_task() -> None:
    """With a channel on the side of the upstream; what follows it on the way down is fused with it."""
    text = explain(built('[[stages]]\nuse = "tests.pipeline.test_explain:slow"\nafter = "auth"'))
    assert "client ◀─ reencode ◀═ channel ═◀ [ slow (waits) ] ◀═ channel ═◀ [ limits ◀ meter ◀ forward ]" in text
    assert "a stream: 3 tasks, 2 channels" in text
    assert "a reply that is not streamed: 2 tasks, 1 channel" in text
    assert "slow               called      waits     –      Types." in text


def test_a_stage_that_may_wait_says_so() -> None:
    """``model_map`` is called, and where two upstreams say nothing of their models, it waits for their lists."""
    text = explain(built("")).partition("\nstage ")[2].partition("\n\n")[0]
    rows = {line.split()[0]: line.split("  ") for line in text.splitlines()}
    ups = {name: next(cell.strip() for cell in rows[name][1:] if cell.strip()) for name in ("auth", "model_map")}
    assert ups == {"auth": "called", "model_map": "may wait"}


def test_a_transform_of_an_attempt_is_drawn_within_forward() -> None:
    """Behind the commit, before the decoder."""
    text = explain(built('[[stages]]\nuse = "tests.pipeline.test_explain:quick"\nafter = "translate"'))
    assert "forward at simulated: commit ◀ translate ◀ quick ◀ decoder" in text


def test_what_can_not_be_told_is_marked() -> None:
    """And explained."""
    text = explain(built('[[stages]]\nuse = "tests.pipeline.test_explain:given"\nafter = "auth"'))
    assert "[ given? ◀ limits ◀ meter ◀ forward ]" in text
    assert "fused?: its code does not tell" in text


def test_segments_are_what_the_engine_makes() -> None:
    """The same split as ``line.runs`` makes of the transforms themselves."""
    stages = {"slow": slow, "quick": quick, "slow2": slow, "quick2": quick, "meter": quick}
    drawn = segments("forward", [(name, shape(stage)) for name, stage in stages.items()])
    transforms = [stage(None) for stage in reversed(stages.values())]
    sizes = [len(run) for run, _ in runs(transforms)]
    assert [len(part) - 1 for part in drawn] == sizes
    assert drawn == [["forward", "meter", "quick2"], ["slow2 (waits)", "quick"], ["slow (waits)"]]


def test_stages_without_a_way_down_are_not_drawn_there() -> None:
    """They are gone when the reply comes."""
    assert segments("f", [("a", NOTHING), ("b", FUSED), ("c", WAITS)]) == [["f"], ["c (waits)", "b"]]


@pytest.mark.parametrize(("number", "told"), [(0, "0 tasks"), (1, "1 task"), (2, "2 tasks"), (2000, "2,000 tasks")])
def test_one_is_no_plural(number: int, told: str) -> None:
    """Nor is none a singular; thousands are set apart."""
    assert count(number, "task") == told


def test_help_is_the_first_line_of_the_docstring() -> None:
    """Of the function, or of the class of the object."""
    assert about(quick) == "Looks."
    assert about(Nameless()) == "An object."
    assert about(given) == ""


def slow(exchange: Any) -> Any:
    """Types."""

    async def transform(batches: Any, out: Any) -> None:
        """Waits."""

    return transform


def quick(exchange: Any) -> Any:
    """Looks.

    And more.
    """

    def transform(event: Event) -> None:
        """Looks."""

    return transform


def given(exchange: Any) -> Any:
    return exchange.whatever


class Nameless:
    """An object."""

    def __call__(self, exchange: Any) -> None:
        """Called."""
