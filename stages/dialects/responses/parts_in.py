"""Content of a Responses item → blocks of the Messages shape.

    input_text · output_text · refusal     ─▶  text
    input_image {image_url}                ─▶  image
    input_file {file_data · file_url}      ─▶  document

The parts are Chat's under other names, but for files by URL, which Chat has none of.
"""

from typing import Any

from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.dialects.chat import parts_in as chat
from stages.dialects.chat.parts_in import Block, mark_of, unsupported
from stages.dialects.responses.fields import Fields, kind_of
from stages.dialects.shape import invalid, name, objects, text

_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})


def blocks(value: Any, path: Path, prompt: Prompt, *, role: str, detailed: bool = False) -> list[Block]:
    """The blocks of an item's content; *role* and *detailed* as in Chat's."""
    if value is None or isinstance(value, str):
        return chat.blocks(value, path, prompt, role=role)
    found: list[Block] = []
    for place, part in objects(value, path):
        if part.get("file_url") is not None:
            found.append(_remote(part, place))
        else:
            found += chat.told(_as_chat(part, place), place, prompt, role=role, detailed=detailed)
    return found


def _as_chat(part: Fields, path: Path) -> Fields:
    """*part* as Chat has it."""
    kind = kind_of(part, path)
    kept = {key: part[key] for key in ("prompt_cache_breakpoint", "cache_control") if part.get(key) is not None}
    if kind in _TEXTS:
        return {"type": "text", "text": part.get("text"), **kept}
    if kind == "refusal":
        return {"type": "refusal", "refusal": part.get("refusal"), **kept}
    if kind not in {"input_image", "input_file"}:
        raise unsupported(path, f"a part of type {kind!r} can't be given to this model")
    if part.get("file_id") is not None:
        raise unsupported(path, "files by id can't be given to this model; send them in full")
    if kind == "input_image":
        image = {"url": part.get("image_url"), "detail": text(part.get("detail") or "auto", (*path, "detail"))}
        return {"type": "image_url", "image_url": image, **kept}
    file = {key: part[key] for key in ("file_data", "filename") if key in part}
    return {"type": "file", "file": file, **kept}


def _remote(part: Fields, path: Path) -> Block:
    """A file by URL; in the Messages shape that is a PDF."""
    url = name(part["file_url"], (*path, "file_url"))
    if not url.lower().startswith(("https://", "http://")):
        invalid((*path, "file_url"), "an http(s) URL is required")
    block: Block = {"type": "document", "source": {"type": "url", "url": url}}
    if isinstance(part.get("filename"), str) and part["filename"]:
        block["title"] = part["filename"]
    mark = mark_of(part, path)
    return block if mark is None else {**block, "cache_control": mark}
