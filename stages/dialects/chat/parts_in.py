"""Content of a Chat message → blocks of the Messages shape.

    "text"                                             ─▶  [{"type": "text", …}]
    [{"type": "text"}, {"type": "image_url"}, …]       ─▶  one block each
    file_data "data:application/pdf;base64,…"          ─▶  a document

What has no block of its own is refused by name, never dropped: a model that answers without the picture is worse than
an error.  Empty texts go, because Anthropic refuses them and they say nothing.
"""

from base64 import b64decode
from binascii import Error
from typing import Any

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Prompt, spell
from stages.dialects.conversation import MARK
from stages.dialects.shape import invalid, mapping, name, objects, text

Block = dict[str, Any]

REFUSED = "a refusal is told as the text it is"

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_SPEAKERS = {"text": ("user", "assistant", "system", "tool"), "refusal": ("assistant",)}  # others: user and tool


def blocks(value: Any, path: Path, prompt: Prompt, *, role: str, detailed: bool = False) -> list[Block]:
    """The blocks of a message's content; *role*: user, assistant, system or tool, each takes other parts.

    *detailed*: pictures keep their detail, marks their form and files of text are files: for a kindred dialect.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return _text(value)
    return [
        block
        for place, part in objects(value, path)
        for block in told(part, place, prompt, role=role, detailed=detailed)
    ]


def told(part: dict[str, Any], path: Path, prompt: Prompt, *, role: str, detailed: bool = False) -> list[Block]:
    """The blocks of one part; as ``blocks``."""
    kind = part.get("type")
    if role not in _SPEAKERS.get(str(kind), ("user", "tool")):
        raise unsupported(path, f"a part of type {kind!r} can't be in a {role} message")
    found = _part(kind, part, path, detailed=detailed)
    if not found:
        return []
    if not detailed:
        _plain(found[-1], part, path, prompt)
    if (mark := mark_of(part, path)) is not None:
        found[-1]["cache_control"] = mark | ({MARK: part[MARK]} if detailed and MARK in part else {})
    return found


def _plain(block: Block, part: dict[str, Any], path: Path, prompt: Prompt) -> None:
    """Record what of *part* has no place in *block*."""
    if part["type"] == "refusal":
        prompt.record("approximated", path, REFUSED)
    elif part["type"] == "file" and block["source"]["type"] == "text":
        prompt.record("approximated", path, "a file of text is told as its text")
    elif block.pop("detail", None) is not None:
        prompt.record("dropped", (*path, "image_url", "detail"), "images have no detail in the Messages shape")
    if "cache_control" not in part and (mark_of(part, path) or {}).get("ttl") == "1h":
        prompt.record("approximated", (*path, MARK), "an hour is the longest that a mark lasts here")


def _part(kind: Any, part: dict[str, Any], path: Path, *, detailed: bool) -> list[Block]:
    if kind in ("text", "refusal"):
        return _text(text(part.get(kind), (*path, kind)))
    if kind == "image_url":
        return [_image(part.get("image_url"), (*path, "image_url"))]
    if kind == "file":
        return [_file(mapping(part.get("file"), (*path, "file")), (*path, "file"), whole=detailed)]
    raise unsupported(path, f"a part of type {kind!r} can't be given to this model")


def _text(value: str) -> list[Block]:
    return [{"type": "text", "text": value}] if value.strip() else []


def _image(value: Any, path: Path) -> Block:
    """An image by URL or in a data URL; some clients give the URL where its object should be."""
    image = {"url": value} if isinstance(value, str) else mapping(value, path)
    url = name(image.get("url"), (*path, "url"))
    detail = {} if image.get("detail") in (None, "auto") else {"detail": text(image["detail"], (*path, "detail"))}
    if url.startswith("data:"):
        media, data = _data(url, (*path, "url"))
        if media not in _IMAGES:
            raise unsupported(path, f"an image of type {media!r} can't be given to this model")
        return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}, **detail}
    if not url.lower().startswith(("https://", "http://")):
        invalid((*path, "url"), "an http(s) or data URL is required")
    return {"type": "image", "source": {"type": "url", "url": url}, **detail}


def _file(file: dict[str, Any], path: Path, *, whole: bool) -> Block:
    """A file in a data URL, or in base64 alone; its name tells what it is then.  *whole*: one of text stays a file."""
    if "file_data" not in file:
        raise unsupported(path, "files by id can't be given to this model; send file_data")
    given = name(file["file_data"], (*path, "file_data"))
    title = file.get("filename")
    media, data = _data(given, (*path, "file_data")) if given.startswith("data:") else (_guess(given, title), given)
    if media == "application/pdf" or (whole and media.startswith("text/")):
        source = {"type": "base64", "media_type": media, "data": data}
    elif media.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": _decoded(data, (*path, "file_data"))}
    else:
        raise unsupported(path, f"a file of type {media!r} can't be given to this model")
    return {"type": "document", "source": source, **({"title": title} if isinstance(title, str) and title else {})}


def _data(url: str, path: Path) -> tuple[str, str]:
    """Media type and base64 text of a data URL (RFC 2397)."""
    head, comma, data = url.removeprefix("data:").partition(",")
    media, *parameters = head.lower().split(";")
    if not comma or "base64" not in parameters:
        invalid(path, "a data URL in base64 is required")
    return {"image/jpg": "image/jpeg"}.get(media.strip(), media.strip()), data


def _guess(data: str, title: Any) -> str:
    """The media type of a file that came without: by its first bytes, or its name."""
    if data.startswith("JVBERi"):  # %PDF
        return "application/pdf"
    named = title.lower() if isinstance(title, str) else ""
    return "text/plain" if named.endswith((".txt", ".md", ".csv", ".json", ".log")) else "application/octet-stream"


def _decoded(data: str, path: Path) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except (Error, ValueError):
        invalid(path, "text in UTF-8, coded in base64, is required")


def mark_of(part: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """The cache mark of a part: its own, as many clients send it, or what a breakpoint of Chat's amounts to."""
    own = part.get("cache_control")
    if own is not None:
        mark = mapping(own, (*path, "cache_control"))
        return {"type": "ephemeral", **({"ttl": mark["ttl"]} if mark.get("ttl") in ("5m", "1h") else {})}
    if part.get(MARK) is None:
        return None
    point = mapping(part[MARK], (*path, MARK))
    # The default of thirty minutes lies between Anthropic's two lifetimes; the shorter is refreshed at each use.
    return {"type": "ephemeral", "ttl": "1h"} if point.get("ttl") == "12h" else {"type": "ephemeral"}


def unsupported(path: Path, why: str) -> Unsupported:
    """The refusal of what the Messages shape has no place for."""
    return Unsupported(f"{spell(path)}: {why}", param=spell(path))
