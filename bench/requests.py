"""The requests that are sent: a protocol, a size, a script for the simulated model."""

import json
from typing import Any

FIELD = {"type": "string", "description": "what it is"}
TOOL = {"type": "object", "properties": {f"field_{number}": FIELD for number in range(8)}}


def messages(text: str, size: int, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """Path and body of a Messages request of about *size* bytes, shaped like an agent's, with tools and a history."""
    body: dict[str, Any] = {"model": "claude-opus-4-5", "max_tokens": 4096, "stream": stream, "system": "You help."}
    history: list[dict[str, Any]] = []
    if size > 4000:
        body["tools"] = [{"name": f"tool_{n}", "description": "does it", "input_schema": TOOL} for n in range(12)]
        while len(json.dumps(history)) < size - 12_000:
            turn = len(history)
            call = {"type": "tool_use", "id": f"toolu_{turn}", "name": "tool_1", "input": {"field_1": f"file {turn}"}}
            read = {"type": "tool_result", "tool_use_id": f"toolu_{turn}", "content": "def f(x):\n    return x\n" * 150}
            history += [
                {"role": "user", "content": f"question {turn}"},
                {"role": "assistant", "content": [call]},
                {"role": "user", "content": [read]},
                {"role": "assistant", "content": [{"type": "text", "text": "I have read it."}]},
            ]
    body["messages"] = [*history, {"role": "user", "content": text}]
    return "/v1/messages", body


def chat(text: str, size: int, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """The same as a Chat request: what a translation should have made of it."""
    _, body = messages(text, size, stream=stream)
    turns: list[dict[str, Any]] = [{"role": "system", "content": body["system"]}]
    for message in body["messages"]:
        if isinstance(message["content"], str):
            turns.append(message)
            continue
        block = message["content"][0]
        if block["type"] == "tool_use":
            function = {"name": block["name"], "arguments": json.dumps(block["input"])}
            calls = [{"id": block["id"], "type": "function", "function": function}]
            turns.append({"role": "assistant", "content": None, "tool_calls": calls})
        elif block["type"] == "tool_result":
            turns.append({"role": "tool", "tool_call_id": block["tool_use_id"], "content": block["content"]})
        else:
            turns.append({"role": "assistant", "content": block["text"]})
    tools = [{"type": "function", "function": {"name": t["name"], "parameters": TOOL}} for t in body.get("tools", [])]
    asked: dict[str, Any] = {"model": "gpt-test", "messages": turns, "stream": stream} | (
        {"tools": tools} if tools else {}
    )
    return "/v1/chat/completions", asked


def responses(text: str, size: int, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """The same as a Responses request."""
    _, body = chat(text, size, stream=stream)
    items: list[dict[str, Any]] = []
    for turn in body["messages"][1:]:
        if turn["role"] == "tool":
            items.append({"type": "function_call_output", "call_id": turn["tool_call_id"], "output": turn["content"]})
        elif "tool_calls" in turn:
            items += [
                {"type": "function_call", "call_id": call["id"], **call["function"]} for call in turn["tool_calls"]
            ]
        else:
            items.append({"type": "message", **turn})
    tools = [{"type": "function", **tool["function"], "strict": False} for tool in body.get("tools", [])]
    instructions = body["messages"][0]["content"]
    asked = {"model": "gpt-test", "instructions": instructions, "input": items, "stream": stream, "store": False}
    return "/v1/responses", asked | ({"tools": tools} if tools else {})


MAKERS = {"anthropic": messages, "chat": chat, "responses": responses}


def request(dialect: str, text: str, size: int, *, stream: bool = False, key: str = "bench") -> bytes:
    """The bytes of a request, ready to send."""
    path, body = MAKERS[dialect](text, size, stream=stream)
    content = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nx-api-key: {key}\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(content)}\r\n"
    )
    mark = "anthropic-version: 2023-06-01\r\n" if dialect == "anthropic" else ""
    return f"{head}{mark}\r\n".encode() + content
