"""What the simulated Responses API refuses of a request beside its input, and in which words."""

import json
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from openai.types.responses.response_includable import ResponseIncludable
from openai.types.shared_params import Reasoning

from stages.simulated import responses_door, responses_fields
from stages.simulated.refusal import Refused
from tests.stages.simulated_talk import BASH, Talk

WORDS = (
    "type",
    "name",
    "role",
    "content",
    "id",
    "tools",
    "format",
    "text",
    "call_id",
    "summary",
    "parameters",
    "effort",
)
BAD_NAME = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**OPEN, "additionalProperties": False}

REFUSED: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    ({"model": ...}, "Missing required parameter: 'model'.", "missing_required_parameter", "model"),
    ({"model": 5}, "Invalid type for 'model': expected a string, but got an integer instead.", "invalid_type", "model"),
    (
        {"input": ...},
        "Missing one of: 'input' or 'previous_response_id' or 'prompt' or 'conversation_id'.",
        "missing_required_parameter",
        None,
    ),
    ({"stop": ["x"]}, "Unknown parameter: 'stop'. Did you mean 'store'?", "unknown_parameter", "stop"),
    ({"n": 2}, "Unknown parameter: 'n'.", "unknown_parameter", "n"),
    ({"seed": 2}, "Unknown parameter: 'seed'.", "unknown_parameter", "seed"),
    ({"logit_bias": {}}, "Unknown parameter: 'logit_bias'.", "unknown_parameter", "logit_bias"),
    ({"thinking": {}}, "Unknown parameter: 'thinking'.", "unknown_parameter", "thinking"),
    (
        {"stream_options": {"include_usage": True}, "stream": True},
        "Unknown parameter: 'stream_options.include_usage'.",
        "unknown_parameter",
        "stream_options.include_usage",
    ),
    (
        {"stream_options": {"include_obfuscation": False}},
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        None,
        "stream_options",
    ),
    (
        {"max_output_tokens": 10},
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 10 instead.",
        "integer_below_min_value",
        "max_output_tokens",
    ),
    (
        {"temperature": 3},
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
        "decimal_above_max_value",
        "temperature",
    ),
    (
        {"store": "no"},
        "Invalid type for 'store': expected a boolean, but got a string instead.",
        "invalid_type",
        "store",
    ),
    (
        {"truncation": "left"},
        "Invalid value: 'left'. Supported values are: 'auto' and 'disabled'.",
        "invalid_value",
        "truncation",
    ),
    (
        {"reasoning": {"effort": "ultra"}},
        "Invalid value: 'ultra'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'.",
        "invalid_value",
        "reasoning.effort",
    ),
    (
        {"reasoning": {"budget_tokens": 5}},
        "Unknown parameter: 'reasoning.budget_tokens'.",
        "unknown_parameter",
        "reasoning.budget_tokens",
    ),
    (
        {"prompt_cache_key": "k" * 65},
        (
            "Invalid 'prompt_cache_key': string too long. Expected a string with maximum length 64, but got a string "
            "with length 65 instead."
        ),
        "string_above_max_length",
        "prompt_cache_key",
    ),
    # -- what is not kept
    (
        {"previous_response_id": "resp_1"},
        "Previous response with id 'resp_1' not found.",
        "previous_response_not_found",
        "previous_response_id",
    ),
    (
        {"previous_response_id": "resp_1", "conversation": "conv_1"},
        (
            "Mutually exclusive parameters. Ensure you are only providing one of: 'previous_response_id' or "
            "'conversation'."
        ),
        "mutually_exclusive_parameters",
        None,
    ),
    # -- text
    (
        {"text": {"format": {"type": "json"}}},
        "Invalid value: 'json'. Supported values are: 'text', 'json_object', and 'json_schema'.",
        "invalid_value",
        "text.format.type",
    ),
    (
        {"text": {"format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}},
        "Missing required parameter: 'text.format.name'.",
        "missing_required_parameter",
        "text.format.name",
    ),
    (
        {"text": {"format": {"type": "json_schema", "name": "a b", "schema": OPEN}}},
        f"Invalid 'text.format.name': {BAD_NAME}",
        "invalid_value",
        "text.format.name",
    ),
    (
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": OPEN, "strict": True}}},
        (
            "Invalid schema for response_format 'x': In context=(), 'additionalProperties' is required to be supplied "
            "and to be false."
        ),
        "invalid_json_schema",
        "text.format.schema",
    ),
    (
        {"text": {"format": {"type": "json_object"}}},
        (
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
            "'json_object'."
        ),
        None,
        "input",
    ),
]
MOVED = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
}
SOME_MODELS: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    (
        {"temperature": 0.2},
        "Unsupported parameter: 'temperature' is not supported with this model.",
        None,
        "temperature",
    ),
    ({"top_p": 0.2}, "Unsupported parameter: 'top_p' is not supported with this model.", None, "top_p"),
    (
        {"model": "gpt-4.1", "reasoning": {"effort": "low"}},
        "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
        "unsupported_parameter",
        "reasoning.effort",
    ),
    (
        {"model": "gpt-4.1", "include": ["reasoning.encrypted_content"]},
        "Encrypted content is not supported with this model.",
        None,
        "include",
    ),
    (
        {"model": "gpt-6.1-sol", "reasoning": {"effort": "none"}},
        (
            "Unsupported value: 'none' is not supported with the 'gpt-6.1-sol' model. Supported values are: 'low', "
            "'medium', 'high', and 'xhigh'."
        ),
        "unsupported_value",
        "reasoning.effort",
    ),
]


async def refused(fields: dict[str, Any], status: int = 400) -> Any:
    """The error that a request with *fields* gets."""
    given = {"input": "hi", **fields}
    heard = await Talk("responses").ask(given.pop("input"), **given)
    assert heard.status == status, heard.body
    return heard.error


@pytest.mark.parametrize(("fields", "told", "code", "param"), REFUSED)
async def test_refused(fields: dict[str, Any], told: str, code: str | None, param: str | None) -> None:
    """What the API does not take is a 400 with the vendor's message, code and param, whatever the model's name."""
    error = await refused(fields)
    assert error == {"message": told, "type": "invalid_request_error", "param": param, "code": code}


@pytest.mark.parametrize("field", MOVED)
async def test_fields_of_chat_are_told_where_they_went(field: str) -> None:
    """What Chat Completions calls otherwise is refused with its new name."""
    error = await refused({field: 1})
    start = f"Unsupported parameter: '{field}'. In the Responses API, this parameter has moved to '{MOVED[field]}'. "
    assert error["message"].startswith(start)
    assert (error["code"], error["param"]) == ("unsupported_parameter", field)


@pytest.mark.parametrize(("fields", "told", "code", "param"), SOME_MODELS)
async def test_refused_for_some_models(fields: dict[str, Any], told: str, code: str | None, param: str | None) -> None:
    """What only some of OpenAI's models mind is refused for those, and taken for other names."""
    error = await refused({"model": "gpt-6-sol", **fields})
    assert error == {"message": told, "type": "invalid_request_error", "param": param, "code": code}
    assert (await Talk("responses").ask("hi", **{**fields, "model": "simulated"})).status == 200


async def test_what_is_not_kept_is_not_found() -> None:
    """Conversations and stored prompts are 404, in either form; a response for later is refused."""
    for conversation in ("conv_1", {"id": "conv_1"}):
        error = await refused({"conversation": conversation}, 404)
        assert error["message"] == "Conversation with id 'conv_1' not found."
    assert "Prompt with id 'p' not found." in str(await refused({"prompt": {"id": "p"}}, 404))
    assert (await refused({"background": True}))["param"] == "background"


TAKEN: list[dict[str, Any]] = [
    {"model": "gpt-6-sol", "temperature": 0.2, "reasoning": {"effort": "none"}},
    {"model": "gpt-6-sol", "temperature": 1, "top_p": 1},
    {"model": "gpt-4.1", "temperature": 0.2, "max_output_tokens": 16},
    {"model": "gpt-6-sol", "tools": [BASH["responses"]], "reasoning": {"effort": "high", "summary": "auto"}},
    {"text": {"format": {"type": "json_schema", "name": "x", "schema": CLOSED, "strict": True}}},
    {"text": {"format": {"type": "json_schema", "name": "x", "schema": OPEN}}},
    {"include": ["reasoning.encrypted_content"], "store": False, "client_metadata": {"a": "b"}},
    {"stream": True, "stream_options": {"include_obfuscation": False}},
    {"reasoning": None, "tools": [], "tool_choice": None, "text": None, "metadata": None},
]


@pytest.mark.parametrize("fields", TAKEN)
async def test_taken(fields: dict[str, Any]) -> None:
    """What the API takes is taken."""
    heard = await Talk("responses").ask("hi", **fields)
    assert heard.status == 200, heard.body


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b'{"model":1}', b'{"model":"m","input":[1]}'])
async def test_what_is_no_request_is_refused(body: bytes) -> None:
    """Anything that is not a request is a 400, whatever it is."""
    for strict in (True, False):
        heard = await Talk("responses", strict=strict).send("POST", "/v1/responses", body)
        assert (heard.status, heard.error["type"]) == (400, "invalid_request_error")


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "auto", "message", "function", "user", "reasoning"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(responses_fields.REQUEST)), values))
def test_any_json_is_taken_or_refused(body: dict[str, Any]) -> None:
    """Whatever stands in a body, it is found good or refused: nothing else is raised."""
    with suppress(Refused):
        _, prefix, _ = responses_door.checked(json.dumps({"model": "m", "input": "hi", **body}).encode())
        assert prefix.weight > 0


# -- the tables are the vendor's --------------------------------------------------------------------------------------


def test_the_fields_are_the_vendors() -> None:
    """Every field that the vendor's own package can send is known, and nothing else but what its agent adds."""
    sent = set(ResponseCreateParamsBase.__annotations__) | {"stream"}
    assert responses_fields.REQUEST - {"client_metadata"} == sent
    assert set(InputTokenCountParams.__annotations__) == responses_fields.COUNTED
    assert set(responses_fields.INCLUDE) == set(get_args(ResponseIncludable))
    assert responses_fields.OBJECTS["reasoning"] == set(Reasoning.__annotations__)
