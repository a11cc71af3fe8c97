"""What the simulated Messages API refuses, and in which words."""

from typing import Any

import pytest

from stages.simulated import signature
from tests.stages.simulated_talk import Talk

NEW = [(b"authorization", b"Bearer k"), (b"anthropic-version", b"2026-10-21")]
TOOL = {"name": "Bash", "input_schema": {"type": "object"}}
CLOSED = {"type": "object", "properties": {"a": {"type": "array", "minItems": 1}}, "additionalProperties": False}
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
USE = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


HI = user(text("hi"))
FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": ...}, "max_tokens: Field required"),
    ({"model": ...}, "model: Field required"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"max_tokens": "many"}, "max_tokens: Input should be a valid integer"),
    ({"foo": 1}, "foo: Extra inputs are not permitted"),
    ({"context_management": {}}, "context_management: Extra inputs are not permitted"),
    ({"metadata": {"session": "x"}}, "metadata.session: Extra inputs are not permitted"),
    (
        {"model": "claude-opus-4-5", "max_tokens": 64001},
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-opus-4-5",
    ),
    ({"max_tokens": 0, "stream": True}, "max_tokens: must be greater than 0 when `stream` is true"),
    ({"model": "claude-opus-5-5", "temperature": 1}, "`temperature` is deprecated for this model."),
    ({"model": "claude-sonnet-5", "top_k": 5}, "`top_k` is deprecated for this model."),
    (
        {"temperature": 0.5, "thinking": {"type": "adaptive"}},
        "`temperature` may only be set to 1 when thinking is enabled.",
    ),
    ({"stop_sequences": ["a", " "]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    (
        {"max_tokens": 0, "thinking": {"type": "adaptive"}},
        "max_tokens: must be greater than 0 when `thinking` is enabled",
    ),
    (
        {"max_tokens": 0, "output_config": {"format": {"type": "json_schema", "schema": CLOSED}}},
        "max_tokens: must be greater than 0 when `output_config.format` is set",
    ),
    (
        {"max_tokens": 0, "tools": [TOOL], "tool_choice": {"type": "any"}},
        "max_tokens: must be greater than 0 when `tool_choice` forces tool use",
    ),
    ({"output_config": {"length": "short"}}, "output_config.length: Extra inputs are not permitted"),
    ({"output_config": {"task_budget": {}}}, "output_config.task_budget: Extra inputs are not permitted"),
    (
        {"output_config": {"format": {"type": "json_object"}}},
        "output_config.format.type: Input should be 'json_schema'",
    ),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: Field required"),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
]
THINKING: list[tuple[dict[str, Any], str]] = [
    (
        {"model": "claude-opus-5-5", "thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
        (
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        ),
    ),
    (
        {"model": "claude-opus-5-5", "thinking": {"type": "disabled"}},
        '"thinking.type.disabled" is not supported for this model.',
    ),
    (
        {"model": "claude-sonnet-5-5", "thinking": {"type": "disabled"}},
        (
            'To turn thinking off on this model, send "thinking": {"type": "between_tools"} instead of '
            '{"type": "disabled"}.'
        ),
    ),
    (
        {"model": "claude-sonnet-4-5", "thinking": {"type": "adaptive"}},
        "adaptive thinking is not supported on this model",
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 1000}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
    (
        {"thinking": {"type": "adaptive", "budget_tokens": 2000}},
        "thinking.adaptive.budget_tokens: Extra inputs are not permitted",
    ),
    (
        {"thinking": {"type": "disabled", "display": "omitted"}},
        "thinking.disabled.display: Extra inputs are not permitted",
    ),
    (
        {"thinking": {"type": "adaptive", "display": "full"}},
        "thinking.adaptive.display: Input should be 'summarized' or 'omitted'",
    ),
    (
        {"thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}}},
        "thinking.adaptive.block_binding: Extra inputs are not permitted",
    ),
    (
        {"model": "claude-opus-5", "thinking": {"type": "disabled"}, "output_config": {"effort": "max"}},
        "\"thinking.type.disabled\" is not supported with effort level 'max' on this model.",
    ),
    (
        {"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}},
        "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
    ),
    (
        {"model": "claude-sonnet-4-5", "output_config": {"effort": "low"}},
        "This model does not support the effort parameter.",
    ),
]
TOOLS: list[tuple[dict[str, Any], str]] = [
    ({"tools": [{**TOOL, "name": "a b"}]}, "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"),
    (
        {"tools": [{**TOOL, "name": "x" * 65}]},
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
    ),
    ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
    ({"tools": [{**TOOL, "input_schema": {}}]}, "tools.0.custom.input_schema.type: Input should be 'object'"),
    ({"tools": [{**TOOL, "parameters": {}}]}, "tools.0.custom.parameters: Extra inputs are not permitted"),
    (
        {"tools": [{**TOOL, "strict": True, "input_schema": {"type": "object"}}]},
        "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (
        {"tools": [TOOL], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted",
    ),
    (
        {"model": "claude-opus-5-5", "tools": [TOOL], "tool_choice": {"type": "any"}},
        'tool_choice: type "tool" and "any" are not supported for this model.',
    ),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "Read"}}, "Tool 'Read' not found in provided tools"),
    (
        {
            "tools": [TOOL],
            "tool_choice": {"type": "any"},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 2000,
        },
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
]
NO_RESULT = (
    "`tool_use` ids were found without `tool_result` blocks immediately after: t1. Each `tool_use` block must have a "
    "corresponding `tool_result` block in the next message."
)
TURNS: list[tuple[dict[str, Any], str]] = [
    ({"messages": [user(text(" \n"))]}, "messages: text content blocks must contain non-whitespace text"),
    (
        {"messages": [HI, assistant({**USE, "id": "a.b"}), user({**RESULT, "tool_use_id": "a.b"})]},
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    (
        {"messages": [HI, assistant(USE), user(RESULT), assistant(USE), user(RESULT)]},
        "messages: `tool_use` ids must be unique",
    ),
    (
        {
            "messages": [
                user({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "Qk0="}})
            ]
        },
        (
            "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', "
            "'image/gif' or 'image/webp'"
        ),
    ),
    (
        {"model": "claude-opus-4-5", "messages": [HI, assistant(text("The answer is "))]},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    ({"messages": [HI, assistant(USE)]}, f"messages.1: {NO_RESULT}"),
    ({"messages": [HI, assistant(USE), user(text("never mind"))]}, f"messages.1: {NO_RESULT}"),
    ({"messages": [HI, assistant(USE), user(text("first"), RESULT)]}, f"messages.1: {NO_RESULT}"),
    (
        {"messages": [HI, assistant(text("x")), user(RESULT)]},
        (
            "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1. Each "
            "`tool_result` block "
            "must have a corresponding `tool_use` block in the previous message."
        ),
    ),
    ({"messages": [user(text(""))]}, "messages: text content blocks must be non-empty"),
    ({"messages": [HI], "system": [text("")]}, "system: text content blocks must be non-empty"),
    (
        {"messages": [{"role": "user", "content": ""}]},
        "messages.0: all messages must have non-empty content except for the optional final assistant message",
    ),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: Input should be 'user' or 'assistant'"),
    (
        {"model": "claude-sonnet-5", "messages": [HI, {"role": "system", "content": "x"}]},
        "messages.1.role: Input should be 'user' or 'assistant'",
    ),
    (
        {"messages": [{"role": "system", "content": "x"}, HI]},
        "messages.0: a system message must follow a user turn and be last or before an assistant turn",
    ),
    ({"messages": [{**HI, "name": "ada"}]}, "messages.0.name: Extra inputs are not permitted"),
    (
        {"messages": [HI, {"role": "system", "content": [], "output_config": {"effort": "low"}}]},
        "messages.1.output_config: Extra inputs are not permitted",
    ),
    ({"messages": [user(text("x", name="y"))]}, "messages.0.content.0.text.name: Extra inputs are not permitted"),
    ({"messages": [user(USE)]}, "messages.0.content.0: `tool_use` blocks are not permitted in `user` messages"),
    (
        {"messages": [HI, assistant({**USE, "input": "{}"})]},
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        {"model": "claude-opus-5-5", "messages": [HI, assistant(text("The answer is"))]},
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
    (
        {
            "messages": [HI, assistant(text("x"), USE), user(RESULT)],
            "tools": [TOOL],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 2000,
        },
        (
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. When "
            "`thinking` is "
            "enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of "
            "`tool_use` and `tool_result` blocks)."
        ),
    ),
]
MARKERS: list[tuple[dict[str, Any], str]] = [
    (
        {"messages": [user(*[text(str(n), cache_control=MARK) for n in range(5)])]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        {"messages": [user(*[text(str(n), cache_control=MARK) for n in range(4)], text("e"))], "cache_control": MARK},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        {"system": [text("a", cache_control=MARK)], "messages": [user(text("b", cache_control=HOUR))]},
        (
            "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
            "cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`."
        ),
    ),
    (
        {"messages": [user(text("a", cache_control=HOUR))], "cache_control": MARK},
        "Top-level cache_control has ttl='5m' but the target block already has cache_control with ttl='1h'",
    ),
    (
        {"messages": [user(text("", cache_control=MARK))]},
        "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
    ),
    (
        {
            "messages": [
                HI,
                assistant({"type": "thinking", "thinking": "x", "signature": "y", "cache_control": MARK}),
                HI,
            ]
        },
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
]


@pytest.mark.parametrize(("fields", "told"), [*FIELDS, *THINKING, *TOOLS, *TURNS, *MARKERS])
async def test_refused_in_the_vendors_words(fields: dict[str, Any], told: str) -> None:
    """What the API does not take is a 400 with its own message."""
    fields = {"messages": [HI], **fields}
    messages = fields.pop("messages")
    heard = await Talk("anthropic").ask(messages, **fields)
    assert heard.status == 400
    assert heard.error == {"type": "invalid_request_error", "message": told}


async def test_a_lenient_model_takes_it_all() -> None:
    """Without strictness only what can't be read is refused."""
    talk = Talk("anthropic", strict=False)
    for fields, _ in [*THINKING, *TOOLS, *TURNS, *MARKERS]:
        heard = await talk.ask(fields.get("messages", [HI]), **{k: v for k, v in fields.items() if k != "messages"})
        assert heard.status == 200


TAKEN: list[dict[str, Any]] = [
    {"model": "claude-opus-5", "thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
    {"tools": [{**TOOL, "strict": True, "input_schema": CLOSED}]},
    {"output_config": {"format": {"type": "json_schema", "schema": CLOSED}}},
    {"max_tokens": 0},
    {"temperature": 0.5},
    {"model": "claude-sonnet-5", "temperature": 1},
    {"model": "claude-opus-4-5", "messages": [HI, assistant(text("The answer is"))]},
    {"model": "claude-opus-5-5", "thinking": {"type": "adaptive", "display": "summarized"}},
    {"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools"}},
    {"model": "claude-opus-4-6", "thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000},
    {"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "any"}},
    {"tools": []},
    {"messages": [HI, assistant(text("a"), USE), user(RESULT, text("and then"))]},
    {"messages": [HI, assistant(USE), user(RESULT), user(text("more"))]},
    {"messages": [HI, {"role": "system", "content": []}]},
    {"messages": [HI, {"role": "system", "content": "x"}, assistant(text("a")), HI]},
    {"system": [text("a", cache_control=HOUR)], "messages": [user(text("b", cache_control=MARK))]},
    {"messages": [HI, assistant(USE), user({**RESULT, "is_error": True})]},
    {"messages": [user(*[text(str(n), cache_control=MARK) for n in range(4)])], "cache_control": MARK},
]


@pytest.mark.parametrize("fields", TAKEN)
async def test_taken(fields: dict[str, Any]) -> None:
    """What the API takes is taken."""
    fields = {"messages": [HI], **fields}
    heard = await Talk("anthropic").ask(fields.pop("messages"), **fields)
    assert heard.status == 200, heard.body


async def test_the_second_version_takes_no_sampling() -> None:
    """Under 2026-10-21 any presence of a sampling parameter is an unknown field, on every model."""
    heard = await Talk("anthropic").ask("hi", headers=NEW, temperature=1)
    assert heard.error["message"] == "temperature: Extra inputs are not permitted"
    assert (await Talk("anthropic").ask("hi", temperature=1)).status == 200


async def test_the_second_version_moves_documents_and_citations() -> None:
    """Under 2026-10-21 an assistant shows no documents and a user's words have no citations."""
    talk = Talk("anthropic")
    paper = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
    cited = text("x", citations=[{"type": "char_location"}])
    for messages, told in (
        ([HI, assistant(paper), HI], "messages.1.content.0: `document` blocks are not permitted"),
        ([user(cited)], "messages.0.content.0.text.citations: citations are not permitted"),
    ):
        assert (await talk.ask(messages)).status == 200
        assert (await talk.ask(messages, headers=NEW)).error["message"].startswith(told)


async def test_a_version_is_needed() -> None:
    """anthropic-version must be there, and be one of the two."""
    talk = Talk("anthropic")
    key = (b"x-api-key", b"k")
    heard = await talk.ask("hi", headers=[key, (b"anthropic-version", b"")])
    assert heard.error["message"] == "anthropic-version: header is required"
    assert (await talk.ask("hi", headers=[key, (b"anthropic-version", b"2020-01-01")])).status == 400
    assert (await talk.ask("hi", headers=[key, (b"anthropic-version", b"2026-10-21")])).status == 200


async def test_beta_fields_come_with_their_header() -> None:
    """A beta's field without its header is unknown; with it, it is taken."""
    beta = [(b"x-api-key", b"k"), (b"anthropic-beta", b"a-1,context-management-2025-06-27")]
    talk = Talk("anthropic")
    assert (await talk.ask("hi", context_management={"edits": []})).status == 400
    assert (await talk.ask("hi", context_management={"edits": []}, headers=beta)).status == 200
    turned = [HI, {"role": "system", "content": [], "output_config": {"effort": "low"}}]
    per_turn = [(b"x-api-key", b"k"), (b"anthropic-beta", b"per-turn-control-2026-07-01")]
    assert (await talk.ask(turned, headers=per_turn)).status == 200


# -- thinking that comes back -----------------------------------------------------------------------------------------


async def replay(model: str, edit: Any = None, *, asked: str = "[[think hm]] [[call Bash {}]]", **fields: Any) -> str:
    """The refusal (or nothing) a tool loop meets whose history *edit* has changed; *fields* may hold headers."""
    talk = Talk("anthropic")
    common = {"model": model, "tools": [TOOL], "thinking": {"type": "adaptive", "display": "summarized"}, **fields}
    messages = [user(text(asked))]
    first = (await talk.ask(messages, **common)).json
    assert first["content"][0]["type"] == "thinking"
    result = {"type": "tool_result", "tool_use_id": first["content"][1]["id"], "content": "ok"}
    history = [*messages, assistant(*first["content"]), user(result)]
    if edit:
        edit(history)
    heard = await talk.ask(history, **common)
    return "" if heard.status == 200 else str(heard.error["message"])


def set_thought(history: Any) -> None:
    history[1]["content"][0]["thinking"] = "something else"


def set_signature(history: Any) -> None:
    history[1]["content"][0]["signature"] = "RnJvbSBlbHNld2hlcmU="


def withhold(history: Any) -> None:
    history[1]["content"][0]["thinking"] = ""


def set_prompt(history: Any) -> None:
    history[0]["content"].append(text("a reminder that a gateway put here"))


def move_marker(history: Any) -> None:
    history[0]["content"][0]["cache_control"] = MARK


def spell_as_string(history: Any) -> None:
    history[0]["content"] = history[0]["content"][0]["text"]


async def test_thinking_comes_back_as_it_was() -> None:
    """Own signatures are known again, also without the text; foreign ones and changed thoughts are refused."""
    assert await replay("claude-sonnet-5") == ""
    assert await replay("claude-sonnet-5", withhold) == ""
    foreign = await replay("claude-sonnet-5", set_signature)
    assert foreign == "messages.1.content.0: Invalid `signature` in `thinking` block"
    changed = await replay("claude-sonnet-5", set_thought)
    assert changed.startswith("messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant")


async def test_newer_thinking_is_bound_to_its_prefix() -> None:
    """On models that preserve thinking, a changed history is refused; moved markers and spellings are no change."""
    bound = await replay("claude-opus-5-5", set_prompt)
    assert bound.startswith(
        "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation."
    )
    assert await replay("claude-sonnet-5", set_prompt) == ""
    assert await replay("claude-opus-5-5", move_marker) == ""
    assert await replay("claude-opus-5-5", spell_as_string) == ""
    dropping = {
        "type": "adaptive",
        "display": "summarized",
        "block_binding": {"prefix_mismatch_behavior": "drop_block"},
    }
    beta = [(b"x-api-key", b"k"), (b"anthropic-beta", b"thinking-binding-controls-2026-08-01")]
    assert await replay("claude-opus-5-5", set_prompt, thinking=dropping, headers=beta) == ""


async def test_redacted_thinking_is_known_again() -> None:
    """Redacted blocks are sealed like signed ones."""
    sealed = {"type": "redacted_thinking", "data": signature.sign("")}
    talk = Talk("anthropic")
    assert (await talk.ask([HI, assistant(sealed, text("a")), HI])).status == 200
    forged = await talk.ask([HI, assistant({**sealed, "data": "eHg="}, text("a")), HI])
    assert forged.error["message"] == "messages.1.content.0: Invalid `data` in `redacted_thinking` block"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"null", b'{"model":1}', b'{"model":"m","max_tokens":1,"messages":[1]}']
)
async def test_what_is_no_request_is_refused(body: bytes) -> None:
    """Anything that is not a request is a 400, whatever it is."""
    for strict in (True, False):
        heard = await Talk("anthropic", strict=strict).send("POST", "/v1/messages", body)
        assert (heard.status, heard.error["type"]) == (400, "invalid_request_error")
