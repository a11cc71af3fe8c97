"""Effort, counts, history and paths of the Responses dialect."""

from typing import Any

import msgspec
import pytest

from pipeline.prompt import Prompt
from stages.dialects import responses
from stages.dialects.envelope import wrap
from tests.dialects.responses_oracle import PROMPTS, lost


def prompt(**fields: Any) -> Prompt:
    return Prompt.of("responses", {"model": "gpt-5.5", "input": "Hi", **fields})


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("gpt-5.5", "high", {"effort": "high"}),
        ("gpt-5.5", "HIGH", {"effort": "high"}),
        ("gpt-5.5", "max", {"effort": "xhigh"}),
        ("gpt-5.5", "none", {"effort": "none"}),
        ("gpt-6-astra", "none", {"effort": "low"}),
        ("gpt-5.5", 12_000, {"effort": "medium"}),
        ("gpt-5.5", 0, {"effort": "none"}),
        ("gpt-5.5", "auto", None),
        ("gpt-5.5", None, None),
        ("gpt-4.1", "high", None),
        ("llama", "xhigh", {"effort": "xhigh"}),
    ],
)
def test_effort(model: str, effort: str | int | None, expected: Any) -> None:
    """The word nearest to the wish that the model has."""
    asked = prompt(model=model)
    responses.fit(asked, effort)
    assert asked.get("reasoning") == expected


def test_effort_beside_what_is_there() -> None:
    """A summary stays; where nothing is asked on top, the prompt's own effort is put as the model takes it."""
    asked = prompt(reasoning={"summary": "auto"})
    responses.fit(asked, "low")
    assert asked.get("reasoning") == {"summary": "auto", "effort": "low"}
    asked = prompt(reasoning={"effort": "max", "summary": "auto"})
    responses.fit(asked, None)
    assert asked.get("reasoning") == {"effort": "xhigh", "summary": "auto"}
    asked = prompt(model="gpt-4.1", reasoning={"effort": "max"})
    responses.fit(asked, None)
    assert asked.get("reasoning") == {}
    assert lost(asked.edits) == ["reasoning.effort"]


def test_usage_is_always_told() -> None:
    """There is nothing to ask for."""
    asked = prompt(stream=True)
    assert responses.ask_usage(asked) is False
    assert asked.encode() == prompt(stream=True).encode()


# -- counts -----------------------------------------------------------------------------------------------------------


def test_counting() -> None:
    """More text, tools and pictures are more tokens; metadata is none."""
    least = responses.count(prompt())
    assert responses.count(prompt(input="Hi " * 1000)) > least + 500
    assert responses.count(prompt(instructions="Hi " * 1000)) > least + 500
    assert responses.count(prompt(metadata={"a": "b" * 1000})) == least
    image = [
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64," + "A" * 40_000}]}
    ]
    assert 1000 < responses.count(prompt(input=image)) < 3000
    assert responses.count(Prompt.parse("responses", PROMPTS["codex"])) > 300
    assert msgspec.json.decode(responses.encode_count(7)) == {"object": "response.input_tokens", "input_tokens": 7}


# -- history ----------------------------------------------------------------------------------------------------------


def reasoning(encrypted: str) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted}


def test_strange_reasoning_is_taken_out() -> None:
    """Another maker's goes and that is recorded, our own is unwrapped; native reasoning and all other bytes stay."""
    items = [
        {"role": "user", "content": "Hi"},
        reasoning(wrap("anthropic", "claude", "EqQB")),
        reasoning(wrap("responses", "gpt", "gAAA1")),
        reasoning("gAAA2"),
        {"role": "assistant", "content": "A"},
    ]
    asked = prompt(input=items)
    responses.mend(asked)
    assert [item.get("encrypted_content") for item in asked.get("input")] == [None, "gAAA1", "gAAA2", None]
    assert lost(asked.edits) == ["input[1]"]
    grok = prompt(model="grok-5", input=items)
    responses.mend(grok)
    assert len(grok.get("input")) == 3


@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_other_prompts_are_left_alone(name: str) -> None:
    """Not a byte changes where there is nothing strange."""
    asked = Prompt.parse("responses", PROMPTS[name])
    responses.mend(asked)
    assert asked.encode() == PROMPTS[name]
    assert asked.edits == []


def test_odd_inputs_are_left_alone() -> None:
    """What is no list of items is the upstream's to refuse."""
    for odd in (wrap("anthropic", "claude", "x"), [wrap("anthropic", "claude", "x"), 3, {"encrypted_content": 3}]):
        asked = prompt(input=odd)
        before = asked.encode()
        responses.mend(asked)
        assert asked.encode() == before


# -- paths ------------------------------------------------------------------------------------------------------------


def test_paths() -> None:
    """Replies and counts live here, models where Chat's do; stored responses are relayed."""
    asked = prompt(model="a/b")
    assert responses.upstream_path("reply", asked) == "/responses"
    assert responses.upstream_path("count_tokens", asked) == "/responses/input_tokens"
    assert responses.upstream_path("models", asked) == "/models"
    assert responses.upstream_path("model", asked) == "/models/a%2Fb"
    assert responses.upstream_path("relay", asked) == ""
    found = [(route.method, route.pattern, route.operation) for route in responses.ROUTES]
    assert found[:2] == [
        ("POST", "/v1/responses", "reply"),
        ("POST", "/v1/responses/input_tokens", "count_tokens"),
    ]  # before the relay, which fits both
    assert {operation for _, pattern, operation in found if "rest" in pattern} == {"relay"}
    assert responses.credentials("k") == [(b"authorization", b"Bearer k")]
    assert responses.foreign(b"openai-beta")
    assert not responses.foreign(b"traceparent")
