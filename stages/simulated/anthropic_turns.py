"""What the Messages API refuses, continued: the conversation itself.

    roles ─▶ blocks ─▶ tool_use and tool_result in pairs ─▶ cache markers ─▶ thinking and its signatures

Consecutive messages of one role are one turn, as the server merges them.
"""

import re
from itertools import groupby
from typing import Any

import attrs

from stages.simulated import families, signature
from stages.simulated.anthropic_body import THOUGHTS, Path, Weighed, blocks, kind, ttl, walk
from stages.simulated.anthropic_rules import SECOND, Terms, extra, refuse

_CACHED = {"type", "cache_control"}
BLOCKS: dict[str, set[str]] = {  # fields of the blocks that clients make themselves
    "text": {"text", "citations"} | _CACHED,
    "image": {"source", "transformations"} | _CACHED,
    "document": {"source", "title", "context", "citations"} | _CACHED,
    "search_result": {"source", "title", "content", "citations"} | _CACHED,
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "tool_use": {"id", "name", "input", "caller", "toolset_name"} | _CACHED,
    "tool_result": {"tool_use_id", "content", "is_error", "toolset_name"} | _CACHED,
}
OTHERS = ("server_tool_use", "container_upload", "mcp_", "compaction", "fallback", "advisor_", "tool_addition")
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
ID = re.compile(r"[a-zA-Z0-9_-]+")
REQUIRED = {"text": "text", "thinking": "signature", "tool_use": "id", "tool_result": "tool_use_id"}
PLACES = {  # which role may say what
    "user": {"text", "image", "document", "search_result", "tool_result"},
    "assistant": {"text", "document", "thinking", "redacted_thinking", "tool_use"},
    "system": {"text"},
}
MESSAGE = {"role", "content"}
EFFORT = ("mid-conversation-output-config-", "per-turn-control-")  # betas under which a message has output_config


def check(body: dict[str, Any], terms: Terms, weighed: Weighed) -> None:
    """Raise Refused if the conversation in *body* is not one the API goes on with."""
    _roles(body, terms)
    for path, role, block in walk(body):
        if path[0] != "tools":
            _block(path, "system" if path[0] == "system" else role, block, terms)
    _pairs(body)
    _markers(body)
    _replayed(body, terms)
    _signatures(body, terms, weighed)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


# -- roles and blocks -------------------------------------------------------------------------------------------------


def _roles(body: dict[str, Any], terms: Terms) -> None:
    roles = [message.get("role") if isinstance(message, dict) else None for message in body["messages"]]
    for n, role in enumerate(roles):
        if role not in ("user", "assistant") and not (role == "system" and terms.model.systems):
            refuse(f"messages.{n}.role: Input should be 'user' or 'assistant'")
        if role == "system" and (n == 0 or roles[n - 1] != "user" or roles[n + 1 : n + 2] not in ([], ["assistant"])):
            refuse(f"messages.{n}: a system message must follow a user turn and be last or before an assistant turn")
        _message(n, body["messages"][n], terms)
    if roles[-1] == "assistant":
        if not terms.model.prefill or _thinks(body):
            refuse(
                "This model does not support assistant message prefill. The conversation must end with a user message."
            )
        last = blocks(body["messages"][-1]["content"])[-1:]
        if last and kind(last[0]) == "text" and str(last[0]["text"]) != str(last[0]["text"]).rstrip():
            refuse("messages: final assistant content cannot end with trailing whitespace")


def _message(n: int, message: dict[str, Any], terms: Terms) -> None:
    for name in message.keys() - MESSAGE:
        if not (name == "output_config" and message["role"] == "system" and terms.beta(*EFFORT)):
            extra(f"messages.{n}.{name}")
    if not isinstance(message.get("content"), str | list):
        refuse(f"messages.{n}.content: Field required")
    if not message["content"] and message["role"] == "user":
        refuse(
            f"messages.{n}: all messages must have non-empty content except for the optional final assistant message"
        )


def _thinks(body: dict[str, Any]) -> bool:
    return (body.get("thinking") or {}).get("type") in (families.ADAPTIVE, families.BUDGET)


def _block(path: Path, role: str, block: Any, terms: Terms) -> None:
    where, name = _dotted(path), kind(block)
    known = BLOCKS.get(name)
    if known is None:
        if not name.startswith(OTHERS) and not name.endswith("_tool_result") and not name.endswith("_removal"):
            tags = ", ".join(map(repr, sorted(BLOCKS)))
            refuse(f"{where}: Input tag '{name}' found using 'type' does not match any of the expected tags: {tags}")
        return
    for field in block:
        if field not in known:
            extra(f"{where}.{name}.{field}")
    if name in REQUIRED and REQUIRED[name] not in block:
        refuse(f"{where}.{name}.{REQUIRED[name]}: Field required")
    if name not in PLACES[role]:
        refuse(f"{where}: `{name}` blocks are not permitted in `{role}` messages")
    if name == "text":
        _text(where, role, block, terms)
    if name == "tool_use":
        if not isinstance(block.get("input"), dict):
            refuse(f"{where}.tool_use.input: Input should be a valid dictionary")
        if not ID.fullmatch(str(block["id"])):
            refuse(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    source = block.get("source") if name == "image" else None
    if isinstance(source, dict) and source.get("type") == "base64" and source.get("media_type") not in IMAGES:
        *most, last = map(repr, IMAGES)
        refuse(f"{where}.image.source.base64.media_type: Input should be {', '.join(most)} or {last}")
    if name == "document" and role == "assistant" and terms.version == SECOND:
        refuse(f"{where}: `document` blocks are not permitted in `assistant` messages")


def _text(where: str, role: str, block: dict[str, Any], terms: Terms) -> None:
    if not isinstance(block["text"], str):
        refuse(f"{where}.text.text: Input should be a valid string")
    if not block["text"]:
        if "cache_control" in block:
            refuse(f"{where}.text: cache_control cannot be set for empty text blocks")
        refuse(f"{where.partition('.')[0]}: text content blocks must be non-empty")
    if not block["text"].strip():
        refuse(f"{where.partition('.')[0]}: text content blocks must contain non-whitespace text")
    if block.get("citations") and role == "user" and terms.version == SECOND:
        refuse(f"{where}.text.citations: citations are not permitted in `user` messages")


# -- tools in pairs ---------------------------------------------------------------------------------------------------


@attrs.frozen
class _Turn:
    """Messages of one role that follow each other, as one."""

    role: str
    first: int  # the message it begins with
    blocks: list[Any]


def _turns(body: dict[str, Any]) -> list[_Turn]:
    spoken = [(n, m) for n, m in enumerate(body["messages"]) if m["role"] != "system"]
    turns = []
    for role, group in groupby(spoken, key=lambda pair: str(pair[1]["role"])):
        messages = list(group)
        turns.append(_Turn(role, messages[0][0], [block for _, m in messages for block in blocks(m["content"])]))
    return turns


def _pairs(body: dict[str, Any]) -> None:
    asked: set[str] = set()
    ids = [block["id"] for turn in _turns(body) for block in turn.blocks if kind(block) == "tool_use"]
    if len(set(ids)) < len(ids):
        refuse("messages: `tool_use` ids must be unique")
    for turn in _turns(body):
        if turn.role == "user":
            _results(turn, asked)
        elif asked:
            _unanswered(turn.first - 1, asked)
        asked = {block["id"] for block in turn.blocks if kind(block) == "tool_use"}
    if asked:
        _unanswered(len(body["messages"]) - 1, asked)


def _results(turn: _Turn, asked: set[str]) -> None:
    leading = True
    answered: set[str] = set()
    for n, block in enumerate(turn.blocks):
        if kind(block) != "tool_result":
            leading = False
            continue
        ident = block["tool_use_id"]
        if ident not in asked:
            refuse(
                f"messages.{turn.first}.content.{n}: unexpected `tool_use_id` found in `tool_result` blocks: {ident}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if leading:
            answered.add(ident)
    if missing := asked - answered:
        _unanswered(turn.first - 1, missing)


def _unanswered(message: int, missing: set[str]) -> None:
    refuse(
        f"messages.{message}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(sorted(missing))}. Each `tool_use` block must have a corresponding `tool_result` block in the "
        "next message."
    )


# -- cache markers ----------------------------------------------------------------------------------------------------


def _markers(body: dict[str, Any]) -> None:
    marked = [(path, block) for path, _, block in walk(body) if isinstance(block, dict) and block.get("cache_control")]
    marked += [(path, part) for path, part in _nested(body) if part.get("cache_control")]
    last = ""
    for path, block in marked:
        if kind(block) in THOUGHTS:
            extra(f"{_dotted(path)}.{kind(block)}.cache_control")
        _marker(_dotted(path), block["cache_control"])
        if last == "5m" and ttl(block) == "1h":
            refuse(
                f"{_dotted(path)}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
                "cache_control block. Note that blocks are processed in the following order: `tools`, `system`, "
                "`messages`."
            )
        last = ttl(block)
    count = len(marked) + _automatic(body)
    if count > 4:
        refuse(f"A maximum of 4 blocks with cache_control may be provided. Found {count}.")


def _marker(where: str, mark: dict[str, Any]) -> None:
    if mark.get("type") != "ephemeral":
        refuse(f"{where}.cache_control.type: Input should be 'ephemeral'")
    if mark.get("ttl") not in (None, "5m", "1h"):
        refuse(f"{where}.cache_control.ttl: Input should be '5m' or '1h'")
    for field in mark.keys() - {"type", "ttl"}:
        extra(f"{where}.cache_control.{field}")


def _automatic(body: dict[str, Any]) -> bool:
    """Whether a marker at the top adds one to the last block; one that says the same is there already, or clashes."""
    automatic = ttl(body)
    there = ttl([block for _, _, block in walk(body)][-1]) if automatic else ""
    if there and there != automatic:
        refuse(
            f"Top-level cache_control has ttl='{automatic}' but the target block already has cache_control with "
            f"ttl='{there}'"
        )
    return bool(automatic) and not there


def _nested(body: dict[str, Any]) -> list[tuple[Path, Any]]:
    """The parts inside tool results, which may be marked too."""
    return [
        ((*path, "content", n), part)
        for path, _, block in walk(body)
        if kind(block) == "tool_result"
        for n, part in enumerate(blocks(block.get("content")))
        if isinstance(part, dict)
    ]


# -- thinking that comes back -----------------------------------------------------------------------------------------


def _replayed(body: dict[str, Any], terms: Terms) -> None:
    """With a budget, the turn whose tools have just been answered must begin with its thought."""
    turns = _turns(body)
    answering = turns[-1].role == "user" and any(kind(block) == "tool_result" for block in turns[-1].blocks)
    if (body.get("thinking") or {}).get("type") != families.BUDGET or not answering or len(turns) < 2:
        return
    first = kind(turns[-2].blocks[0])
    if first not in THOUGHTS:
        refuse(
            f"messages.{turns[-2].first}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block "
            "(preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        )


def _signatures(body: dict[str, Any], terms: Terms, weighed: Weighed) -> None:
    for path, _, block in walk(body):
        name = kind(block)
        if name not in THOUGHTS:
            continue
        sealed, thought = (block["signature"], block["thinking"]) if name == "thinking" else (block["data"], "")
        verdict = signature.verify(str(sealed), str(thought))
        if verdict.says == "foreign":
            refuse(f"{_dotted(path)}: Invalid `{'data' if name in THOUGHTS[1:] else 'signature'}` in `{name}` block")
        if verdict.says == "altered":
            refuse(
                f"{_dotted(path)}: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be "
                "modified. These blocks must remain as they were in the original response."
            )
        before = weighed.before.get(int(path[1]))
        if terms.model.bound and verdict.prefix and before and verdict.prefix != before and not _drops(body):
            refuse(
                f"{_dotted(path)}: Invalid `signature` in `{name}` block. The block is bound to a different "
                "conversation. Remove the block, or set thinking.block_binding.prefix_mismatch_behavior to "
                '"drop_block".'
            )


def _drops(body: dict[str, Any]) -> bool:
    binding = (body.get("thinking") or {}).get("block_binding") or {}
    return binding.get("prefix_mismatch_behavior") == "drop_block"
