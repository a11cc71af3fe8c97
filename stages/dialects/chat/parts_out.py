"""Blocks of the Messages shape → parts of a Chat message.

    text · image · document (PDF)       ─▶  text · image_url · file
    document (text) · search_result     ─▶  text under a heading
    a tool's result                     ─▶  its text, and what is no text as parts for the user's message after it
    what a server's tool did            ─▶  text: it is history, nobody calls it again

What has no place at all is refused by name.
"""

from typing import Any

import msgspec

from pipeline.document import Path
from stages.dialects.conversation import Tally, blocks_of, failed, untold
from stages.dialects.shape import DEPTH, deep, invalid, mapping, name, text

Fields = dict[str, Any]

_UNREADABLE = ("encrypted_content", "encrypted_index", "encrypted_stdout", "page_age", "type")


def parts(block: Fields, path: Path, tally: Tally) -> list[Fields]:
    """The parts of a block in a user's message or in instructions.  Raises Unsupported if there is no such part."""
    match block["type"]:
        case "text":
            if block.get("citations"):
                tally.citations += 1
            given = block.get("text")
            if type(given) is not str:  # there are thousands in a long conversation: a path is made where it is told
                text(given, (*path, "text"))
            return [{"type": "text", "text": given}] if given and not given.isspace() else []
        case "image":
            image = _image(mapping(block.get("source"), (*path, "source")), (*path, "source"))
            return [
                {"type": "image_url", "image_url": image | ({"detail": block["detail"]} if "detail" in block else {})}
            ]
        case "document":
            return _document(block, path, tally)
        case "search_result":
            tally.citations += bool(mapping(block.get("citations") or {}, (*path, "citations")).get("enabled"))
            inner = _texts(block.get("content"), (*path, "content"))
            tally.headed += 1
            return [_text(f"[search result: {block.get('title')}]\n{block.get('source')}\n{inner}")]
    raise untold(path, f"a block of type {block['type']!r}", block["type"])


def _text(value: str) -> Fields:
    return {"type": "text", "text": value}


def _image(source: Fields, path: Path) -> Fields:
    if source.get("type") == "base64":
        media, data = (name(source.get(key), (*path, key)) for key in ("media_type", "data"))
        return {"url": f"data:{media};base64,{data}"}
    if source.get("type") == "url":
        return {"url": name(source.get("url"), (*path, "url"))}
    raise untold(path, f"an image by {source.get('type')!r}", "image")


def _document(block: Fields, path: Path, tally: Tally) -> list[Fields]:
    source = mapping(block.get("source"), (*path, "source"))
    tally.citations += bool(mapping(block.get("citations") or {}, (*path, "citations")).get("enabled"))
    match source.get("type"):
        case "base64":
            media, data = (name(source.get(key), (*path, "source", key)) for key in ("media_type", "data"))
            named = block["title"] if isinstance(block.get("title"), str) and block["title"] else "document.pdf"
            file = {"type": "file", "file": {"filename": named, "file_data": f"data:{media};base64,{data}"}}
            tally.headed += bool(context(block))
            return [_text(heading(block)), file] if context(block) else [file]
        case "text":
            tally.headed += 1
            return [_text(f"{heading(block)}\n{text(source.get('data'), (*path, 'source', 'data'))}")]
        case "content":
            tally.headed += 1
            inner = blocks_of(source.get("content"), (*path, "source", "content"))
            return [_text(heading(block)), *(part for place, child in inner for part in parts(child, place, tally))]
    raise untold((*path, "source"), f"a document by {source.get('type')!r}", "document")


def heading(block: Fields) -> str:
    """What a document is called, and what is said about it."""
    title = block["title"] if isinstance(block.get("title"), str) else ""
    return "\n".join([f"[document: {title or 'untitled'}]", *(part["text"] for part in context(block))])


def context(block: Fields) -> list[Fields]:
    """What is said about a document, as a part before it, if anything is."""
    about = block.get("context")
    return [_text(about)] if isinstance(about, str) and about.strip() else []


def _texts(value: Any, path: Path) -> str:
    """The texts of blocks that are nothing else, a line each."""
    return "\n".join(text(block.get("text"), (*place, "text")) for place, block in blocks_of(value, path))


# -- results of tools -------------------------------------------------------------------------------------------------


def result(block: Fields, path: Path, asked: str, tally: Tally) -> tuple[list[str], list[Fields]]:
    """The texts of a result's tool message, and parts for the user's message after it; *asked*: the call's id.

    Tool messages hold nothing but text, so pictures and files follow, labelled with the call they belong to.
    """
    lines: list[str] = []
    beside: list[Fields] = []
    content = block.get("content")
    if isinstance(content, str) and content and not content.isspace():  # most results are words and no more
        lines, content = [content], None
    for place, inner in blocks_of(content, (*path, "content")):
        if inner["type"] not in {"text", "image", "document", "search_result"}:
            lines.append(_told(inner, place))
            tally.headed += 1
            continue
        for part in parts(inner, place, tally):
            if part["type"] == "text":
                lines.append(part["text"])
                continue
            what = "image" if part["type"] == "image_url" else "file"
            lines.append(f"[{what} {len(beside) // 2 + 1} of this result is in the next message]")
            beside += (_text(f"[{what} {len(beside) // 2 + 1} of the result of tool call {asked}]"), part)
    if block.get("is_error") is True:
        lines[:1] = [failed(*lines[:1])]
    return lines, beside


def _told(block: Fields, path: Path) -> str:
    """Any block as JSON: the model can read it, whatever it is."""
    if deep(block, DEPTH):
        invalid(path, "nested too deeply")
    return msgspec.json.encode({key: value for key, value in block.items() if key != "cache_control"}).decode()


# -- tools that a server ran ------------------------------------------------------------------------------------------


def flattened(block: Fields, path: Path) -> str | None:
    """What a server's tool did, as text; None if *block* is of another kind."""
    kind = block["type"]
    if deep(block, DEPTH):
        invalid(path, "nested too deeply")
    if kind == "server_tool_use":
        given = msgspec.json.encode(block.get("input")).decode()
        return f"[called {block.get('name')} with {given}]"
    if kind == "compaction" and isinstance(block.get("content"), str):
        return str(block["content"])
    if not kind.endswith("_tool_result") or kind in {"tool_result", "mcp_tool_result", "advisor_tool_result"}:
        return None
    readable = msgspec.json.encode(_readable(block.get("content"))).decode()
    return f"[result of {kind.removesuffix('_tool_result')}: {readable}]"


def _readable(value: Any) -> Any:
    """*value* without what only its maker can read."""
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items() if key not in _UNREADABLE}
    return value
