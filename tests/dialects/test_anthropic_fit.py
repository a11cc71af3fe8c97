"""How much to think, put as each model takes it: nothing that a model refuses ever leaves."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.prompt import Prompt
from stages.capabilities import TABLE
from stages.dialects import anthropic
from stages.notes import STOPS

LEVELS = ["minimal", "low", "medium", "high", "xhigh", "max", "auto", "none"]


def fitted(model: str, effort: str | int | None, **fields: Any) -> Prompt:
    """A prompt for *model* after fit; without a limit where ``max_tokens`` is given as None."""
    body = {"model": model, "max_tokens": 8000, "messages": [{"role": "user", "content": "x"}], **fields}
    prompt = Prompt("anthropic", msgspec.json.encode({key: value for key, value in body.items() if value is not None}))
    anthropic.fit(prompt, effort)
    return prompt


def asked(prompt: Prompt) -> tuple[Any, Any]:
    """What is said of thinking and of effort."""
    return prompt.get("thinking"), prompt.get("output_config", "effort")


ADAPTIVE = {"type": "adaptive"}


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "said"),
    [
        ("claude-sonnet-5", "high", ADAPTIVE, "high"),
        ("claude-sonnet-5", "HIGH", ADAPTIVE, "high"),
        ("claude-sonnet-5", "minimal", ADAPTIVE, "low"),
        ("claude-sonnet-5", "auto", ADAPTIVE, None),
        ("claude-sonnet-5", 1000, ADAPTIVE, "low"),
        ("claude-sonnet-5", 12_000, ADAPTIVE, "medium"),
        ("claude-sonnet-5", 32_000, ADAPTIVE, "high"),
        ("claude-sonnet-5", 60_000, ADAPTIVE, "xhigh"),
        ("claude-sonnet-5", 100_000, ADAPTIVE, "max"),
        ("claude-opus-4-6", "xhigh", ADAPTIVE, "max"),
        ("claude-haiku-5-5", "max", ADAPTIVE, "high"),
        ("claude-fable-5-2", "low", ADAPTIVE, "low"),
        ("claude-opus-7", "xhigh", ADAPTIVE, "xhigh"),
        ("claude-opus-7", 5000, {"type": "enabled", "budget_tokens": 5000}, None),
    ],
)
def test_models_that_decide_themselves_are_told_an_effort(model: str, effort: Any, thinking: Any, said: Any) -> None:
    """The level asked for, or the nearest that the model has; unknown models in the newest manner."""
    assert asked(fitted(model, effort)) == (thinking, said)


@pytest.mark.parametrize(
    ("effort", "limit", "budget", "raised"),
    [
        ("low", 8000, 1024, 8000),
        ("medium", 16_000, 8192, 16_000),
        ("medium", 8000, 8192, 16_192),
        ("high", 8000, 32_000, 40_000),
        ("auto", 32_000, 16_000, 32_000),
        ("xhigh", 8000, 59_904, 64_000),
        ("max", 64_000, 59_904, 64_000),
        (500, 8000, 1024, 8000),
        (500, 1, 1024, 1025),
        (64_000, 2000, 62_000, 64_000),
        (2000, 2000, 2000, 4000),
        ("high", None, 32_000, None),
    ],
)
def test_models_with_a_budget_get_one_that_fits(effort: Any, limit: Any, budget: int, raised: Any) -> None:
    """At least 1024 and below the limit, which is raised as far as the model can write, with room for the answer."""
    prompt = fitted("claude-sonnet-4-5-20250929", effort, max_tokens=limit)
    assert asked(prompt) == ({"type": "enabled", "budget_tokens": budget}, None)
    assert prompt.get("max_tokens") == raised


@pytest.mark.parametrize(
    ("model", "thinking", "said"),
    [
        ("claude-sonnet-5", {"type": "disabled"}, None),
        ("claude-opus-4-8", None, None),
        ("claude-sonnet-4-5", None, None),
        ("claude-sonnet-5-5", {"type": "between_tools"}, None),
        ("claude-opus-5-5", None, "low"),
        ("claude-mythos-preview", None, "low"),
        ("claude-opus-7", {"type": "disabled"}, None),
    ],
)
@pytest.mark.parametrize("effort", ["none", 0, -5])
def test_no_thinking_is_as_little_as_the_model_can_do(model: str, thinking: Any, said: Any, effort: Any) -> None:
    """Off where it can be, between tools where that is least, the lowest effort where it is always on."""
    assert asked(fitted(model, effort)) == (thinking, said)


def test_thinking_is_off_only_at_an_effort_that_allows_it() -> None:
    """Opus 5 and Sonnet 5.5 take no thinking up to high."""
    prompt = fitted("claude-opus-5", "none", output_config={"effort": "max", "format": None})
    assert asked(prompt) == ({"type": "disabled"}, "high")
    assert prompt.has("output_config", "format")
    assert asked(fitted("claude-sonnet-5", "none", output_config={"effort": "max"})) == ({"type": "disabled"}, "max")
    assert asked(fitted("claude-opus-4-8", "none", thinking=ADAPTIVE)) == (None, None)
    assert asked(fitted("claude-opus-5-5", "none", thinking={"type": "disabled"})) == (None, "low")


def test_what_the_client_said_beside_the_type_stays() -> None:
    """How thoughts are shown and bound is the client's; a budget goes with its type."""
    given_ = {"type": "enabled", "budget_tokens": 2000, "display": "updates", "block_binding": {"a": 1}}
    kept = {"display": "updates", "block_binding": {"a": 1}}
    assert fitted("claude-sonnet-5", "low", thinking=given_).get("thinking") == {"type": "adaptive", **kept}
    assert fitted("claude-opus-4-5", "low", thinking=given_).get("thinking") == {
        "type": "enabled",
        "budget_tokens": 1024,
        **kept,
    }
    assert fitted("claude-sonnet-5-5", "none", thinking=given_).get("thinking") == {"type": "between_tools"}


@pytest.mark.parametrize("choice", ["any", "tool"])
def test_a_forced_choice_wins_where_a_model_refuses_both(choice: str) -> None:
    """No thinking for that request, no effort that goes with it, and both are recorded as lost."""
    fields = {"tool_choice": {"type": choice}, "thinking": ADAPTIVE, "output_config": {"effort": "high"}}
    prompt = fitted("claude-opus-4-5", "high", **fields)
    assert asked(prompt) == (None, None)
    assert not prompt.has("output_config")
    assert [(edit.action, edit.path, edit.lossy) for edit in prompt.edits][:2] == [
        ("dropped", "thinking", True),
        ("dropped", "output_config.effort", True),
    ]
    assert asked(fitted("claude-opus-4-6", "high", tool_choice={"type": choice})) == (ADAPTIVE, "high")
    kept = fitted(
        "claude-opus-4-5", "high", output_config={"format": {"type": "json_schema"}}, tool_choice={"type": choice}
    )
    assert kept.get("output_config") == {"format": {"type": "json_schema"}}


@pytest.mark.parametrize(
    "fields",
    [{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]}, {"max_tokens": 0}],
)
def test_what_rules_out_thinking_rules_it_out(fields: Any) -> None:
    """An answer that is already begun, a request that only fills the cache."""
    assert asked(fitted("claude-haiku-4-5", "high", **fields)) == (None, None)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"temperature": 0.2}, {}),
        ({"temperature": 1}, {"temperature": 1}),
        ({"top_k": 5, "top_p": 0.97}, {"top_p": 0.97}),
        ({"top_p": 0.5}, {}),
    ],
)
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-6"])
def test_sampling_that_thinking_rules_out_goes(fields: Any, kept: Any, model: str) -> None:
    """Models that sample as they are told do not while they think."""
    prompt = fitted(model, "high", **fields)
    assert {key: prompt.get(key) for key in ("temperature", "top_p", "top_k") if prompt.has(key)} == kept
    quiet = fitted(model, "none", **fields)
    assert {key: quiet.get(key) for key in fields} == fields


def test_a_prompt_for_another_model() -> None:
    """Where nothing is asked on top: what this model refuses of what the client said for the one it named."""
    said = {"thinking": {"type": "enabled", "budget_tokens": 9000}, "temperature": 0.2, "max_tokens": 200_000}
    begun = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]
    prompt = fitted("claude-opus-5-5", None, **said, tool_choice={"type": "tool", "name": "f"}, messages=begun)
    assert asked(prompt) == (ADAPTIVE, "medium")
    assert (prompt.get("max_tokens"), prompt.get("temperature")) == (128_000, None)
    assert prompt.get("tool_choice") == {"type": "auto"}
    assert prompt.get("messages", -1, "content", 0, "text") == "Continue."
    assert [edit.path for edit in prompt.edits if edit.lossy] == ["temperature", "tool_choice", "messages[2]"]


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-8", "claude-opus-5", "?"])
@pytest.mark.parametrize("thinking", [None, {"type": "disabled"}])
def test_what_a_model_takes_as_it_stands_keeps_its_bytes(model: str, thinking: Any) -> None:
    """A prompt that was written for another model need not be changed."""
    assert fitted(model, None, thinking=thinking).edits == []


def test_what_already_says_so_is_not_said_again() -> None:
    """A prompt that needs no change keeps its bytes."""
    assert fitted("claude-sonnet-5", "high", thinking=ADAPTIVE, output_config={"effort": "high"}).edits == []


@given(
    st.sampled_from(sorted(TABLE)),
    st.sampled_from(LEVELS) | st.integers(-5, 200_000),
    st.integers(1, 128_000) | st.none(),
    st.sampled_from([None, {"type": "adaptive"}, {"type": "disabled"}, {"type": "enabled", "budget_tokens": 5000}]),
    st.sampled_from([None, "low", "max"]),
    st.sampled_from([None, "auto", "any"]),
)
def test_no_model_is_asked_for_what_it_refuses(
    model: str, effort: Any, limit: Any, thinking: Any, said: Any, choice: Any
) -> None:
    """Whatever is wished, of whatever client: type, level and budget are among what the model's row allows."""
    known = TABLE[model]
    output_config = {"effort": said} if said in known.efforts else None
    if limit is not None:
        limit = min(limit, known.output)
    prompt = fitted(
        model,
        effort,
        max_tokens=limit,
        thinking=thinking,
        output_config=output_config,
        tool_choice={"type": choice} if choice else None,
    )
    result, level = asked(prompt)
    assert result is None or result["type"] in known.thinking
    assert level is None or level in known.efforts
    if result and result["type"] == "enabled":
        assert result["budget_tokens"] >= 1024
        assert limit is None or result["budget_tokens"] < prompt.get("max_tokens") <= known.output
        assert not (choice == "any" and known.forced == "unbudgeted")
    if result and result["type"] in {"disabled", "between_tools"}:
        assert level not in {"xhigh", "max"} or known.quiet == "max"
    assert prompt.edits or (result, level) == (thinking, output_config and output_config["effort"])


def hubbed(model: str, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, bool]]]:
    """A prompt of another dialect, which has said how much to think for no model in particular, as *model* takes it;
    and what was recorded."""
    body = {"model": model, "max_tokens": 8000, "messages": [{"role": "user", "content": "x"}], **fields}
    prompt = Prompt("chat", b"{}")
    made = anthropic.from_messages(body, prompt)
    assert made["messages"] == body["messages"]
    return made, [(edit.path, edit.lossy) for edit in prompt.edits]


THINK = {"type": "adaptive", "display": "summarized"}
LOW = [("output_config.effort", True), ("thinking", True)]


@pytest.mark.parametrize(
    ("model", "thinking", "effort", "made", "said", "recorded"),
    [
        ("claude-sonnet-5", THINK, "high", THINK, "high", []),
        ("claude-opus-4-6", THINK, "xhigh", THINK, "max", [("output_config.effort", True)]),
        ("claude-sonnet-5", {"type": "enabled", "budget_tokens": 9000}, None, ADAPTIVE, "medium", []),
        ("claude-haiku-4-5", THINK, "low", {**THINK, "type": "enabled", "budget_tokens": 1024}, None, []),
        ("claude-sonnet-4-5", {"type": "disabled"}, "high", {"type": "disabled"}, None, []),
        ("claude-opus-5-5", {"type": "disabled"}, None, None, "low", LOW),
        ("claude-sonnet-5-5", {"type": "disabled"}, None, {"type": "between_tools"}, None, [("thinking", True)]),
        ("some-model", THINK, "minimal", THINK, "low", [("output_config.effort", False)]),
    ],
)
def test_a_translated_wish_is_put_as_the_model_takes_it(
    model: str, thinking: Any, effort: Any, made: Any, said: Any, recorded: Any
) -> None:
    """One place for all dialects; only what the client would notice is recorded."""
    config = {"output_config": {"effort": effort}} if effort else {}
    body, edits = hubbed(model, thinking=thinking, **config)
    assert (body.get("thinking"), body.get("output_config", {}).get("effort")) == (made, said)
    assert edits == recorded


def test_a_limit_is_raised_for_thoughts_and_that_is_recorded() -> None:
    """The client set another."""
    body, edits = hubbed("claude-sonnet-4-5", thinking=THINK, output_config={"effort": "high"})
    assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (32_000, 40_000)
    assert edits == [("max_tokens", False)]


def test_a_call_that_must_be_made_is_left_to_a_model_that_refuses_the_demand() -> None:
    """Recorded as lost; how many at a time stays."""
    choice = {"type": "any", "disable_parallel_tool_use": True}
    body, edits = hubbed("claude-opus-5-5", tool_choice=choice)
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert edits == [("tool_choice", True)]
    assert hubbed("claude-opus-5", tool_choice=choice)[0]["tool_choice"] == choice


def test_stop_sequences_of_white_space_are_kept_by_the_gateway() -> None:
    """The API refuses them; the others are its own affair."""
    prompt = Prompt("chat", b"{}")
    body = {"model": "m", "messages": [], "stop_sequences": ["\n\n", "END"]}
    assert anthropic.from_messages(body, prompt)["stop_sequences"] == ["END"]
    assert prompt.notes.noted(STOPS) == ("\n\n",)
    assert not any(edit.lossy for edit in prompt.edits)


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-4-5", "claude-opus-5", "some-model"])
@pytest.mark.parametrize("effort", [None, "high", "none", 5000])
@pytest.mark.parametrize("odd", [0, False, "x", ["x"], {"type": ["x"]}, {"type": {}}])
def test_fields_of_another_type_are_the_apis_affair(model: str, effort: Any, odd: Any) -> None:
    """What a client of this API sends may be anything: it is told what is wrong by whom it asked, not by a bug here."""
    assert fitted(model, effort, tool_choice=odd).get("tool_choice") == odd


@pytest.mark.parametrize("odd", [0, False, "x", ["x"]])
@pytest.mark.parametrize("model", ["claude-opus-5", "some-model"])
def test_an_effort_takes_the_place_of_what_can_not_hold_it(model: str, odd: Any) -> None:
    """The user's wish is told, whatever the client has put there."""
    prompt = fitted(model, "high", output_config=odd)
    assert prompt.get("output_config") == {"effort": "high"}
