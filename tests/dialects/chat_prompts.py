"""Prompts in and out of the Chat dialect, and what says whether they are legal: the vendors' own parameter types.

The types alone let much pass (unknown keys, lists that are never walked), so both oracles walk the body, choose the
type of each part themselves, compare keys, and check what no type says: pairing, order, names, marks.
"""

import functools
import re
import typing
from itertools import pairwise
from typing import Any

import anthropic.types as claude
import openai.types.chat as chat_types
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from pipeline.prompt import Edit, Prompt
from stages.capabilities import capability
from stages.dialects import anthropic, chat
from stages.dialects.chat.families import Family

Body = dict[str, Any]

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ID = re.compile(r"[a-zA-Z0-9_-]+")


def in_(body: Body) -> tuple[Body, list[Edit]]:
    """A Chat prompt in the Messages shape, and what was recorded."""
    prompt = Prompt("chat", b"{}")
    return chat.to_messages(body, prompt), prompt.edits


def claudes(body: Body) -> tuple[Body, list[Edit]]:
    """A Chat prompt as a Claude model is asked it, and what was recorded."""
    prompt = Prompt("chat", b"{}")
    made = anthropic.from_messages(chat.to_messages(body, prompt), prompt)
    legal_request(made)
    return made, prompt.edits


def out(body: Body, family: Family | None = None) -> tuple[Body, list[Edit]]:
    """A prompt in the Messages shape as Chat, and what was recorded."""
    prompt = Prompt("anthropic", b"{}")
    return chat.from_messages(body, prompt, family), prompt.edits


def asked(*messages: Body, **fields: Any) -> Body:
    """A Chat prompt of *messages*; of one word, if there are none."""
    return {"model": "claude-opus-5", "messages": [*messages] or [{"role": "user", "content": "Hi"}], **fields}


def hubbed(*messages: Body, model: str = "gpt-5.1", **fields: Any) -> Body:
    """A prompt in the Messages shape."""
    said = [*messages] or [{"role": "user", "content": "Hi"}]
    return {"model": model, "max_tokens": 100, "messages": said, **fields}


def losses(edits: list[Edit]) -> list[str]:
    """The paths at which something that was asked for is gone."""
    return [edit.path for edit in edits if edit.lossy]


# -- oracles ----------------------------------------------------------------------------------------------------------

_BLOCKS: dict[str, Any] = {
    "text": claude.TextBlockParam,
    "image": claude.ImageBlockParam,
    "document": claude.DocumentBlockParam,
    "thinking": claude.ThinkingBlockParam,
    "redacted_thinking": claude.RedactedThinkingBlockParam,
    "tool_use": claude.ToolUseBlockParam,
    "tool_result": claude.ToolResultBlockParam,
}
_SPOKEN = {"user": {"text", "image", "document", "tool_result"}, "system": {"text"},
           "assistant": {"text", "thinking", "redacted_thinking", "tool_use"}}  # fmt: skip
_MESSAGES: dict[str, Any] = {
    "system": chat_types.ChatCompletionSystemMessageParam,
    "developer": chat_types.ChatCompletionDeveloperMessageParam,
    "user": chat_types.ChatCompletionUserMessageParam,
    "assistant": chat_types.ChatCompletionAssistantMessageParam,
    "tool": chat_types.ChatCompletionToolMessageParam,
}
_EXTENSIONS = {"reasoning_content", "reasoning", "reasoning_details", "top_k"}


def fits(kind: Any, value: Body, *, beside: typing.Iterable[str] = ()) -> None:
    """*value* is what *kind*, a TypedDict, says, and has no other keys."""
    adapter, keys = _adapter(kind)
    adapter.validate_python(value)
    assert not value.keys() - keys - set(beside), value.keys()


@functools.cache
def _adapter(kind: Any) -> tuple[TypeAdapter[Any], frozenset[str]]:
    return TypeAdapter(kind), frozenset(typing.get_type_hints(kind))


def legal_messages(hub: Body) -> None:
    """The Messages shape: what the API would take for a model that refuses nothing, as far as that can be known."""
    sent = {key: value for key, value in {"max_tokens": 1, **hub}.items() if key != "stream"}
    fits(MessageCreateParamsNonStreaming, sent, beside={"temperature", "top_p", "top_k", "speed"})
    roles = [message["role"] for message in hub["messages"]]
    assert roles[0] == "user"
    assert all(a != b for a, b in pairwise(roles)), roles
    calls: list[str] = []
    seen: set[str] = set()
    for number, message in enumerate(hub["messages"]):
        kinds = [block["type"] for block in message["content"]]
        assert kinds
        assert set(kinds) <= _SPOKEN[message["role"]]
        if message["role"] == "system":
            assert roles[number - 1] == "user"
            assert number + 1 == len(roles) or roles[number + 1] == "assistant"
            continue
        answered = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        assert answered == (calls if message["role"] == "user" else [])
        assert kinds[: len(answered)] == ["tool_result"] * len(answered)
        calls = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert not seen & set(calls)
        seen |= set(calls)
        assert len(set(calls)) == len(calls)
        assert all(ID.fullmatch(call) for call in calls)
        for block in message["content"]:
            legal_block(block)
    assert not calls
    for block in hub.get("system", []):
        legal_block(block)
    tools = [tool for tool in hub.get("tools", []) if "type" not in tool]
    for tool in tools:
        fits(claude.ToolParam, tool)
        assert NAME.fullmatch(tool["name"])
        assert tool["input_schema"]["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf"} & tool["input_schema"].keys()


def legal_request(body: Body) -> None:
    """What the Messages API would take, of the model that is asked."""
    legal_messages(body)
    assert str(body).count("'cache_control'") <= 4
    thinking, effort = body.get("thinking", {}), body.get("output_config", {}).get("effort")
    if thinking.get("type") == "enabled":
        assert 1024 <= thinking["budget_tokens"] < body["max_tokens"]
    known = capability(body["model"])
    if known is None:
        return
    assert body["max_tokens"] <= known.output
    assert effort is None or effort in known.efforts
    assert thinking.get("type") in {None, *known.thinking}
    assert known.instructs or all(message["role"] != "system" for message in body["messages"])
    thinks = thinking.get("type") in {"enabled", "adaptive"}
    assert body["messages"][-1]["role"] != "assistant" or (known.prefill and not thinks)
    if body.get("tool_choice", {}).get("type") in {"any", "tool"}:
        assert known.forced == "yes" or (known.forced == "unbudgeted" and thinking.get("type") != "enabled")
    sampling = {key: body[key] for key in ("temperature", "top_p", "top_k") if key in body}
    assert not sampling or known.sampling == "limited"
    assert not {"temperature", "top_p"} <= sampling.keys()
    if thinks and sampling:
        assert sampling.get("temperature", 1) == 1
        assert 0.95 <= sampling.get("top_p", 1) <= 1
        assert "top_k" not in sampling


def legal_block(block: Body) -> None:
    """A block that says something, with the keys its type has."""
    fits(_BLOCKS[block["type"]], block)
    if block["type"] == "text":
        assert block["text"].strip()
    if block["type"] == "tool_use":
        assert NAME.fullmatch(block["name"])
    if block["type"] == "tool_result" and isinstance(block.get("content"), list):
        for inner in block["content"]:
            legal_block(inner)


def legal_chat(body: Body) -> None:
    """What Chat Completions would take."""
    sent = {key: value for key, value in body.items() if key != "stream"}
    fits(CompletionCreateParamsNonStreaming, sent, beside=_EXTENSIONS)
    calls: list[str] = []
    for message in body["messages"]:
        fits(_MESSAGES[message["role"]], message, beside=_EXTENSIONS)
        if message["role"] == "tool":
            assert message["tool_call_id"] == calls.pop(0)
            continue
        assert not calls, "a call without a result"
        if isinstance(message.get("content"), list):
            assert message["content"]
            assert all(part.get("text", "x").strip() for part in message["content"])
        if message["role"] == "assistant":
            calls = [call["id"] for call in message.get("tool_calls", ())]
            assert calls or message["content"]
            assert all(NAME.fullmatch(call["function"]["name"]) for call in message.get("tool_calls", ()))
            assert all(len(call) <= 40 for call in calls)
    assert not calls
    for tool in body.get("tools", ()):
        fits(chat_types.ChatCompletionFunctionToolParam, tool)
        assert NAME.fullmatch(tool["function"]["name"])
    assert "tool_choice" not in body or "tools" in body
    assert "parallel_tool_calls" not in body or "tools" in body
