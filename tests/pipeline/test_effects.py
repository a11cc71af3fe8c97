"""What stages did to an exchange, where somebody looks."""

from typing import Any

import pytest

from pipeline.effects import Effects
from pipeline.events import Event, Finished, TextDelta, reads
from pipeline.exchange import Exchange, Out
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from tests.doubles import Kept, Recorder, exchange, said, words


def warmer(x: Exchange) -> None:
    x.prompt.set("temperature", to=1, why="warm")


def louder(x: Exchange) -> Any:
    @reads(TextDelta)
    def transform(event: Event) -> Any:
        if isinstance(event, TextDelta) and event.piece == "a":
            yield event.replace(piece="A")
        else:
            yield event

    return transform


def quiet(x: Exchange) -> Any:
    return lambda event: None


async def slow(x: Exchange) -> Any:
    async def transform(batches: Any, out: Out) -> None:
        async for batch in batches:
            await out.send(batch)

    return transform


async def conducted(effects: Effects | None, *stages: Any) -> tuple[Exchange, str]:
    kept, x = Kept(), exchange()
    x.effects = effects

    async def source(exchange: Exchange, out: Out) -> None:
        for event in words("a", "b"):
            await out.send([event])

    named = tuple((stage.__name__, stage) for stage in stages)
    await conduct(x, Line(named, source, lambda x, r: kept), Recorder(), Heart(10))
    return x, said(kept.events)


@pytest.mark.parametrize("prompts", [False, True])
async def test_each_stage_is_told_apart(prompts: bool) -> None:
    """What it changed of the prompt, how many events it saw and changed; those it does not read pass it by."""
    effects = Effects(prompts=prompts)
    x, reply = await conducted(effects, warmer, louder, quiet)
    assert reply == "Ab."
    told = {effect.stage: (effect.events, effect.changed) for effect in effects.stages}
    assert told == {"warmer": (0, 0), "louder": (2, 1), "quiet": (4, 0)}
    before, after = effects.stages[0].before, effects.stages[0].after
    assert (before, after) == ((b'{"model":"m"}', b'{"model":"m","temperature":1}') if prompts else (None, None))
    assert set(effects.down()) == {"louder", "quiet"}
    assert x.stages.keys() == {"warmer", "louder", "quiet"}


async def test_looking_changes_nothing() -> None:
    """What reaches the client is the same, and who reads which events."""
    looked, one = await conducted(Effects(), warmer, louder)
    unseen, other = await conducted(None, warmer, louder)
    assert one == other == "Ab."
    assert looked.kinds == unseen.kinds == frozenset({TextDelta})


async def test_what_waits_is_left_alone() -> None:
    """It has a task of its own; its way up is timed all the same."""
    effects = Effects()
    _, reply = await conducted(effects, slow)
    assert reply == "ab."
    assert [(effect.stage, effect.events) for effect in effects.stages] == [("slow", 0)]
    assert effects.down() == {}


async def test_a_transform_that_fails_fails_as_it_would() -> None:
    """Its error is the reply's."""

    def broken(x: Exchange) -> Any:
        def transform(event: Event) -> Any:
            if isinstance(event, Finished):
                raise ZeroDivisionError
            yield event

        return transform

    _, reply = await conducted(Effects(), broken)
    assert reply == "ab!InternalError"
