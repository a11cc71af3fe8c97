"""Weigh: the JSON of units → what they hold.  Runs in the worker's process; pure but for the tokenizer it is given.

    {"role": "user", "content": [{"type": "image", …}, {"type": "text", "text": "What is it?"}]}
                                        │ header                         │ tokenizer
                                        ▼                                ▼
                       Weight(pictures=(1024×768,),          words=4,          asks=True)

One reader for all dialects: a block is known by its ``type``, a turn by its members.  What does not reach the model as
tokens (ids, cache marks, signatures beside their text) weighs nothing; what is not known weighs as its JSON, long
base64 texts in it by their length.  Never raises, whatever a client sent.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import msgspec

from stages.tokens.declarations import declaration
from stages.tokens.files import pages
from stages.tokens.pictures import size_of
from stages.tokens.weight import Picture, Weight

Count = Callable[[list[str]], list[int]]  # texts → the tokens of each

PIECE = 64 * 1024  # characters that are tokenized at a time
HIDDEN = 8  # base64 characters in a token of what only its maker can read
AUDIO = 2500  # base64 characters in a token of sound

_OPAQUE = re.compile(r'"[A-Za-z0-9+/=_-]{256,}+"')
_DATA = re.compile(r"data:([a-z]*+)/?([a-z]*+)[^,]{0,200}?,", re.IGNORECASE)
_SILENT = frozenset({"cache_control", "id", "type", "role", "status", "signature", "strict", "prompt_cache_breakpoint"})


def weigh(found: Iterable[tuple[str, bytes]], count: Count) -> list[Weight]:
    """The weights of units given as kind and JSON."""
    readers = [read(kind, raw) for kind, raw in found]
    texts = [text for reader in readers for text in reader.texts()]
    tokens = iter(count([text[at : at + PIECE] for text in texts for at in range(0, len(text), PIECE)]))

    def total(pieces: list[str]) -> int:
        return sum(next(tokens) for text in pieces for _ in range(0, len(text), PIECE))

    return [reader.weight(total) for reader in readers]


def read(kind: str, raw: bytes) -> "Reader":
    """What stands in one unit."""
    reader = Reader()
    try:
        value = msgspec.json.decode(raw)
        {"tool": reader.tool, "schema": reader.schema, "text": reader.content, "turn": reader.turn}[kind](value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reader = Reader()
        reader.words.append(raw.decode("utf-8", "replace"))
    return reader


@attrs.define
class Reader:
    """Gathers what a unit holds."""

    words: list[str] = attrs.field(factory=list)
    thoughts: list[str] = attrs.field(factory=list)
    written: list[str] = attrs.field(factory=list)
    declared: list[str] = attrs.field(factory=list)
    pictures: list[Picture] = attrs.field(factory=list)
    pages: int = 0
    more: int = 0  # tokens of what has no words
    hidden: int = 0  # tokens of thoughts that can't be read
    asks: bool = False

    def texts(self) -> Iterable[str]:
        """All that is to be tokenized, in the order ``weight`` takes it."""
        for pieces in (self.words, self.thoughts, self.written, self.declared):
            yield from pieces

    def weight(self, total: Callable[[list[str]], int]) -> Weight:
        """The weight, *total* being asked for the tokens of each list in turn."""
        return Weight(
            words=total(self.words) + self.more,
            thoughts=total(self.thoughts) + self.hidden,
            written=total(self.written),
            declared=total(self.declared),
            pages=self.pages,
            pictures=tuple(self.pictures),
            asks=self.asks,
        )

    # -- units --------------------------------------------------------------------------------------------------------

    def turn(self, value: Any) -> None:
        """A message, or an item of a conversation."""
        if not isinstance(value, dict):
            self.content(value)
            self.asks = isinstance(value, str)
            return
        kind = value.get("type")
        if isinstance(kind, str) and kind in _BLOCKS and kind != "message":
            self.content(value)
            return
        parts = value.get("content")
        answers = isinstance(parts, list) and any(isinstance(p, dict) and p.get("type") == "tool_result" for p in parts)
        self.asks = value.get("role") == "user" and not answers
        self.content(parts)
        self.say(value.get("name"), value.get("refusal"))
        for thought in ("reasoning_content", "reasoning"):
            if isinstance(value.get(thought), str):
                self.thoughts.append(value[thought])
        self.calls([value.get("function_call"), *_list(value.get("tool_calls"))])

    def tool(self, value: Any) -> None:
        """A tool, in whichever dialect's form."""
        tool = value if isinstance(value, dict) else {}
        if isinstance(tool.get("tools"), list):  # a namespace
            for inner in tool["tools"]:
                self.tool(inner)
        tool = tool["function"] if isinstance(tool.get("function"), dict) else tool
        name, told = str(tool.get("name") or tool.get("type") or ""), tool.get("description")
        schema = next((tool[key] for key in ("input_schema", "parameters", "format") if key in tool), None)
        said = told if isinstance(told, str) else ""
        self.written.append(_json({"name": name, "description": said, "parameters": schema}))
        custom = isinstance(schema, dict) and isinstance(schema.get("definition"), str)
        more = schema["definition"] if custom and isinstance(schema, dict) else ""
        self.declared.append(declaration(name, f"{said}\n{more}" if more else said, schema))

    def schema(self, value: Any) -> None:
        """A form that the answer is to have; other members of the same name weigh nothing."""
        form = value.get("format", value) if isinstance(value, dict) else None
        inner = form.get("json_schema", form) if isinstance(form, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get("schema"), dict):
            self.words.append(_json(inner["schema"]))

    # -- content ------------------------------------------------------------------------------------------------------

    def content(self, value: Any) -> None:
        """A text, a block, or a list of them."""
        if isinstance(value, str):
            self.words.append(value)
        elif isinstance(value, list):
            for block in value:
                self.content(block)
        elif isinstance(value, dict):
            kind = value.get("type")
            _BLOCKS.get(kind if isinstance(kind, str) else "", Reader.unknown)(self, value)

    def say(self, *texts: Any) -> None:
        """Take those of *texts* that are texts."""
        self.words += [text for text in texts if isinstance(text, str)]

    def members(self, block: dict[str, Any], *names: str) -> None:
        """The members *names* of *block*, each a text or content."""
        for name in names:
            self.content(block.get(name))

    def calls(self, found: list[Any]) -> None:
        """Calls of tools, as a Chat message has them."""
        for call in found:
            if isinstance(call, dict):
                inner = next((call[key] for key in ("function", "custom") if isinstance(call.get(key), dict)), call)
                self.call(inner)

    def call(self, block: dict[str, Any]) -> None:
        """A call of a tool: its name, and what it is given."""
        self.say(block.get("name"))
        given = next((block[key] for key in ("arguments", "input", "action", "operation") if key in block), None)
        if given is not None:
            self.words.append(given if isinstance(given, str) else _json(given))

    def thought(self, block: dict[str, Any]) -> None:
        """Reasoning: its words; where only its maker can read it, the length has to do."""
        told = [block.get("thinking"), *_list(block.get("summary")), *_list(block.get("content"))]
        said = [part.get("text") if isinstance(part, dict) else part for part in told]
        words = [text for text in said if isinstance(text, str) and text]
        sealed = [block.get(key) for key in ("signature", "data", "encrypted_content")]
        if words:
            self.thoughts += words
        else:
            self.hidden += sum(len(text) for text in sealed if isinstance(text, str)) // HIDDEN

    def picture(self, block: dict[str, Any]) -> None:
        """A picture: data of ours to look at, or a place where it is."""
        source, link = block.get("source"), block.get("image_url")
        detail = link.get("detail") if isinstance(link, dict) else block.get("detail")
        url = link.get("url") if isinstance(link, dict) else link
        size = None
        if isinstance(source, dict) and isinstance(source.get("data"), str):
            size = size_of(source["data"])
        elif isinstance(url, str) and (match := _DATA.match(url)):
            size = size_of(url[match.end() :])
        width, height = size or (0, 0)
        self.pictures.append(Picture(width, height, detail if isinstance(detail, str) else "auto"))

    def document(self, block: dict[str, Any]) -> None:
        """A document: text, blocks, or pages."""
        self.members(block, "title", "context")
        source = block.get("source")
        source = source if isinstance(source, dict) else {}
        data, kind = source.get("data"), source.get("type")
        if kind == "content":
            self.content(source.get("content"))
        elif kind == "text":
            self.say(data)
        else:
            self.pages += pages(data) if isinstance(data, str) else 1

    def file(self, block: dict[str, Any]) -> None:
        """A file, as a data URL or a bare base64 text; one that is elsewhere counts as a page."""
        inner = block["file"] if isinstance(block.get("file"), dict) else block
        data = inner.get("file_data")
        match = _DATA.match(data) if isinstance(data, str) else None
        self.say(inner.get("filename"))
        if isinstance(data, str) and match and match.group(1).lower() == "image":
            width, height = size_of(data[match.end() :]) or (0, 0)
            self.pictures.append(Picture(width, height))
        else:
            self.pages += pages(data[match.end() if match else 0 :]) if isinstance(data, str) else 1

    def sound(self, block: dict[str, Any]) -> None:
        """Sound, by its length."""
        inner = block.get("input_audio")
        data = inner.get("data") if isinstance(inner, dict) else None
        self.more += len(data) // AUDIO if isinstance(data, str) else 0

    def unknown(self, block: dict[str, Any]) -> None:
        """Anything else: its JSON, without what is never shown."""
        text = _json({key: value for key, value in block.items() if key not in _SILENT})
        self.more += sum(len(match.group()) for match in _OPAQUE.finditer(text)) // HIDDEN
        self.words.append(_OPAQUE.sub('""', text))


def _taking(*names: str) -> Callable[[Reader, dict[str, Any]], None]:
    """A reader of the members *names*."""
    return lambda reader, block: reader.members(block, *names)


_BLOCKS: dict[str, Callable[[Reader, dict[str, Any]], None]] = {
    **dict.fromkeys(("text", "input_text", "output_text", "summary_text", "reasoning_text"), _taking("text")),
    "refusal": _taking("refusal"),
    "message": Reader.turn,
    **dict.fromkeys(("image", "image_url", "input_image"), Reader.picture),
    "document": Reader.document,
    **dict.fromkeys(("file", "input_file"), Reader.file),
    "input_audio": Reader.sound,
    "tool_result": _taking("content"),
    "search_result": _taking("title", "source", "content"),
    **dict.fromkeys(("tool_use", "server_tool_use", "mcp_tool_use"), Reader.call),
    **dict.fromkeys(("function_call", "custom_tool_call", "local_shell_call", "apply_patch_call"), Reader.call),
    **dict.fromkeys(("function_call_output", "custom_tool_call_output", "apply_patch_call_output"), _taking("output")),
    "local_shell_call_output": _taking("output"),
    **dict.fromkeys(("thinking", "redacted_thinking", "reasoning"), Reader.thought),
    "item_reference": lambda reader, block: None,
}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
