"""Every field of a Chat Completions request, with a value that clients send."""

from typing import Any

from bench.probes.group import Body, Group
from bench.probes.messages import SCHEMA

POINT = {"mode": "explicit"}
WEATHER: Body = {"name": "weather", "description": "Tells the weather of a city.", "parameters": SCHEMA}
TOOL = {"type": "function", "function": WEATHER}
TIME: Body = {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}}
FREE: Body = {"type": "custom", "custom": {"name": "patch", "description": "Applies a patch to files."}}
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: LINE one or more times"}}
ASK: Body = {"role": "user", "content": "What is the weather like in Oslo today?"}
CALL: Body = {"id": "call_01", "type": "function",
              "function": {"name": "weather", "arguments": '{"city":"the city of Oslo"}'}}  # fmt: skip
CALLED: Body = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT: Body = {"role": "tool", "tool_call_id": "call_01", "content": "ten degrees and rain"}
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
PDF = "data:application/pdf;base64,JVBERi0xLjQKJcfsj6IKNSAwIG9iago8PA"
FORM = {"name": "weather", "schema": SCHEMA}


def ask(*messages: Body, **fields: Any) -> Body:
    """A request of one question, or of *messages*."""
    return {"model": "gpt-5.6", "messages": [*messages] or [ASK], **fields}


def user(*parts: Body) -> Body:
    """A request whose question has *parts*."""
    return ask({"role": "user", "content": [{"type": "text", "text": "Look at this."}, *parts]})


def image(**fields: Any) -> Body:
    """A part that is a picture."""
    return {"type": "image_url", "image_url": {"url": PNG, **fields}}


def file(**fields: Any) -> Body:
    """A part that is a file."""
    return {"type": "file", "file": fields}


def function(**fields: Any) -> Body:
    """A request with a function that has *fields*."""
    return ask(tools=[{"type": "function", "function": {**WEATHER, **fields}}])


HISTORY = ask(ASK, CALLED, RESULT, tools=[TOOL])
TALK = ask(ASK, {"role": "assistant", "content": "It rains in all of Oslo."}, ASK)
IN_USER = ("messages", 0, "content")

GROUPS = (
    Group("request", "", ask(), (), {
        "model": "gpt-5.4",
        "messages": [{"role": "user", "content": "How about the weather in Bergen?"}],
        "max_completion_tokens": 1500,
        "max_tokens": 1500,
        "reasoning_effort: high": "high",
        "reasoning_effort: minimal": "minimal",
        "reasoning_effort: none": "none",
        "verbosity": "low",
        "temperature": 0.3,
        "temperature: 1.5": 1.5,
        "top_p": 0.9,
        "n": 2,
        "seed": 7,
        "stop": ["</weather>"],
        "presence_penalty": 0.5,
        "frequency_penalty": 0.5,
        "logit_bias": {"1734": -100},
        "logprobs": True,
        "top_logprobs": 3,
        "stream": True,
        "store": True,
        "service_tier: auto": "auto",
        "service_tier: default": "default",
        "service_tier: flex": "flex",
        "service_tier: fast": "fast",
        "user": "user_0f3a",
        "safety_identifier": "user_0f3a",
        "prompt_cache_key": "conversation-17-of-ada",
        "prompt_cache_options": {"mode": "explicit"},
        "prompt_cache_retention": "24h",
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "prediction": {"type": "content", "content": "It is going to rain in Oslo."},
        "web_search_options": {"user_location": {"type": "approximate", "approximate": {"country": "NO"}}},
        "moderation": {"model": "omni-moderation-latest"},
        "tools": [TOOL],
        "functions": [WEATHER],
    }),
    Group("request", "", ask(), (), {
        "stream_options: include_usage": {"include_usage": True},
        "stream_options: include_obfuscation": {"include_obfuscation": False},
    }),
    Group("request", "", ask(store=True), (), {"metadata": {"ticket": "the number of a ticket"}}),
    Group("request", "", ask(tools=[TOOL]), (), {"parallel_tool_calls": False}),
    Group("request", "", ask(functions=[WEATHER]), (), {"function_call": {"name": "weather"}}),
    Group("of compatible servers", "", ask(), (), {
        "top_k": 40,
        "reasoning": {"effort": "high"},
        "include_reasoning": True,
        "thinking": {"type": "enabled"},
    }),
    Group("response_format", "", ask(), (), {
        "response_format: json_object": {"type": "json_object"},
        "response_format: json_schema": {"type": "json_schema", "json_schema": FORM},
    }),
    Group("response_format", "", ask(response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}}),
          ("response_format",), {
        "json_schema.name": "weather_of_a_city",
        "json_schema.description": "The weather of one city.",
        "json_schema.strict": True,
    }),
    Group("function", "function", function(), ("tools", 0, "function"), {
        "name": "weather_of",
        "name: 90 characters": "weather_" * 11 + "in",
        "description": "Tells the weather of any city.",
        "parameters": {**SCHEMA, "required": []},
        "strict": True,
    }),
    Group("tool", "", ask(tools=[TOOL]), ("tools",), {
        "custom": FREE,
        "custom: grammar": {"type": "custom", "custom": {"name": "patch", "format": GRAMMAR}},
    }),
    Group("tool_choice", "", ask(tools=[TOOL, TIME]), (), {
        "tool_choice: auto": "auto",
        "tool_choice: required": "required",
        "tool_choice: none": "none",
        "tool_choice: function": {"type": "function", "function": {"name": "weather"}},
        "tool_choice: allowed_tools": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "function", "function": {"name": "weather"}}]}},
    }),
    Group("tool_choice", "", ask(tools=[TOOL, FREE]), (), {
        "tool_choice: custom": {"type": "custom", "custom": {"name": "patch"}},
    }),
    Group("message", "", ask(), ("messages",), {
        "user, twice in a row": {"role": "user", "content": "And what about tomorrow?"},
        "assistant, then user": [{"role": "assistant", "content": "It rains in all of Oslo."}, ASK],
        "assistant, last": {"role": "assistant", "content": "It is going to be"},
        "system, amid": [{"role": "assistant", "content": "It rains in all of Oslo."}, ASK,
                         {"role": "system", "content": "From now on answer in Norwegian."}],
    }),
    Group("message", "", ask(ASK), (), {
        "messages: system, first": [{"role": "system", "content": "You tell the weather, briefly."}, ASK],
        "messages: developer, first": [{"role": "developer", "content": "You tell the weather, briefly."}, ASK],
    }),
    Group("message", "", ask(tools=[TOOL]), ("messages",), {
        "tool_calls, tool": [CALLED, RESULT],
        "tool_calls, tool: two at once": [
            {**CALLED, "tool_calls": [CALL, {**CALL, "id": "call_02"}]},
            RESULT, {**RESULT, "tool_call_id": "call_02", "content": "sun all day long"}],
        "tool_calls: custom": [
            {**CALLED, "tool_calls": [{"id": "call_01", "type": "custom",
                                       "custom": {"name": "patch", "input": "*** Begin of a patch"}}]}, RESULT],
        "function_call, function": [
            {"role": "assistant", "content": None, "function_call": CALL["function"]},
            {"role": "function", "name": "weather", "content": "ten degrees and rain"}],
    }),
    Group("system", "system", ask({"role": "system", "content": "You tell the weather."}, ASK), ("messages", 0), {
        "content": "You tell the weather, briefly.",
        "name": "the_house_of_weather",
    }),
    Group("developer", "developer", ask({"role": "developer", "content": "You tell the weather."}, ASK),
          ("messages", 0), {
        "content": "You tell the weather, briefly.",
        "name": "the_house_of_weather",
    }),
    Group("user", "user", ask(), ("messages", 0), {
        "content": "What is the weather like in Bergen?",
        "name": "the_traveller_ada",
    }),
    Group("assistant", "assistant", TALK, ("messages", 1), {
        "content": "It rains in all of Norway.",
        "content: refusal": [{"type": "refusal", "refusal": "That I can not tell you."}],
        "refusal": "That I can not tell you.",
        "name": "the_weather_prophet",
        "audio": {"id": "audio_abc123"},
        "reasoning_content": "Where would it rain today?",
        "reasoning_details": [{"type": "reasoning.text", "text": "Where would it rain today?", "index": 0}],
    }),
    Group("tool", "tool", HISTORY, ("messages", 2), {
        "content: string": "twelve degrees and fog",
        "content: text parts": [{"type": "text", "text": "twelve degrees and fog"}],
    }),
    Group("part", "", user(), IN_USER, {
        "text": {"type": "text", "text": "It is the map of the rain."},
        "image_url: data": image(),
        "image_url: http": image(url="https://example.com/map-of-rain.png"),
        "input_audio": {"type": "input_audio", "input_audio": {"data": "UklGRiQAAABXQVZF", "format": "wav"}},
        "file: file_data, pdf": file(file_data=PDF, filename="forecast of the rain.pdf"),
        "file: file_data, text": file(file_data="data:text/plain;base64,cmFpbg==", filename="forecast of the rain.txt"),
        "file: file_id": file(file_id="file-6F2ksmvXxt4VdoqmHRw6kL"),
    }),
    Group("part: text", "text", user(), (*IN_USER, 0), {
        "text": "Look closely at this, please.",
        "prompt_cache_breakpoint": POINT,
        "prompt_cache_breakpoint: 12h": {**POINT, "ttl": "12h"},
        "cache_control": {"type": "ephemeral"},
    }),
    Group("part: image_url", "image_url", user(image()), (*IN_USER, 1), {
        "image_url.detail": "high",
        "prompt_cache_breakpoint": POINT,
    }),
    Group("part: file", "file", user(file(file_data=PDF)), (*IN_USER, 1), {
        "file.filename": "forecast of the rain.pdf",
        "prompt_cache_breakpoint": POINT,
    }),
)  # fmt: skip
