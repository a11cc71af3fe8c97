"""A JSON text that can be read and edited where it stands.

    b'{"model": "a", "messages": [ … 3 MB … ]}'   ──set(("model",), "b")──▶   the same bytes, four of them changed

A document never changes: an edit gives a new one that shares all it can with the old.  Only the levels on the way to
an edit are ever opened (one scan each, remembered), and only they are written again: whitespace, the order of keys and
the spelling of numbers stay as they came everywhere else.  A key given twice is refused wherever it would matter which
one counts.  This file must not know what the JSON means.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

Key = str | int
Path = tuple[Key, ...]

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')

_MISSING: Any = object()


class Malformed(ValueError):
    """The text is not one JSON value, is nested too deeply, or names a key twice."""


class Span:
    """Where a member stands: *begin* of its key (or its value, in an array), *start* and *end* of its value."""

    __slots__ = ("begin", "end", "start")

    def __init__(self, begin: int, start: int, end: int) -> None:
        self.begin, self.start, self.end = begin, start, end


class Document:
    """One JSON value: its text, and the edits made to it."""

    __slots__ = ("_children", "_edited", "_raw", "_spans")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._spans: dict[Key, Span] | None = None
        self._children: dict[Key, Document] = {}  # opened so far; the same text as in _raw
        self._edited: dict[Key, Document | None] = {}  # in place of, after, or (None) instead of what is in _raw

    @classmethod
    def of(cls, value: Any) -> "Document":
        """The document that says *value*, compactly."""
        return cls(_ENCODER.encode(value))

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """One of ``object``, ``array``, ``string``, ``number``, ``literal``."""
        first = self._raw[_end_of_space(self._raw, 0) :][:1]
        return {b"{": "object", b"[": "array", b'"': "string", b"t": "literal", b"f": "literal", b"n": "literal"}.get(
            first, "number"
        )

    def keys(self) -> list[Key]:
        """The keys of an object or the positions of an array, in order; nothing for anything else."""
        kept = [key for key in self._members() if self._edited.get(key, self) is not None]
        return kept + [key for key in self._edited if key not in self._members() and self._edited[key] is not None]

    def at(self, path: Path) -> "Document | None":
        """The document at *path*, or None.  Negative positions count from the end."""
        here: Document | None = self
        for key in path:
            here = None if here is None else here._child(key)
        return here

    def value(self) -> Any:
        """What the document says, decoded: a fresh object each time."""
        return _decode(_ANY, self.encode())

    def items(self) -> Iterator[tuple[Key, "Document"]]:
        """Key and document of every member."""
        for key in self.keys():
            child = self._child(key)
            if child is not None:
                yield key, child

    # -- editing ------------------------------------------------------------------------------------------------------

    def set(self, path: Path, value: Any) -> "Document":
        """With *value* at *path*; objects on the way are made, a position one past the end appends."""
        return self._put(path, value if isinstance(value, Document) else Document.of(value))

    def drop(self, path: Path) -> "Document":
        """Without what is at *path*; the same document if nothing is."""
        return self if self.at(path) is None else self._put(path, None)

    def encode(self) -> bytes:
        """The text; the very bytes it came in while nothing was edited."""
        if not self._edited:
            return self._raw
        return b"".join(self._pieces())

    # -- within -------------------------------------------------------------------------------------------------------

    def _members(self) -> dict[Key, Span]:
        if self._spans is None:
            kind = self.kind
            if kind == "object":
                self._spans = _spans_of_object(self._raw)
            else:
                self._spans = _spans_of_array(self._raw) if kind == "array" else {}
        return self._spans

    def _resolve(self, key: Key) -> Key:
        if isinstance(key, int) and key < 0:
            keys = self.keys()
            return keys[key] if len(keys) >= -key else -1
        return key

    def _child(self, key: Key) -> "Document | None":
        key = self._resolve(key)
        if key in self._edited:
            return self._edited[key]
        child = self._children.get(key)
        if child is None and (span := self._members().get(key)) is not None:
            child = self._children[key] = Document(self._raw[span.start : span.end])
        return child

    def _put(self, path: Path, value: "Document | None") -> "Document":
        if not path:
            if value is None:
                raise KeyError("the whole document can't be dropped")
            return value
        if self.kind not in {"object", "array"}:
            raise KeyError(path[0])
        key = self._resolve(path[0])
        if len(path) > 1:
            child = self._child(key)
            value = (Document(b"{}") if child is None else child)._put(path[1:], value)
        if isinstance(key, int) is not (self.kind == "array") or (isinstance(key, int) and key > len(self._members())):
            raise KeyError(key)
        changed = Document(self._raw)
        changed._spans, changed._children = self._members(), self._children
        changed._edited = {**self._edited, key: value}
        return changed

    def _pieces(self) -> Iterator[bytes]:
        """Opening bracket, members with the separators they came with, additions, closing bracket."""
        raw, members = self._raw, self._members()
        close = raw.rindex(b"}" if self.kind == "object" else b"]")
        done = _end_of_space(raw, raw.index(b"{" if self.kind == "object" else b"[") + 1)
        first = True
        yield raw[:done]
        for key, span in members.items():
            child = self._edited.get(key, _MISSING)
            if child is not None:
                # What stands before a member is its separator, unless its predecessors were dropped.
                yield raw[span.begin if first else done : span.start]
                yield raw[span.start : span.end] if child is _MISSING else child.encode()
                first = False
            done = span.end
        for key, child in self._edited.items():
            if key not in members and child is not None:
                yield (b"" if first else b",") + (_ENCODER.encode(key) + b":" if isinstance(key, str) else b"")
                yield child.encode()
                first = False
        yield raw[done if members else close :]


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes) -> Any:
    try:
        return decoder.decode(raw)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from None


def _end_of_space(raw: bytes, position: int) -> int:
    match = _SPACE.match(raw, position)
    return match.end() if match else position


def _spans_of_object(raw: bytes) -> dict[Key, Span]:
    """Walk the members: the decoder has told how long each value is, so nothing is looked at twice."""
    values: dict[str, msgspec.Raw] = _decode(_OBJECT, raw)
    spans: dict[Key, Span] = {}
    position = _end_of_space(raw, raw.index(b"{") + 1)
    while raw[position : position + 1] == b'"':
        match = _STRING.match(raw, position)
        key = None if match is None else _decode(_ANY, match.group())
        if match is None or key in spans or key not in values:
            raise Malformed("a key is given twice" if key is None else f"the key {key!r} is given twice")
        start = _end_of_space(raw, _end_of_space(raw, match.end()) + 1)
        end = start + len(memoryview(values[key]))
        spans[key] = Span(position, start, end)
        position = _end_of_space(raw, end)
        if raw[position : position + 1] == b",":
            position = _end_of_space(raw, position + 1)
        elif position != len(raw) - 1 and raw[position : position + 1] != b"}":
            # Only a later twin of this key can have had another length.
            raise Malformed(f"the key {key!r} is given twice")
    if len(spans) != len(values):
        raise Malformed("a key is given twice")
    return spans


def _spans_of_array(raw: bytes) -> dict[Key, Span]:
    spans: dict[Key, Span] = {}
    position = _end_of_space(raw, raw.index(b"[") + 1)
    for number, value in enumerate(_decode(_ARRAY, raw)):
        end = position + len(memoryview(value))
        spans[number] = Span(position, position, end)
        position = _end_of_space(raw, _end_of_space(raw, end) + 1)
    return spans
