"""The body of a Messages request: what the model looks at, and the order in which it is cached.

    tools[0] … tools[n] ─▶ system[0] … ─▶ messages[0].content[0] …        (this order, whatever the JSON's)

A content that is a string is one block of text.  Thinking is no part of a prefix: dropping it from earlier turns is
allowed, so it must not rename what follows.
"""

from collections.abc import Iterator
from typing import Any

import attrs
import msgspec

from stages.simulated import families
from stages.simulated.asked import ANY, Asked, Message
from stages.simulated.refusal import Refused
from stages.simulated.usage import Input, Prefix

Path = tuple[str | int, ...]
THOUGHTS = ("thinking", "redacted_thinking")
GUARD = "dangerous_tool_use"  # the one safeguard there is


class _Tool(msgspec.Struct):
    name: str = ""
    input_schema: msgspec.Raw = ANY


class _Body(msgspec.Struct):
    """The fields a reply depends on; everything else is skipped."""

    model: str
    messages: list[Message]
    max_tokens: int | None = None
    stream: bool | None = None
    tools: list[_Tool] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    stop_sequences: list[str] | None = None
    safeguards: list[dict[str, Any]] | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read(raw: bytes) -> Asked:
    """What *raw* asks for; its input is weighed roughly: the whole body, four bytes a token."""
    try:
        body = _decode(raw)
    except msgspec.ValidationError as wrong:
        raise Refused(400, str(wrong)) from None
    except msgspec.DecodeError as wrong:
        raise Refused(400, f"The request body is not valid JSON: {wrong}") from None
    choice, thinking = body.tool_choice or {}, body.thinking or {}
    form = (body.output_config or {}).get("format") or {}
    force = {"any": "*", "tool": choice.get("name", "*"), "none": ""}.get(choice.get("type", ""))
    shows = families.claude(body.model).shows if "display" not in thinking else thinking["display"] != "omitted"
    return Asked(
        model=body.model,
        messages=body.messages,
        stream=bool(body.stream),
        tools={tool.name: tool.input_schema for tool in body.tools or ()},
        force=force,
        parallel=not choice.get("disable_parallel_tool_use"),
        limit=body.max_tokens,
        stops=body.stop_sequences or [],
        thinks=thinking.get("type") in (families.ADAPTIVE, families.BUDGET) and not force,
        shows=shows,
        schema=form.get("schema"),
        judges=any(guard.get("type") == GUARD for guard in body.safeguards or ()),
        input=Input(fresh=-(-len(raw) // 4)),
    )


def blocks(content: Any) -> list[Any]:
    """*content* as blocks: a string is one of text."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content if isinstance(content, list) else []


def walk(body: dict[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """Path, role and value of every tool and block, in the order of the cache."""
    for n, tool in enumerate(body.get("tools") or ()):
        yield ("tools", n), "tools", tool
    for n, block in enumerate(blocks(body.get("system"))):
        yield ("system", n), "system", block
    for n, message in enumerate(body.get("messages") or ()):
        for m, block in enumerate(blocks(message.get("content"))):
            yield ("messages", n, "content", m), message.get("role", ""), block


def kind(block: Any) -> str:
    """The type of a block."""
    return str(block.get("type", "")) if isinstance(block, dict) else ""


def ttl(holder: Any) -> str:
    """How long the marker on *holder* lets it be cached; empty without one."""
    marker = holder.get("cache_control") if isinstance(holder, dict) else None
    return str(marker.get("ttl") or "5m") if isinstance(marker, dict) else ""


@attrs.frozen
class Weighed:
    """A prompt's prefix, and its name before each message."""

    prefix: Prefix
    before: dict[int, bytes]


def weigh(body: dict[str, Any]) -> Weighed:
    """Weigh and name all of *body*."""
    prefix, before = Prefix(), dict[int, bytes]()
    everything = [(path, role, block) for path, role, block in walk(body) if kind(block) not in THOUGHTS]
    automatic = ttl(body)
    for n, (path, role, block) in enumerate(everything):
        if path[0] == "messages" and path[1] not in before:
            before[int(path[1])] = prefix.name
        last = automatic if n == len(everything) - 1 else ""
        prefix.add(role, block, ttl(block) or last)
    return Weighed(prefix, before)
