"""The tables of fields: complete by the vendors' own types, without a silent loss, and as README.md has them."""

import typing
from collections.abc import Iterable
from typing import Any

import anthropic.types as claude
import openai.types.chat as chat
import pytest
from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming as BetaMessage
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming as Message
from click.testing import CliRunner
from openai.types import responses
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as Completion
from openai.types.responses import response_input_item_param as items
from openai.types.responses import tool_param
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming as Response
from openai.types.shared_params import Reasoning

from bench import fields
from bench.probes import PROBES
from stages.translation import translate_request

# What names a part and nothing else: there is no value of it that could be lost.
NAMES = {"type", "role", "tool_use_id", "tool_call_id", "call_id"}


def keys(*kinds: Any) -> set[str]:
    """The fields of TypedDicts, inherited ones too."""
    return {key for kind in kinds for base in kind.__mro__ for key in getattr(base, "__annotations__", {})} - NAMES


def probed(dialect: str, title: str | None = None) -> set[str]:
    """The names for which there is a probe: in labels, and what their values have."""
    return {
        name
        for group in PROBES[dialect]
        if title is None or group.title.startswith(title)
        for label, value in group.rows.items()
        for name in (*words(label), *names(value))
    }


def words(label: str) -> Iterable[str]:
    return (word for part in label.partition(":")[0].split(", ") for word in part.split("."))


def names(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        yield from value
        yield from (str(value[key]) for key in ("type", "role") if key in value)
        for inner in value.values():
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


@pytest.mark.parametrize(
    ("dialect", "kinds"),
    [
        ("anthropic", (Message, BetaMessage)),
        ("chat", (Completion,)),
        ("responses", (Response,)),
    ],
)
def test_every_field_of_a_request_has_a_probe(dialect: str, kinds: Any) -> None:
    """Those that the vendors' SDKs can send."""
    assert keys(*kinds) - probed(dialect) == set()


@pytest.mark.parametrize(
    ("dialect", "title", "kind"),
    [
        ("anthropic", "text", claude.TextBlockParam),
        ("anthropic", "image", claude.ImageBlockParam),
        ("anthropic", "document", claude.DocumentBlockParam),
        ("anthropic", "search_result", claude.SearchResultBlockParam),
        ("anthropic", "thinking", claude.ThinkingBlockParam),
        ("anthropic", "tool_use", claude.ToolUseBlockParam),
        ("anthropic", "tool_result", claude.ToolResultBlockParam),
        ("anthropic", "tool", claude.ToolParam),
        ("anthropic", "tool_choice", claude.ToolChoiceToolParam),
        ("chat", "part: text", chat.ChatCompletionContentPartTextParam),
        ("chat", "part: image_url", chat.ChatCompletionContentPartImageParam),
        ("chat", "system", chat.ChatCompletionSystemMessageParam),
        ("chat", "developer", chat.ChatCompletionDeveloperMessageParam),
        ("chat", "user", chat.ChatCompletionUserMessageParam),
        ("chat", "", chat.ChatCompletionAssistantMessageParam),
        ("chat", "tool", chat.ChatCompletionToolMessageParam),
        ("responses", "function", tool_param.FunctionToolParam),
        ("responses", "", tool_param.CustomToolParam),
        ("responses", "web_search", tool_param.WebSearchToolParam),
        ("responses", "message", items.EasyInputMessageParam),
        ("responses", "message", items.ResponseOutputMessageParam),
        ("responses", "function_call", items.ResponseFunctionToolCallParam),
        ("responses", "function_call_output", items.FunctionCallOutput),
        ("responses", "", items.ResponseReasoningItemParam),
        ("responses", "", responses.ResponseInputImageParam),
        ("responses", "", responses.ResponseInputFileParam),
        ("responses", "", responses.ResponseTextConfigParam),
        ("responses", "", Reasoning),
    ],
)
def test_every_field_of_a_part_has_a_probe(dialect: str, title: str, kind: Any) -> None:
    """In the group of that part, where it has one."""
    assert keys(kind) - probed(dialect, title) == set()


def literals(hint: Any) -> Iterable[str]:
    """The words that a type allows."""
    if isinstance(hint, str):
        yield hint
    for inner in typing.get_args(hint):
        yield from literals(inner)


@pytest.mark.parametrize(
    ("dialect", "union"),
    [
        ("anthropic", claude.ContentBlockParam),
        ("responses", items.ResponseInputItemParam),
        ("responses", tool_param.ToolParam),
    ],
)
def test_every_kind_of_part_has_a_probe(dialect: str, union: Any) -> None:
    """Blocks, items and tools, by their type."""
    kinds = {word for one in typing.get_args(union) for word in literals(typing.get_type_hints(one)["type"])}
    assert len(kinds) > 5
    assert kinds - probed(dialect) == set()


@pytest.fixture(scope="module")
def outcomes() -> dict[str, fields.Outcome]:
    """What becomes of each field on its way to each protocol; for a current model, and for an unknown one."""
    return {
        f"{source} → {target}, {model}: {group.title}: {label}": fields.outcome(group, label, source, target, model)
        for source in PROBES
        for group in PROBES[source]
        for label in group.rows
        for target in fields.TITLES
        for model in (fields.CURRENT[target], fields.UNKNOWN)
    }


def test_nothing_goes_in_silence(outcomes: dict[str, fields.Outcome]) -> None:
    """Every field arrives, or is recorded, or refused by name; to a current model and to an unknown one."""
    assert [name for name, found in outcomes.items() if found.mark == fields.LOST] == []


def test_no_change_is_silent(outcomes: dict[str, fields.Outcome]) -> None:
    """What arrives in another form is recorded, with its reason."""
    assert [name for name, found in outcomes.items() if found.mark == fields.CHANGED and not found.why] == []


def test_every_base_is_a_request() -> None:
    """Its own dialect takes it, so that a refusal is about the field."""
    for source, groups in PROBES.items():
        for group in groups:
            assert translate_request(group.base, source=source, target=source).edits == ()


def test_the_readme_has_these_tables() -> None:
    """``python -m bench.fields --write`` puts them there."""
    text = fields.README.read_text(encoding="utf-8")
    assert fields.in_readme(text) == text


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("temperature", fields.DROPPED),
        ("stop_sequences", fields.KEPT),
        ("max_tokens", fields.WHOLE),
        ("mcp_servers", fields.REFUSED),
    ],
)
def test_marks(label: str, expected: str) -> None:
    """What is known of a few fields, so that a bench that marks all alike would be seen."""
    group = next(group for group in PROBES["anthropic"] if label in group.rows)
    assert fields.outcome(group, label, "anthropic", "chat", "gpt-5.6").mark == expected


def test_a_field_that_is_not_read_is_seen() -> None:
    """One that nobody knows, in a place where nobody looks, has no good mark."""
    group = fields.Group("image", "", PROBES["anthropic"][0].base, (), {"max_tokens": 1000})
    assert fields.outcome(group, "max_tokens", "anthropic", "chat", "gpt-5.6").mark == fields.LOST


def test_reasons_can_be_asked_for() -> None:
    """A line for each field and model."""
    told = CliRunner().invoke(fields.main, ["--why"])
    assert told.exit_code == 0
    assert "anthropic → chat (gpt-5.6)  request: temperature  –  temperature: the model refuses it\n" in told.output
