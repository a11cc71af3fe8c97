"""Fidelity: every change is told, and the strict lose nothing in silence."""

from typing import Any

import pytest

from pipeline import Caller
from pipeline.errors import InvalidRequest, Unsupported
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from stages.fidelity import demand, told
from stages.forward import Forward
from stages.reencode import Reencode
from tests.doubles import Recorder, ScriptedPool, exchange, upstream


def loses(x: Any) -> None:
    x.prompt.set("model", to="n", why="mapped")
    x.prompt.record("dropped", ("seed",), "nothing like it there", lossy=True)


async def ask(x: Any, pool: Any, fidelity: Any = "report") -> Recorder:
    recorder = Recorder()
    x.upstreams = [upstream("up", pool, stages=(("loses", loses),))]
    await conduct(x, Line((), Forward(fidelity=fidelity), Reencode), recorder, Heart(10))
    return recorder


async def test_the_reply_tells_how_much_was_changed() -> None:
    """The count, and whether anything was lost."""
    got = await ask(exchange(), ScriptedPool(200, b"start\ntext a\nend\n"))
    assert got.header(b"x-pipeline-changes") == "2; lost=1"


@pytest.mark.parametrize("how", ["header", "option", "setting"])
async def test_a_strict_caller_is_refused_before_anything_is_sent(how: str) -> None:
    """With the path and the reason, as 400."""
    x, pool = exchange(), ScriptedPool(200, b"start\ntext a\nend\n")
    if how == "header":
        x.request.headers = [(b"x-pipeline-fidelity", b"strict")]
    if how == "option":
        x.caller = Caller("ada", "a", options={"forward": {"fidelity": "strict"}})
    got = await ask(x, pool, "strict" if how == "setting" else "report")
    assert got.head.status == 400  # type: ignore[union-attr]  # it was written
    assert b"seed: nothing like it there" in got.body
    assert pool.calls == []


def test_a_lossless_request_passes_the_strict() -> None:
    """A change that loses nothing is no reason."""
    x = exchange()
    x.prompt.set("model", to="n", why="mapped")
    demand(x, "strict")


def test_many_losses_are_counted_and_a_wrong_word_is_told() -> None:
    """The message stays short; a mode that does not exist is the caller's mistake."""
    x = exchange()
    for number in range(8):
        x.prompt.record("dropped", ("messages", number), "no such thing", lossy=True)
    with pytest.raises(Unsupported, match="and 3 more"):
        demand(x, "strict")
    x.request.headers = [(b"x-pipeline-fidelity", b"loose")]
    with pytest.raises(InvalidRequest, match="report, lossless or strict"):
        demand(x, "report")


def test_a_repair_loses_nothing_and_is_told() -> None:
    """It passes the lossless; the strict would rather hear of it."""
    x = exchange()
    x.prompt.record("repaired", ("messages",), "the call a has no result: it gets one that says so")
    for how in ("report", "lossless"):
        demand(x, how)
    with pytest.raises(Unsupported, match="strict: this would lose or repair messages: the call a"):
        demand(x, "strict")
    assert told(x.prompt.edits) == b"1; lost=0; repaired=1"


def test_the_lossless_lose_nothing() -> None:
    """And are told what they would have lost."""
    x = exchange()
    x.prompt.record("dropped", ("seed",), "nothing like it there", lossy=True)
    with pytest.raises(Unsupported, match="lossless: this would lose seed"):
        demand(x, "lossless")
