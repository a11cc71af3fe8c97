"""Translate: what goes up in the upstream's words, and what is done on the way down in its stead."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from pipeline.events import BlockStarted, Event, Finished, Text, TextDelta, ToolUse
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from stages.capabilities import TABLE, capability
from stages.dialects import anthropic, chat, responses
from stages.dialects.anthropic.prompt import MAX_TOKENS
from stages.dialects.chat.families import family
from stages.dialects.providers import names, spoken
from stages.notes import EFFORT, WITHOUT
from stages.translate import Translate, asked_for, in_a_row, telling, translate
from tests.dialects.chat_prompts import legal_request
from tests.doubles import exchange, upstream

CLEAR = {"edits": [{"type": "clear_thinking_20251015"}]}


def translated(source: Any, target: Any, *, effort: Any = None, asked: str = "", **fields: Any) -> tuple[Exchange, Any]:
    """The exchange of a client of *source* before an upstream of *target*, and the transform."""
    body: dict[str, Any] = {"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "x"}], **fields}
    x = exchange(msgspec.json.encode(body), dialect=source, upstream=upstream("up", None, dialect=target))
    x.asked = asked or body["model"]
    if effort is not None:
        x.note(EFFORT, effort)
    return x, Translate()(x)


def passed(transform: Any, *events: Event) -> list[Event]:
    """What *transform* makes of *events*."""
    made: list[Event] = []
    for event in events:
        left: Iterable[Event] | None = transform(event)
        made += [event] if left is None else left
    return made


def test_the_same_dialect_keeps_the_clients_bytes() -> None:
    """And nothing is left to do on the way down."""
    for dialect in (anthropic, chat, responses):
        x, transform = translated(dialect, dialect)
        assert transform is None
        assert x.prompt.edits == []
        assert x.noted(WITHOUT) == frozenset()


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "said"),
    [
        ("claude-sonnet-5", "high", {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-sonnet-5", 9000, {"type": "adaptive", "display": "summarized"}, "medium"),
        ("claude-sonnet-4-5", "low", {"type": "enabled", "budget_tokens": 1024, "display": "summarized"}, None),
        ("claude-sonnet-5", "none", {"type": "disabled"}, None),
    ],
)
def test_a_suffix_of_a_chat_client_reaches_claude(model: str, effort: Any, thinking: Any, said: Any) -> None:
    """As one intent, and as the model takes it; what a Chat client asks to think it is shown."""
    x, _ = translated(chat, anthropic, effort=effort, model=model)
    assert (x.prompt.get("thinking"), x.prompt.get("output_config", "effort")) == (thinking, said)


LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
CLAUDES = [(anthropic, model) for model in (*sorted(TABLE), "unheard-of")]
OPENAIS = [
    (dialect, model)
    for dialect in (chat, responses)
    for model in ("gpt-4.1", "gpt-5", "gpt-5.1", "gpt-5.2", "gpt-5.6-sol", "gpt-6-astra", "o3", "unheard-of")
]
PROVIDERS = [(spoken(chat, name), "some-model") for name in names()]


def spellings(level: str) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Client, suffix and fields of every way to say *level*."""
    config: dict[str, Any] = {} if level in ("none", "minimal") else {"output_config": {"effort": level}}
    said: list[tuple[Any, Any, dict[str, Any]]] = [
        (chat, None, {"reasoning_effort": level}),
        (chat, None, {"reasoning": {"effort": level}}),
        (responses, None, {"reasoning": {"effort": level, "summary": "auto"}}),
        (anthropic, level, {}),
        (chat, level, {}),
        (responses, level.upper(), {}),
    ]
    if level == "none":
        said.append((anthropic, None, {"thinking": {"type": "disabled"}}))
    elif config:
        said.append((anthropic, None, {"thinking": {"type": "adaptive", "display": "summarized"}, **config}))
    return said


def thought(body: dict[str, Any]) -> dict[str, Any]:
    """What a request says of thinking, but for how it is shown."""
    keys = ("thinking", "output_config", "reasoning_effort", "reasoning", "enable_thinking", "chat_template_kwargs")
    made = {key: body[key] for key in keys if key in body}
    if isinstance(made.get("reasoning"), dict):
        made["reasoning"] = {key: value for key, value in made["reasoning"].items() if key != "summary"}
    if isinstance(made.get("thinking"), dict):
        made["thinking"] = {key: value for key, value in made["thinking"].items() if key != "display"}
    return {key: value for key, value in made.items() if value != {}}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("target", "model"), [*CLAUDES, *OPENAIS, *PROVIDERS])
def test_who_says_it_and_how_makes_no_difference(target: Any, model: str, level: str) -> None:
    """One level, in every spelling, comes to the same for a model; and to nothing that the model refuses."""
    asked = []
    for client, suffix, fields in spellings(level):
        if client.NAME == target.NAME and (suffix is None or target not in (anthropic, chat, responses)):
            continue  # its own words, which stay; where a provider has others, it takes the plain one, too
        body = {"model": model, "messages": [{"role": "user", "content": "x"}], **fields}
        if client is responses:
            body["input"] = body.pop("messages")
        elif client is anthropic:  # which must say so; the others mean all that the model can write
            body["max_tokens"] = known.output if (known := capability(model)) else MAX_TOKENS
        prompt = Prompt.of(client.NAME, body)
        if client.NAME == target.NAME:
            target.fit(prompt, suffix)
        else:
            translate(prompt, client, target, asked_for(suffix))
        asked.append(thought(prompt.body()))
        if target is anthropic and client is not anthropic:
            legal_request(prompt.body())
    if target is anthropic and level == "none" and (known := capability(model)) and known.default == "off":
        asked = [each for each in asked if each != {"thinking": {"type": "disabled"}}] or [{}]  # silence says the same
    assert all(each == asked[0] for each in asked), asked
    ways = family(model)
    if target in (chat, responses) and ways.efforts is not None:
        word = asked[0].get("reasoning_effort") or asked[0].get("reasoning", {}).get("effort")
        assert word is None or word in ways.efforts


@pytest.mark.parametrize(
    ("dialect", "model", "fields", "path", "made"),
    [
        (
            anthropic,
            "claude-opus-5-5",
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            "thinking",
            "adaptive",
        ),
        (anthropic, "deepseek-v4", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking", "enabled"),
        (chat, "gpt-5.1", {"reasoning_effort": "max"}, "reasoning_effort", "high"),
        (chat, "llama", {"reasoning_effort": "none"}, "reasoning_effort", "none"),
        (responses, "gpt-5.1", {"reasoning": {"effort": "max"}}, "reasoning", "high"),
    ],
)
def test_a_client_that_named_another_model(dialect: Any, model: str, fields: Any, path: str, made: str) -> None:
    """What it says for that one is put as the model takes that was chosen in its stead, if it is known; else stays."""
    kept, _ = translated(dialect, dialect, model=model, **fields)
    assert kept.prompt.get(path) == fields[path]
    x, _ = translated(dialect, dialect, asked="alias", model=model, **fields)
    value = x.prompt.get(path)
    assert (value if isinstance(value, str) else value.get("type", value.get("effort"))) == made


@pytest.mark.parametrize(("target", "path"), [(chat, ("reasoning_effort",)), (responses, ("reasoning", "effort"))])
def test_a_suffix_of_a_claude_client_holds_against_what_its_prompt_says(target: Any, path: Any) -> None:
    """Claude Code always says an effort; the model's name was chosen by its user."""
    said: dict[str, Any] = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}
    x, _ = translated(anthropic, target, effort="high", model="gpt-5.1", **said)
    assert x.prompt.get(*path) == "high"
    assert not any(edit.lossy for edit in x.prompt.edits)


@pytest.mark.parametrize(("target", "model"), [(chat, "gpt-5.1"), (responses, "gpt-5.1")])
def test_stop_sequences_that_the_upstream_does_not_know_end_the_reply_here(target: Any, model: str) -> None:
    """The upstream sees none; the words are cut, the reason is the true one."""
    x, transform = translated(anthropic, target, model=model, stop_sequences=["</severity>"])
    assert not {"stop", "stop_sequences"} & set(x.prompt.keys())
    made = passed(transform, BlockStarted(0, Text()), TextDelta(0, "low</sever"), TextDelta(0, "ity> because"))
    assert [event.piece for event in made if isinstance(event, TextDelta)] == ["low"]
    assert x.ending == Finished("stop_sequence", "</severity>")


def test_what_was_cleared_is_told_at_the_end() -> None:
    """context_management, done here, in the vendor's form."""
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    text = {"type": "text", "text": "a"}
    turns = [
        m
        for _ in range(2)
        for m in ({"role": "user", "content": "q"}, {"role": "assistant", "content": [thought, text]})
    ]
    x, transform = translated(
        anthropic, chat, messages=[*turns, {"role": "user", "content": "q"}], context_management=CLEAR
    )
    assert not x.prompt.has("context_management")
    (end,) = passed(transform, Finished())
    assert isinstance(end, Finished)
    assert end.extra is not None
    (applied,) = end.extra["context_management"]["applied_edits"]
    assert applied["cleared_thinking_turns"] == 1


def test_an_imitation_of_the_vendor_is_asked_in_the_clients_bytes() -> None:
    """It may know context_management, and says so if it does not."""
    x, transform = translated(anthropic, anthropic, context_management=CLEAR)
    assert x.prompt.get("context_management") == CLEAR
    assert (transform, x.prompt.edits) == (None, [])


def test_steps_in_a_row_see_what_the_one_before_left() -> None:
    """Dropped is dropped, two are two; one alone is itself."""
    only = telling({"a": 1})
    assert in_a_row(None, only, None) is only
    assert in_a_row(None, None) is None

    def twice(event: Event) -> list[Event]:
        return [event, event]

    def no_tools(event: Event) -> tuple[Event, ...] | None:
        return () if isinstance(event, BlockStarted) else None

    row = in_a_row(twice, no_tools, only)
    made = passed(row, BlockStarted(0, ToolUse("t", "f")), Finished())
    assert made == [Finished(extra={"a": 1})] * 2


def test_what_is_told_does_not_hide_what_the_upstream_told() -> None:
    """It knows better."""
    (end,) = passed(telling({"a": 1, "b": 1}), Finished(extra={"b": 2}))
    assert end == Finished(extra={"a": 1, "b": 2})
