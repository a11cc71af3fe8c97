"""The doctor: each way an upstream can be ill is found at its step, with what to do about it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio

from pipeline.errors import UpstreamFailed
from pipeline.naming import dialects
from pipeline.secret import Secret
from stages.doctor import advice, examine
from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.doubles import ScriptedPool, upstream
from transports.pool import open_pool
from transports.upstream import Origin
from transports.upstream_connect import Connector


@asynccontextmanager
async def simulated(dialect: str, **fields: Any) -> AsyncIterator[Any]:
    """An upstream that the simulated model answers for, over a socket."""
    model = Simulated(dialect, Settings(remember=100, seed=7))
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve_model, model=model))
        connector = Connector()
        async with open_pool(connector) as pool:
            place = upstream(
                "up", pool, dialect=dialects()[dialect], connector=connector, **{"key": Secret("k"), **fields}
            )
            object.__setattr__(place, "origin", Origin.parse(url))
            yield place
        nursery.cancel_scope.cancel()


def told(steps: Any) -> list[tuple[str, bool]]:
    return [(step.name, step.ok) for step in steps]


@pytest.mark.parametrize("dialect", ["anthropic", "chat", "responses"])
async def test_a_healthy_one_passes_every_step(dialect: str) -> None:
    """In every dialect: reached, the key taken, a model found in its list, a word streamed."""
    async with simulated(dialect) as place:
        steps = await examine(place)
    assert told(steps) == [("dns", True), ("connect", True), ("key", True), ("model", True), ("stream", True)]
    assert "first word came after" in steps[-1].text
    assert all(step.seconds >= 0 for step in steps)


async def test_a_model_that_it_does_not_list_is_asked_all_the_same() -> None:
    """Lists are not always whole; the text says that it is not in this one."""
    async with simulated("chat") as place:
        steps = await examine(place, "no-such-model-at-all")
    assert steps[3].text == "asked is no-such-model-at-all, which is not in its list"


async def test_where_nobody_listens_the_port_is_asked_for() -> None:
    """And no later step is tried."""
    place = upstream("up", ScriptedPool(200), connector=Connector())
    object.__setattr__(place, "origin", Origin("http", "127.0.0.1", 9))
    steps = await examine(place)
    assert told(steps) == [("dns", True), ("connect", False)]
    assert "is the server started" in steps[-1].text


@pytest.mark.parametrize(
    ("status", "step", "advice"),
    [
        (401, "key", "not revoked"),
        (403, "key", "rights"),
        (402, "key", "no money"),
        (429, "stream", "another key, or patience"),
        (404, "stream", "is the dialect right"),
        (400, "stream", "dialect and provider"),
        (500, "stream", "the fault is the upstream's"),
    ],
)
async def test_what_it_answers_is_put_at_its_step(status: int, step: str, advice: str) -> None:
    """With the upstream's own words, and ours."""
    pool = ScriptedPool(status, b'{"error":{"message":"no, said it"}}', headers=[])
    steps = await examine(upstream("up", pool, dialect=dialects()["chat"], key=Secret("k")), "m")
    assert (steps[-1].name, steps[-1].ok) == (step, False)
    assert "no, said it" in steps[-1].text
    assert advice.lower() in steps[-1].text.lower()


async def test_a_key_is_in_no_text() -> None:
    """Also where the upstream repeats it."""
    key = "a-key-of-no-known-form"
    pool = ScriptedPool(401, f'{{"error":{{"message":"bad key {key}"}}}}'.encode(), headers=[])
    steps = await examine(upstream("up", pool, dialect=dialects()["chat"], key=Secret(key)), "m")
    assert "bad key [redacted]" in steps[-1].text
    assert not any(key in step.text for step in steps)


async def test_a_stream_without_a_word_is_no_answer() -> None:
    """It ended well, and said nothing."""
    place = upstream("up", ScriptedPool(200, b'{"data":[]}', headers=[]), dialect=dialects()["chat"])
    steps = await examine(place, "m")
    assert (steps[-1].name, steps[-1].ok) == ("stream", False)


async def test_without_a_model_one_is_asked_for() -> None:
    """None configured, none listed."""
    place = upstream("up", ScriptedPool(200, b'{"data":[]}', headers=[]), dialect=dialects()["chat"])
    steps = await examine(place)
    assert told(steps) == [("key", True), ("model", False)]


async def test_a_program_is_not_started_for_whoever_asks_over_http() -> None:
    """Only for who says so: from a terminal."""
    pool = ScriptedPool(200)
    (step,) = await examine(upstream("cli", pool, program=True))
    assert (step.name, "python -m pipeline doctor cli" in step.text) == ("program", True)
    assert pool.calls == []


@pytest.mark.parametrize(
    ("program", "said"),
    [(True, "cli: log in first"), (False, "cli: log in first. The fault is the upstream's, or on the way")],
)
def test_a_program_says_itself_what_to_do(program: bool, said: str) -> None:
    """It is neither a server's fault nor the network's."""
    assert advice(UpstreamFailed("log in first"), upstream("cli", ScriptedPool(200), program=program)) == said
