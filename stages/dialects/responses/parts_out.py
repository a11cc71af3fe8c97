"""Blocks of the Messages shape → parts of a Responses item.

    text · image · document (PDF, by URL)   ─▶  input_text · input_image · input_file
    document (text) · search_result         ─▶  input_text under a heading
    a tool's result                         ─▶  a string, or its parts: pictures and files stay where they are

The parts are Chat's under other names, but for PDFs by URL, which Chat has none of.
"""

from typing import Any

import msgspec

from pipeline.document import Path
from stages.dialects.chat import parts_out as chat
from stages.dialects.conversation import Tally, blocks_of, failed
from stages.dialects.responses.fields import Fields
from stages.dialects.shape import DEPTH, deep, invalid, mapping, name

_KNOWN = frozenset({"text", "image", "document", "search_result"})


def parts(block: Fields, path: Path, tally: Tally) -> list[Fields]:
    """The parts of a block in a user's message or in instructions.  Raises Unsupported if there is no such part."""
    if block["type"] == "document":
        source = mapping(block.get("source"), (*path, "source"))
        if source.get("type") == "url":
            tally.citations += bool(mapping(block.get("citations") or {}, (*path, "citations")).get("enabled"))
            file = {"type": "input_file", "file_url": name(source.get("url"), (*path, "source", "url"))}
            tally.headed += bool(chat.context(block))
            title = block.get("title")
            file |= {"filename": title} if isinstance(title, str) and title else {}
            return [_part({"type": "text", "text": chat.heading(block)}), file] if chat.context(block) else [file]
    return [_part(part) for part in chat.parts(block, path, tally)]


def output(block: Fields, path: Path, tally: Tally, *, apart: bool = False) -> str | list[Fields]:
    """What a tool's result says: a string, where it is no more than text; *apart*: no more than one."""
    found: list[Fields] = []
    for place, inner in blocks_of(block.get("content"), (*path, "content")):
        tally.headed += inner["type"] not in _KNOWN
        found += parts(inner, place, tally) if inner["type"] in _KNOWN else [_told(inner, place)]
    wrong = block.get("is_error") is True
    if all(part["type"] == "input_text" for part in found) and not (apart and len(found) > 1):
        tally.joined += max(len(found) - 1, 0)
        words = "\n".join(part["text"] for part in found)
        return failed(words) if wrong else words
    return [{"type": "input_text", "text": failed()}, *found] if wrong else found


def _part(part: Fields) -> Fields:
    """A part of a Chat message, as this API has it."""
    match part:
        case {"type": "image_url", "image_url": image}:
            return {"type": "input_image", "image_url": image["url"], "detail": image.get("detail", "auto")}
        case {"type": "file", "file": file}:
            return {"type": "input_file", **file}
    return {"type": "input_text", "text": part["text"]}


def _told(block: Fields, path: Path) -> Any:
    """Any block as JSON: the model can read it, whatever it is."""
    if deep(block, DEPTH):
        invalid(path, "nested too deeply")
    kept = {key: value for key, value in block.items() if key != "cache_control"}
    return {"type": "input_text", "text": msgspec.json.encode(kept).decode()}
