"""Discovery: a model that nobody names in the configuration goes to who lists it."""

import json
from typing import Any

import attrs
import pytest
import trio

from pipeline.errors import UpstreamFailed
from pipeline.exchange import Exchange
from pipeline.upstream import Upstream
from stages.dialects import anthropic, chat
from stages.discovery import AGAIN, FRESH, PATIENCE, discover, listing
from stages.fields import AGENT
from stages.model_map import ModelMap
from stages.routing import Rule
from tests.doubles import ScriptedPool, exchange, upstream


def listed(*models: str) -> bytes:
    """A list as the protocols that are asked have it."""
    return json.dumps({"data": [{"id": model} for model in models]}).encode()


def lists(name: str, *script: Any, dialect: Any = chat, **fields: Any) -> Upstream:
    """An upstream that answers each request for its list with *script*."""
    return upstream(name, ScriptedPool(200, *script), dialect=dialect, **fields)


def asked(place: Upstream) -> int:
    """How often *place* was asked for its list."""
    calls = place.pool.calls  # type: ignore[attr-defined]  # a scripted pool remembers
    assert all(call.method == "GET" and call.target.startswith("/v1/models") for call in calls)
    return len(calls)


async def mapped(model: str, *upstreams: Upstream, by: ModelMap | None = None) -> list[str]:
    """Who may answer a request for *model*, with whatever must be waited for before."""
    x: Exchange = exchange(json.dumps({"model": model}).encode(), upstreams=list(upstreams))
    waits = (by or ModelMap())(x)
    if waits is not None:
        await waits
    return [each.name for each in x.upstreams]


@pytest.mark.parametrize(
    ("model", "at"),
    [("first", ["a"]), ("second", ["b"]), ("second(high)", ["b"]), ("both", ["a", "b"]), ("neither", ["a"])],
)
async def test_a_model_goes_to_who_lists_it(model: str, at: list[str]) -> None:
    """Of several in the order of the configuration; one that is in no list to the first, as if there were none."""
    places = lists("a", listed("first", "both"), dialect=anthropic), lists("b", listed("second", "both"))
    assert await mapped(model, *places) == at
    assert [asked(place) for place in places] == [1, 1]


async def test_what_the_configuration_says_comes_first() -> None:
    """Models by name, rules and aliases; where it leaves nothing open nobody is asked for a list."""
    a, b = lists("a", listed("gpt-9", "mine")), lists("b", listed("gpt-9", "quick"))
    names = lists("names", listed("gpt-9", "more"), models=("gpt-*",))
    by = ModelMap(aliases={"fast": "gpt-9"}, rules=(Rule("mine", upstreams=("b",)),))
    assert await mapped("gpt-9", a, names, b, by=by) == ["names"]
    assert await mapped("fast", a, names, b, by=by) == ["names"]
    assert await mapped("mine", a, names, b, by=by) == ["b"]
    assert await mapped("more", a, names) == ["a"]  # one is left: nothing is open, and the list of *names* is no claim
    assert [asked(place) for place in (a, names, b)] == [0, 0, 0]


async def test_an_alias_finds_who_lists_its_target() -> None:
    """As the target does under its own name."""
    places = lists("a", listed("big")), lists("b", listed("quick"))
    assert await mapped("fast", *places, by=ModelMap(aliases={"fast": "quick"})) == ["b"]


async def test_lists_are_asked_for_when_they_may_tell_something(autojump_clock: trio.abc.Clock) -> None:
    """Not for a model that is known, however old its list; for another once the lists are no longer fresh."""
    places = lists("a", listed("first")), lists("b", listed("second"))
    for seconds, model, times in ((0, "other", 1), (FRESH - 1, "other", 1), (2, "second", 1), (0, "other", 2)):
        await trio.sleep(seconds)
        await mapped(model, *places)
        assert [asked(place) for place in places] == [times, times]


async def test_many_who_want_a_list_ask_once_and_all_lists_at_one_time(autojump_clock: trio.abc.Clock) -> None:
    """Nobody waits longer than for the slowest."""
    places = lists("a", 2, listed("first")), lists("b", 2, listed("second")), lists("c", 1, listed("third"))
    found: list[list[str]] = []
    began = trio.current_time()

    async def one(model: str) -> None:
        found.append(await mapped(model, *places))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(one, "second")
    assert found == [["b"]] * 20
    assert [asked(place) for place in places] == [1, 1, 1]
    assert trio.current_time() - began == 2


async def test_who_does_not_tell_in_time_is_not_waited_for(autojump_clock: trio.abc.Clock) -> None:
    """What the others list is known all the same; it is asked again before long."""
    silent, other = lists("a", 60, listed("first")), lists("b", listed("second"))
    began = trio.current_time()
    assert await mapped("second", silent, other) == ["b"]
    assert trio.current_time() - began == PATIENCE
    await trio.sleep(AGAIN - 1)
    assert await mapped("first", silent, other) == ["a"]
    assert asked(silent) == 1
    await trio.sleep(1)
    assert await mapped("first", silent, other) == ["a"]
    assert (asked(silent), asked(other)) == (2, 1)


@pytest.mark.parametrize("answer", [UpstreamFailed("it is down"), b"<html>", b'{"data": 7}'])
async def test_a_list_that_cant_be_had_leaves_the_last(autojump_clock: trio.abc.Clock, answer: Any) -> None:
    """So that a model keeps its place while its upstream is ill."""
    a, b = lists("a", listed("first")), lists("b", listed("second"))
    await discover([a, b])
    ill = attrs.evolve(b, pool=lists("b", answer).pool)  # the same place, as after a reload
    await trio.sleep(FRESH)
    assert await mapped("unheard-of", a, ill) == ["a"]
    assert asked(ill) == 1
    assert await mapped("second", a, ill) == ["b"]


async def test_a_client_that_leaves_takes_nothing_from_others(autojump_clock: trio.abc.Clock) -> None:
    """Who waits behind it asks itself."""
    places = lists("a", 1, listed("first")), lists("b", 1, listed("second"))
    with trio.move_on_after(0.5):
        await mapped("second", *places)
    assert await mapped("second", *places) == ["b"]
    assert [asked(place) for place in places] == [2, 2]


async def test_a_list_is_asked_for_in_the_gateways_own_name() -> None:
    """Not with the client's fields: it is shared by all callers."""
    place = lists("a", listed("first"))
    assert [model.id for model in await listing(place)] == ["first"]
    (call,) = place.pool.calls  # type: ignore[attr-defined]  # a scripted pool remembers
    assert AGENT in call.headers
