"""Known: the operator's word over an upstream's, an upstream's over the table's, field by field."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dialect import Model
from stages import known as module
from stages.capabilities import LADDER, TABLE, Capability, capability, in_force, row
from stages.known import Known, Override, Way
from tests.e2e.house import House, Wire, house
from tests.pipeline.configs import built, refused

ALL = frozenset(["adaptive", "between_tools", "disabled", "enabled"])


def after(*told: Model, **overrides: Override) -> Known:
    known = Known({name.replace("_", "-"): said for name, said in overrides.items()})
    known.learn(told)
    return known


def test_the_table_holds_where_nobody_says_otherwise() -> None:
    """Every row, under every spelling; a stranger stays unknown."""
    known = after(Model("claude-opus-5"), Model("stranger", context=1000))
    assert all(known(name) is capability for name, capability in TABLE.items())
    assert known("us.anthropic.claude-opus-4-5-20251101-v1:0") is TABLE["claude-opus-4-5"]
    assert known("stranger") is None


def test_an_upstream_is_believed() -> None:
    """Also under the alias of a dated name; what it does not say stays."""
    told = Model("claude-opus-5-20260701", thinking=frozenset({"enabled", "disabled"}), output=64_000, efforts=("low",))
    found = after(told)("claude-opus-5")
    assert found is not None
    assert (found.thinking, found.output, found.efforts, found.effort) == (
        frozenset({"enabled", "disabled"}), 64_000, ("low",), "low",
    )  # fmt: skip
    assert (found.context, found.cacheable) == (TABLE["claude-opus-5"].context, TABLE["claude-opus-5"].cacheable)


def test_the_operator_is_believed_most() -> None:
    """Field by field."""
    told = Model("claude-opus-5", output=64_000, context=500_000)
    found = after(told, claude_opus_5=Override(output=1000, prefill=True))("claude-opus-5")
    assert found is not None
    assert (found.output, found.context, found.prefill) == (1000, 500_000, True)


def test_the_first_glob_holds_and_a_name_before_all() -> None:
    """Names are compared as they stand, in lower case, and without date and cloud."""
    known = Known(
        {"claude-*": Override(output=1), "claude-opus-*": Override(output=2), "claude-opus-5": Override(output=3)}
    )
    outputs = [found.output for name in NAMES if (found := known(name))]
    assert outputs == [1, 3, 3, 3]


NAMES = ("claude-opus-4-5", "claude-opus-5", "Claude-Opus-5", "anthropic/claude-opus-5-20260701")


@pytest.mark.parametrize(
    ("thinking", "default", "sampling", "growth"),
    [
        ({"adaptive"}, "always", "default", 1.3),
        ({"adaptive", "between_tools"}, "on", "default", 1.3),
        ({"adaptive", "disabled"}, "on", "default", 1.3),
        ({"adaptive", "enabled", "disabled"}, "off", "limited", 1.0),
        ({"enabled", "disabled"}, "off", "limited", 1.0),
        (set(), "off", "limited", 1.0),
    ],
)
def test_a_new_model_is_like_others_that_think_alike(
    thinking: set[str], default: str, sampling: str, growth: float
) -> None:
    """What is not said of it is what they have in common."""
    found = after(Model("claude-new-9", thinking=frozenset(thinking)))("claude-new-9")
    assert found is not None
    assert (found.thinking, found.default, found.sampling, found.growth) == (thinking, default, sampling, growth)


def test_words_that_nobody_knows_are_left_out() -> None:
    """A way of thinking and a level from the future; numbers that can't be meant."""
    told = Model(
        "claude-opus-5", thinking=frozenset({"adaptive", "dreaming"}), efforts=("low", "beyond"), context=0, output=-1
    )
    found = after(told)("claude-opus-5")
    assert found is not None
    assert (found.thinking, found.efforts) == (frozenset({"adaptive"}), ("low",))
    assert (found.context, found.output) == (TABLE["claude-opus-5"].context, TABLE["claude-opus-5"].output)
    only = after(Model("claude-opus-5", thinking=frozenset({"dreaming"})))("claude-opus-5")
    assert only is TABLE["claude-opus-5"]


def test_thinking_that_can_no_longer_be_turned_off_is_always_on() -> None:
    """And the other way round."""
    stuck = after(Model("claude-opus-4-5", thinking=frozenset({"enabled"})))("claude-opus-4-5")
    free = after(Model("claude-fable-5", thinking=frozenset({"adaptive", "disabled"})))("claude-fable-5")
    assert stuck is not None
    assert free is not None
    assert (stuck.default, free.default) == ("always", "on")


def test_what_was_told_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream may list what it likes."""
    monkeypatch.setattr(module, "MODELS", 3)
    known = after(*(Model(f"m{number}", thinking=frozenset({"enabled"})) for number in range(9)))
    assert [known(f"m{number}") is not None for number in range(9)] == [False] * 6 + [True] * 3


@given(
    st.frozensets(st.sampled_from(sorted(ALL))) | st.none(),
    st.lists(st.sampled_from(LADDER), unique=True) | st.none(),
    st.sampled_from([*TABLE, "claude-new-9"]),
)
def test_whatever_is_said_agrees_with_itself(thinking: Any, efforts: Any, name: str) -> None:
    """An effort by default is one that is taken; what can't be off is always on."""
    told = Model(name, thinking=thinking, efforts=None if efforts is None else tuple(efforts))
    found = after(told)(name)
    assert found is not None or (name not in TABLE and thinking is None)
    if found is not None:
        assert found.effort is None or found.effort in found.efforts
        if thinking is not None:
            able = bool(found.thinking & {"disabled", "between_tools"}) or not found.thinking
            assert (found.default == "always") is not able


# -- in force ---------------------------------------------------------------------------------------------------------


async def test_what_is_in_force_holds_for_one_task_and_its_own() -> None:
    """Two gateways in one process know different things."""
    seen: list[Any] = []

    async def look(lookup: Any, models: Iterable[str]) -> None:
        with in_force(lookup):
            for model in models:
                await trio.lowlevel.checkpoint()
                seen.append(capability(model))

    two = after(claude_opus_5=Override(output=2))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look, two, ["claude-opus-5"] * 2)
        nursery.start_soon(look, row, ["claude-opus-5"] * 2)
    assert sorted(found.output for found in seen) == [2, 2, 128_000, 128_000]
    assert capability("claude-opus-5") is TABLE["claude-opus-5"]


# -- configured -------------------------------------------------------------------------------------------------------


def test_an_override_has_the_fields_of_a_capability() -> None:
    """Neither more nor fewer: a new one is not forgotten."""
    assert attrs.fields_dict(Override).keys() == attrs.fields_dict(Capability).keys()
    assert set(Way.__args__) >= {way for capability in TABLE.values() for way in capability.thinking}


def test_overrides_are_configured() -> None:
    """As tables of forward."""
    text = """
        [forward.capabilities."my-*"]
        thinking = ["enabled", "disabled"]
        output = 64000
        """
    forward: Any = built(text).line.source
    assert forward.capabilities == {"my-*": Override(thinking=frozenset({"enabled", "disabled"}), output=64_000)}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('thinking = ["loud"]', 'my-model.thinking[0]: expected one of "adaptive", "between_tools"'),
        ('thinking = "enabled"', "my-model.thinking: expected a list"),
        ("output = 0\nthinking = []", "my-model.output: expected 1 or more, got 0"),
        ('efforts = ["highest"]', "my-model.efforts[0]: expected one of"),
        ("growth = 99.5", "my-model.growth: expected a factor from 0.1 to 10"),
        ("outputs = 5", "my-model.outputs: unknown key; did you mean output?"),
        ("output = 5", 'capabilities."my-model": nothing is known of this model, so thinking must be said'),
        ("", 'capabilities."my-model": says nothing'),
        (
            'thinking = []\nefforts = ["low"]\neffort = "high"',
            'capabilities."my-model": "high" is not among its efforts',
        ),
    ],
)
def test_a_wrong_override_is_told_with_its_place(line: str, complaint: str) -> None:
    """One line each, before anything starts."""
    (told,) = refused(f'[forward.capabilities."my-model"]\n{line}')
    assert complaint in told


# -- through the gateway ----------------------------------------------------------------------------------------------


async def talk(at: House, method: str, path: str, body: Any = None) -> Any:
    async with Wire(at.port) as wire:
        if method == "GET":
            head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nanthropic-version: 2023-06-01\r\n\r\n"
            await wire.stream.send_all(head.encode())
        else:
            await wire.post(path, json.dumps(body).encode(), anthropic_version="2023-06-01")
        answer = await wire.answer()
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def thinking(at: House) -> Any:
    """What the model was last asked for."""
    return json.loads(at.model.seen[-1].body).get("thinking")


ASKED = {"max_tokens": 50_000, "messages": [{"role": "user", "content": "hello"}]}


async def test_an_operators_word_decides_how_a_model_is_asked(tmp_path: Path) -> None:
    """A suffix becomes a budget for a model that is said to take one."""
    more = '[forward.capabilities."claude-opus-4-8"]\nthinking = ["enabled", "disabled"]'
    async with house(tmp_path, more=more, server='names = ["x"]') as both:
        async with Wire(both.port) as wire:
            await wire.post("/v1/messages", json.dumps({**ASKED, "model": "claude-opus-4-8(2000)"}).encode())
            await wire.answer()
        assert thinking(both) == {"type": "enabled", "budget_tokens": 2000}


async def test_an_upstreams_list_decides_how_a_model_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the moment it was fetched; here of a model that the table does not know."""
    monkeypatch.delitem(TABLE, "claude-opus-4-5")
    async with house(tmp_path) as both:
        for expected in ({"type": "adaptive"}, {"type": "enabled", "budget_tokens": 32_000}):
            async with Wire(both.port) as wire:
                await wire.post("/v1/messages", json.dumps({**ASKED, "model": "claude-opus-4-5(high)"}).encode())
                await wire.answer()
            assert thinking(both) == expected
            listed = await talk(both, "GET", "/v1/models?limit=1000")
            assert "claude-opus-4-5" in [model["id"] for model in listed["data"]]
