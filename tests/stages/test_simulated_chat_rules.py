"""What the simulated Chat Completions API refuses, and in which words."""

from typing import Any

import pytest

from tests.stages.simulated_talk import BASH, Talk

TOOL = BASH["chat"]
HI = {"role": "user", "content": "hi"}
CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "Bash", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "Bash", "arguments": "{}"}},
    ],
}
ONE, TWO = ({"role": "tool", "tool_call_id": ident, "content": "ok"} for ident in ("c1", "c2"))
UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)

EVERYWHERE: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    ({"model": ...}, "you must provide a model parameter", None, None),
    ({"messages": ...}, "Missing required parameter: 'messages'.", "missing_required_parameter", "messages"),
    (
        {"stream_options": {"include_usage": True}},
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        None,
        "stream_options",
    ),
    ({"messages": [HI, CALLS]}, UNANSWERED + "c1, c2", None, "messages.[2].role"),
    ({"messages": [HI, CALLS, ONE]}, UNANSWERED + "c2", None, "messages.[3].role"),
    ({"messages": [HI, CALLS, ONE, HI, TWO]}, UNANSWERED + "c2", None, "messages.[3].role"),
    (
        {"messages": [HI, ONE]},
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        None,
        "messages.[1].role",
    ),
    (
        {"messages": [HI, CALLS, ONE, TWO, {**ONE, "tool_call_id": "c3"}]},
        "Invalid parameter: 'tool_call_id' of 'c3' not found in 'tool_calls' of previous message.",
        None,
        "messages.[4].tool_call_id",
    ),
    (
        {"messages": [{"role": "user", "content": None}]},
        "Invalid value for 'content': expected a string, got null.",
        None,
        "messages.[0].content",
    ),
    (
        {"messages": [{"role": "human", "content": "x"}]},
        (
            "Invalid value: 'human'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', "
            "and 'developer'."
        ),
        "invalid_value",
        "messages[0].role",
    ),
]
OFFICIAL: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    ({"foo": 1}, "Unrecognized request argument supplied: foo", None, None),
    ({"foo": 1, "thinking": {}}, "Unrecognized request arguments supplied: foo, thinking", None, None),
    (
        {"stop": ["a", "b", "c", "d", "e"], "model": "gpt-4.1"},
        (
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with "
            "length 5 instead."
        ),
        "array_above_max_length",
        "stop",
    ),
    (
        {"max_tokens": 5},
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "unsupported_parameter",
        "max_tokens",
    ),
    (
        {"temperature": 0.2},
        (
            "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value "
            "is supported."
        ),
        "unsupported_value",
        "temperature",
    ),
    ({"stop": "x"}, "Unsupported parameter: 'stop' is not supported with this model.", "unsupported_parameter", "stop"),
    (
        {"tools": [TOOL], "reasoning_effort": "high"},
        (
            "Function tools with reasoning_effort are not supported for gpt-6-sol in /v1/chat/completions. To "
            "use function "
            "tools, use /v1/responses or set reasoning_effort to 'none'."
        ),
        None,
        "reasoning_effort",
    ),
    (
        {"reasoning_effort": "high", "model": "gpt-4.1"},
        "Unrecognized request argument supplied: reasoning_effort",
        None,
        None,
    ),
    (
        {"tools": []},
        "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "empty_array",
        "tools",
    ),
    (
        {"tool_choice": "auto"},
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        None,
        "tool_choice",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "a.b"}}]},
        (
            "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the "
            "pattern "
            "'^[a-zA-Z0-9_-]+$'."
        ),
        "invalid_value",
        "tools[0].function.name",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "x" * 65}}]},
        (
            "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, but "
            "got a string "
            "with length 65 instead."
        ),
        "string_above_max_length",
        "tools[0].function.name",
    ),
    (
        {"reasoning_effort": "minimal"},
        (
            "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values are: "
            "'none', 'low', 'medium', 'high', 'xhigh', and 'max'."
        ),
        "unsupported_value",
        "reasoning_effort",
    ),
    (
        {"reasoning_effort": "none", "model": "o3"},
        (
            "Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: "
            "'low', 'medium', and 'high'."
        ),
        "unsupported_value",
        "reasoning_effort",
    ),
    (
        {"max_completion_tokens": 200_000},
        (
            "max_tokens is too large: 200000. This model supports at most 128000 completion tokens, whereas you "
            "provided 200000."
        ),
        "invalid_value",
        "max_completion_tokens",
    ),
    (
        {"model": "gpt-4.1", "max_tokens": 5, "max_completion_tokens": 5},
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        None,
        None,
    ),
    (
        {"model": "gpt-4.1", "temperature": 3},
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
        "decimal_above_max_value",
        "temperature",
    ),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "Read"}}},
        "Invalid value for 'tool_choice': no function named 'Read' was specified in the 'tools' parameter.",
        None,
        "tool_choice",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "a", "input_schema": {}}}]},
        "Unknown parameter: 'tools[0].function.input_schema'.",
        "unknown_parameter",
        "tools[0].function.input_schema",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "a", "strict": True, "parameters": {"type": "object"}}}]},
        (
            "Invalid schema for function 'a': In context=(), 'additionalProperties' is required to be supplied and to "
            "be false."
        ),
        "invalid_function_parameters",
        "tools[0].function.parameters",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        "Missing required parameter: 'response_format.json_schema.name'.",
        "missing_required_parameter",
        "response_format.json_schema.name",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": {}}}},
        (
            "Invalid schema for response_format 'a': schema must be a JSON Schema of 'type: \"object\"', got "
            "'type: \"None\"'."
        ),
        None,
        "response_format",
    ),
    (
        {"response_format": {"type": "json_object"}},
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        None,
        "messages",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]},
        "Unknown parameter: 'messages[0].content[0].cache_control'.",
        "unknown_parameter",
        "messages[0].content[0].cache_control",
    ),
    (
        {"messages": [HI, {"role": "assistant", "content": "x", "reasoning_content": "y"}, HI]},
        "Unknown parameter: 'messages[1].reasoning_content'.",
        "unknown_parameter",
        "messages[1].reasoning_content",
    ),
    (
        {"messages": [HI, CALLS, ONE, {**TWO, "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        (
            "Invalid 'messages[3].content[0]'. Image URLs are only allowed for messages with role 'user', but "
            "this message "
            "with role 'tool' contains an image URL."
        ),
        "invalid_value",
        "messages[3].content[0]",
    ),
]


@pytest.mark.parametrize(("fields", "told", "code", "param"), EVERYWHERE)
async def test_refused_everywhere(fields: dict[str, Any], told: str, code: str | None, param: str | None) -> None:
    """What no server of this API takes is a 400 with the vendor's message, code and param."""
    given = {"messages": [HI], **fields}
    heard = await Talk("chat").ask(given.pop("messages"), **given)
    assert heard.status == 400
    assert heard.error == {"message": told, "type": "invalid_request_error", "param": param, "code": code}


@pytest.mark.parametrize(("fields", "told", "code", "param"), OFFICIAL)
async def test_refused_by_the_vendor_itself(
    fields: dict[str, Any], told: str, code: str | None, param: str | None
) -> None:
    """What OpenAI's own server minds is refused for its models, and taken for compatible ones."""
    given = {"messages": [HI], "model": "gpt-6-sol", **fields}
    messages = given.pop("messages")
    heard = await Talk("chat").ask(messages, **given)
    assert heard.status == 400
    assert heard.error == {"message": told, "type": "invalid_request_error", "param": param, "code": code}
    assert (await Talk("chat").ask(messages, **{**given, "model": "simulated"})).status == 200


TAKEN: list[dict[str, Any]] = [
    {"model": "gpt-6-sol", "tools": [TOOL], "reasoning_effort": "none", "temperature": 0.2},
    {"model": "gpt-5", "tools": [TOOL], "reasoning_effort": "high"},
    {"model": "gpt-4.1", "max_tokens": 5, "temperature": 0.2, "stop": ["a", "b", "c", "d"]},
    {"messages": [HI, CALLS, TWO, ONE, HI]},
    {"messages": [HI, CALLS, ONE, TWO, {"role": "assistant", "content": "done"}, HI]},
    {"messages": [{"role": "developer", "content": "x"}, HI], "model": "gpt-6-sol", "prompt_cache_key": "k"},
]


@pytest.mark.parametrize("fields", TAKEN)
async def test_taken(fields: dict[str, Any]) -> None:
    """What the API takes is taken."""
    given = {"messages": [HI], **fields}
    heard = await Talk("chat").ask(given.pop("messages"), **given)
    assert heard.status == 200, heard.body


@pytest.mark.parametrize(
    ("model", "effort", "status"),
    [
        *((name, "high", 400) for name in ("gpt-5.4", "gpt-5.4-mini", "gpt-5.5", "gpt-5.6-luna", "gpt-6.1-sol")),
        *((name, effort, 200) for name in ("gpt-5.4", "gpt-6-sol") for effort in ("none", None)),
        *((name, "high", 200) for name in ("gpt-5", "gpt-5.2", "o3")),
    ],
)
async def test_newer_models_call_tools_without_reasoning_only(model: str, effort: str | None, status: int) -> None:
    """From gpt-5.4 on functions and an effort together are for Responses; without tools any effort is taken."""
    heard = await Talk("chat").ask("hi", model=model, tools=[TOOL], reasoning_effort=effort)
    assert heard.status == status, heard.body
    if status == 400:
        assert heard.error["message"].startswith(
            f"Function tools with reasoning_effort are not supported for {model} in"
        )
        assert (heard.error["type"], heard.error["param"]) == ("invalid_request_error", "reasoning_effort")
    assert (await Talk("chat").ask("hi", model=model, reasoning_effort=effort)).status == 200


async def test_some_want_their_reasoning_back() -> None:
    """A model that thinks by default refuses calls that come back without what led to them."""
    asked = {"model": "deepseek-v4-pro", "tools": [TOOL]}
    heard = await Talk("chat").ask([HI, CALLS, ONE, TWO], **asked)
    assert heard.error["message"] == "The `reasoning_content` in the thinking mode must be passed back to the API."
    kept = {**CALLS, "reasoning_content": ""}
    assert (await Talk("chat").ask([HI, kept, ONE, TWO], **asked)).status == 200
    assert (await Talk("chat").ask([HI, CALLS, ONE, TWO], **asked, thinking={"type": "disabled"})).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b'{"model":1}', b'{"model":"m","messages":[1]}'])
async def test_what_is_no_request_is_refused(body: bytes) -> None:
    """Anything that is not a request is a 400, whatever it is."""
    for strict in (True, False):
        heard = await Talk("chat", strict=strict).send("POST", "/v1/chat/completions", body)
        assert (heard.status, heard.error["type"]) == (400, "invalid_request_error")
