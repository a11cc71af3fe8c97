"""What says whether a Responses prompt is legal: the vendor's own parameter types, part by part; and its rules."""

import functools
import typing
from typing import Any

from openai.types.responses import response_input_item_param as items
from openai.types.responses import tool_param
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from openai.types.responses.response_input_file_param import ResponseInputFileParam
from openai.types.responses.response_input_image_param import ResponseInputImageParam
from openai.types.responses.response_input_text_param import ResponseInputTextParam
from openai.types.responses.response_output_refusal_param import ResponseOutputRefusalParam
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from tests.dialects.chat_prompts import NAME

Body = dict[str, Any]


class Spoken(TypedDict):
    """An output_text as requests have it: the vendor's type is of what the API sends."""

    type: typing.Literal["output_text"]
    text: str


_ITEMS: dict[str, Any] = {
    "message": items.EasyInputMessageParam,
    "reasoning": items.ResponseReasoningItemParam,
    "function_call": items.ResponseFunctionToolCallParam,
    "function_call_output": items.FunctionCallOutput,
}
_PARTS: dict[str, Any] = {
    "input_text": ResponseInputTextParam,
    "input_image": ResponseInputImageParam,
    "input_file": ResponseInputFileParam,
    "output_text": Spoken,
    "refusal": ResponseOutputRefusalParam,
}
_TOOLS: dict[str, Any] = {
    "function": tool_param.FunctionToolParam,
    "web_search": tool_param.WebSearchToolParam,
    "code_interpreter": tool_param.CodeInterpreter,
    "mcp": tool_param.Mcp,
}


def legal_responses(body: Body) -> None:
    """What ``POST /v1/responses`` would take."""
    around = {key: value for key, value in body.items() if key != "stream"}
    fits(ResponseCreateParamsNonStreaming, {**around, "input": ""})
    assert body["store"] is False
    assert "previous_response_id" not in body
    waiting: list[str] = []
    for item in body["input"]:
        kind = item["type"]
        fits(
            _ITEMS[kind], {key: value for key, value in item.items() if key not in {"content", "output"}} | _rest(kind)
        )
        for part in [*_list(item.get("content")), *_list(item.get("output"))]:
            fits(_PARTS[part["type"]], part)
            assert part.get("text", "x").strip()
        if kind == "function_call":
            waiting.append(item["call_id"])
            assert NAME.fullmatch(item["name"])
            assert len(item["call_id"]) <= 64
        elif kind == "function_call_output":
            waiting.remove(item["call_id"])
        elif kind == "message" and item["role"] != "assistant":
            assert not waiting, "a call without a result"
        elif kind == "reasoning":
            assert item["encrypted_content"]
    assert not waiting
    for tool in body.get("tools", ()):
        fits(_TOOLS[tool["type"]], tool)
        assert tool["type"] != "function" or (NAME.fullmatch(tool["name"]) and tool["strict"] in {True, False})


def fits(kind: Any, value: Body) -> None:
    """*value* is what *kind*, a TypedDict, says, and has no other keys."""
    adapter, keys = _adapter(kind)
    adapter.validate_python(value)
    assert not value.keys() - keys, value.keys()


@functools.cache
def _adapter(kind: Any) -> tuple[TypeAdapter[Any], frozenset[str]]:
    return TypeAdapter(kind), frozenset(typing.get_type_hints(kind))


def _rest(kind: str) -> Body:
    """A stand-in for what is looked at by parts."""
    return {"message": {"content": ""}, "function_call_output": {"output": ""}}.get(kind, {})


def _list(value: Any) -> list[Body]:
    return value if isinstance(value, list) else []
