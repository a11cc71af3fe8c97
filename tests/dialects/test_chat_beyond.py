"""Chat ⇄ Responses: what both say arrives, though the hub between them has no place for it; what is lost is told."""

from typing import Any

import msgspec
import pytest

from pipeline.errors import InvalidRequest
from pipeline.prompt import Prompt
from stages.dialects import anthropic, chat, responses
from stages.translate import translate

GRAMMAR = {"syntax": "lark", "definition": 'start: "a"'}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
LABELS = {
    "metadata": {"team": "blue"}, "prompt_cache_key": "k", "safety_identifier": "who@home", "user": "u",
    "service_tier": "flex", "parallel_tool_calls": False, "prompt_cache_retention": "24h", "top_logprobs": 3,
}  # fmt: skip
CHAT: dict[str, Any] = {
    "model": "gpt-5.2",
    "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": "*** begin"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "done"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "F.", "parameters": SCHEMA, "strict": True}},
        {"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar", "grammar": GRAMMAR}}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [{"type": "custom", "custom": {"name": "patch"}}]},
    },
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "answer", "description": "A.", "schema": SCHEMA, "strict": False},
    },
    "store": True,
    "logprobs": True,
    "verbosity": "low",
    "reasoning_effort": "high",
    "max_completion_tokens": 900,
    **LABELS,
}
RESPONSES: dict[str, Any] = {
    "model": "gpt-5.2",
    "input": [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_image", "image_url": "https://x/y.png", "detail": "high"}],
        },
        {"type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": "*** begin"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"},
    ],
    "tools": [
        {"type": "function", "name": "f", "description": "F.", "parameters": SCHEMA, "strict": True},
        {"type": "custom", "name": "patch", "format": {"type": "grammar", **GRAMMAR}},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
    "text": {
        "format": {"type": "json_schema", "name": "answer", "description": "A.", "schema": SCHEMA, "strict": False},
        "verbosity": "low",
    },
    "reasoning": {"effort": "high"},
    "include": ["message.output_text.logprobs"],
    "store": True,
    "max_output_tokens": 900,
    **LABELS,
}


def sent(source: Any, target: Any, body: dict[str, Any], **more: Any) -> tuple[dict[str, Any], list[str]]:
    """*body* of a client of *source* as an upstream of *target* gets it, and where something was lost."""
    prompt = Prompt.of(source.NAME, {**body, **more})
    translate(prompt, source, target)
    return msgspec.json.decode(prompt.encode()), [edit.path for edit in prompt.edits if edit.lossy]


def test_a_chat_prompt_reaches_responses_whole() -> None:
    """Every field that both have, pictures with their detail, grammars, the client's own schemas; nothing is lost."""
    made, lost = sent(chat, responses, CHAT)
    assert lost == []
    assert made.pop("include") == ["message.output_text.logprobs", "reasoning.encrypted_content"]
    assert made.pop("reasoning") == {"effort": "high", "summary": "auto"}
    assert made == {key: value for key, value in RESPONSES.items() if key not in {"include", "reasoning"}}


def test_a_responses_prompt_reaches_chat_whole() -> None:
    """The same the other way round, where the model is OpenAI's own."""
    made, lost = sent(responses, chat, RESPONSES)
    assert lost == []
    assert made == CHAT


@pytest.mark.parametrize("body", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_there_and_back_is_the_same(body: dict[str, Any]) -> None:
    """But for what a gateway asks of Responses on its own account: reasoning to give back, and its summary."""
    here, there = (chat, responses) if body is CHAT else (responses, chat)
    again, _ = sent(there, here, sent(here, there, body)[0])
    if here is responses:
        assert again.pop("include") == ["message.output_text.logprobs", "reasoning.encrypted_content"]
        again.pop("reasoning")
    assert again == {key: value for key, value in body.items() if key in again}
    assert body.keys() - again.keys() <= {"include", "reasoning"}


def test_what_responses_has_no_place_for_is_told() -> None:
    """And not sent."""
    only = {"seed": 1, "logit_bias": {"5": 1}, "presence_penalty": 0.5, "prediction": {"type": "x"}}
    made, lost = sent(chat, responses, CHAT, **only)
    assert sorted(lost) == ["logit_bias", "prediction", "presence_penalty", "seed"]
    assert not made.keys() & set(lost)


def test_plain_json_is_asked_for_in_its_own_field() -> None:
    """Not in words, which would stand before a cached prefix."""
    made, lost = sent(chat, responses, CHAT, response_format={"type": "json_object"})
    assert made["text"] == {"format": {"type": "json_object"}, "verbosity": "low"}
    assert (lost, made["input"][0]["role"]) == ([], "user")


def test_labels_stay_behind_where_nothing_is_stored() -> None:
    """Chat refuses metadata without store; Responses does not, and is told not to store."""
    made, lost = sent(responses, chat, RESPONSES, store=False)
    assert ("metadata" in made, "store" in made, lost) == (False, False, ["metadata"])
    made, lost = sent(chat, responses, CHAT, store=None)
    assert (made["metadata"], made["store"], lost) == ({"team": "blue"}, False, [])


def test_a_server_that_is_not_openais_gets_what_every_server_knows() -> None:
    """The rest goes by the hub: a grammar as a function of one text, allowed tools as the only ones."""
    made, lost = sent(responses, chat, RESPONSES, model="some-model")
    assert (made["logprobs"], made["top_logprobs"], made["response_format"]["type"]) == (True, 3, "json_schema")
    (tool,) = made["tools"]
    assert tool["function"]["name"] == "patch"
    assert 'start: "a"' in tool["function"]["description"]
    assert made["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"input":"*** begin"}'
    assert not made.keys() & {"metadata", "verbosity", "prompt_cache_key", "store", "safety_identifier", "service_tier"}
    assert {"metadata", "verbosity", "service_tier"} <= set(lost)
    assert "beyond" not in made


def test_a_choice_without_tools_is_not_sent() -> None:
    """OpenAI refuses it."""
    made, _ = sent(chat, responses, CHAT, tools=[], tool_choice="auto")
    assert not made.keys() & {"tools", "tool_choice", "parallel_tool_calls"}


def test_names_that_no_model_takes_are_the_same_in_tools_and_history() -> None:
    """The tool, the choice and the call agree."""
    call = {"id": "c", "type": "function", "function": {"name": "a.b/c", "arguments": "{}"}}
    made, _ = sent(
        chat,
        responses,
        CHAT,
        messages=[{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}],
        tools=[{"type": "function", "function": {"name": "a.b/c"}}],
        tool_choice={"type": "function", "function": {"name": "a.b/c"}},
    )
    called = made["input"][1]["name"]
    assert made["tools"][0]["name"] == made["tool_choice"]["name"] == called != "a.b/c"


@pytest.mark.parametrize("source", [chat, responses])
def test_claude_sees_nothing_of_it(source: Any) -> None:
    """What the Messages shape has no place for is dropped, and told."""
    body = CHAT if source is chat else RESPONSES
    made, lost = sent(source, anthropic, body, model="claude-opus-4-6")
    assert "beyond" not in made
    assert "detail" not in made["messages"][0]["content"][0]
    assert {"verbosity", "metadata"} <= {path.rpartition(".")[2] for path in lost}


@pytest.mark.parametrize(
    "wrong",
    [
        {"tools": [{"type": "function"}]},
        {"tools": [{"type": "strange", "strange": {"name": "x"}}]},
        {"tools": "x"},
        {"response_format": "json"},
        {"tool_choice": {"type": "function"}},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": 3}}},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """With the field's name, as anywhere."""
    with pytest.raises(InvalidRequest) as told:
        sent(chat, responses, CHAT, **wrong)
    assert str(told.value.param).startswith(next(iter(wrong)))
