"""A JSON text that can be read and edited where it stands.

    b'{"model": "a", "messages": [ … 3 MB … ]}'   ──set(("model",), "b")──▶   the same bytes, four of them changed

A document never changes: an edit gives a new one that shares all it can with the old.  Only the levels on the way to
an edit are ever opened (one scan each, remembered), and only they are written again: whitespace, the order of keys and
the spelling of numbers stay as they came everywhere else.  A key given twice is refused wherever it would matter which
one counts.  This file must not know what the JSON means.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import count, repeat
from typing import Any

import msgspec

Key = str | int
Path = tuple[Key, ...]

Span = tuple[int, int, int]  # of a member: where its key begins (in an array, its value), its value begins, and ends

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_SPACE = re.compile(rb"[ \t\r\n]*+")
_COMMA = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+")
_KEY = re.compile(rb'[ \t\r\n]*+,?+[ \t\r\n]*+("((?:[^"\\]|\\.)*+)")[ \t\r\n]*+:[ \t\r\n]*+')
_KINDS = dict.fromkeys((b"t", b"f", b"n"), "literal") | {b"{": "object", b"[": "array", b'"': "string"}

_MISSING: Any = object()
_UNEDITED: "dict[Key, Document | None]" = {}  # of every document as it came; an edit makes another


class Malformed(ValueError):
    """The text is not one JSON value, is nested too deeply, or names a key twice."""


class Document:
    """One JSON value: its text, and the edits made to it."""

    __slots__ = ("_children", "_edited", "_raw", "_spans")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._spans: dict[Key, Span] | None = None
        self._children: dict[Key, Document | None] = {}  # opened so far, edited or not; None where nothing is
        self._edited = _UNEDITED  # in place of, after, or (None) instead of what is in _raw

    @classmethod
    def of(cls, value: Any) -> "Document":
        """The document that says *value*, compactly."""
        return cls(_ENCODER.encode(value))

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """One of ``object``, ``array``, ``string``, ``number``, ``literal``."""
        kind = _KINDS.get(self._raw[:1])
        if kind is None:  # only what came from outside can begin with a blank
            start = _end_of_space(self._raw, 0)
            kind = _KINDS.get(self._raw[start : start + 1], "number")
        return kind

    def keys(self) -> list[Key]:
        """The keys of an object or the positions of an array, in order; nothing for anything else."""
        members, edited = self._members(), self._edited
        if not edited:
            return list(members)
        some = None in edited.values()  # were dropped
        kept = [key for key in members if edited.get(key, self) is not None] if some else list(members)
        return kept + [key for key, child in edited.items() if key not in members and child is not None]

    def at(self, path: Path) -> "Document | None":
        """The document at *path*, or None.  Negative positions count from the end."""
        here = self
        for key in path:
            child = here._children.get(key, _MISSING)
            if child is _MISSING:
                child = here._opened(key)
            if child is None:
                return None
            here = child
        return here

    def start(self, number: int) -> int:
        """Where the member at position *number* begins in the text of an array that was not edited."""
        return self._members()[number][1]

    def value(self) -> Any:
        """What the document says, decoded: a fresh object each time."""
        return _decode(_ANY, self._raw if not self._edited else self.encode())

    def items(self) -> Iterator[tuple[Key, "Document"]]:
        """Key and document of every member."""
        for key in self.keys():
            child = self.at((key,))
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
        pieces: list[bytes | memoryview] = []
        self._write(pieces)
        return b"".join(pieces)

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

    def _opened(self, key: Key) -> "Document | None":
        """What is at *key*, which was not looked at so far; it is remembered."""
        if isinstance(key, int) and key < 0:
            keys = self.keys()
            return self.at((keys[key],)) if len(keys) >= -key else None
        span = self._members().get(key)
        child = self._children[key] = None if span is None else Document(self._raw[span[1] : span[2]])
        return child

    def _put(self, path: Path, value: "Document | None") -> "Document":
        if not path:
            if value is None:
                raise KeyError("the whole document can't be dropped")
            return value
        array, members = self.kind == "array", self._members()
        if not array and self.kind != "object":
            raise KeyError(path[0])
        key = self._resolve(path[0])
        if len(path) > 1:
            child = self.at((key,))
            value = (Document(b"{}") if child is None else child)._put(path[1:], value)
        if isinstance(key, int) is not array or (isinstance(key, int) and key > len(members)):
            raise KeyError(key)
        changed = Document(self._raw)
        changed._spans = members
        changed._children = {**self._children, key: value}
        changed._edited = {**self._edited, key: value}
        return changed

    def _write(self, pieces: list[bytes | memoryview]) -> None:
        """Append to *pieces* the text between two edits as one, however many members it has, and what the edits say."""
        if not self._edited:
            pieces.append(self._raw)
            return
        raw, members, edited = memoryview(self._raw), self._members(), self._edited
        spans, written, dropped = list(members.values()), 0, 0
        for span, child in sorted((members[key], edited[key]) for key in edited if key in members):
            begin, start, end = span
            if child is not None:
                pieces.append(raw[written:start])
                child._write(pieces)
                written = end
                continue
            # With a member goes the separator before it; where no member is left before it, the one behind it.
            number = spans.index(span)
            pieces.append(raw[written : spans[number - 1][2] if number > dropped else begin])
            written = end if number > dropped or number + 1 == len(spans) else spans[number + 1][0]
            dropped += 1
        tail = spans[-1][2] if spans else self._raw.rindex(b"}" if self.kind == "object" else b"]")
        pieces.append(raw[written:tail])
        comma = b"," if len(spans) > dropped else b""
        for key, child in edited.items():
            if key not in members and child is not None:
                pieces.append(comma + (_ENCODER.encode(key) + b":" if isinstance(key, str) else b""))
                child._write(pieces)
                comma = b","
        pieces.append(raw[tail:])


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
    """Where the members are: the decoder has told how long each value is, so that no byte is looked at in Python.

    Of a key given twice the decoder knows the later value only, so the earlier one is either another text (here) or
    the next to be met (in the next round): both are refused.
    """
    values: dict[str, msgspec.Raw] = _decode(_OBJECT, raw)
    packed = _packed([(key, len(key) + 3, value) for key, value in values.items()], raw)
    if packed is not None:
        return packed
    spans: dict[Key, Span] = {}
    position = raw.index(b"{") + 1
    following = _KEY.match
    while match := following(raw, position):
        quoted, text = match.groups()
        key: str = _decode(_ANY, quoted) if b"\\" in text else text.decode()
        value, (begin, start) = values[key], (match.start(1), match.end())
        if key in spans or not raw.startswith(value, start):
            raise Malformed(f"the key {key!r} is given twice")
        position = start + len(value)
        spans[key] = begin, start, position
    return spans


def _packed(members: Iterable[tuple[Key, int, msgspec.Raw]], raw: bytes) -> dict[Key, Span] | None:
    """Where *members* are, each with the length of what stands before its value, if *raw* is nothing but them.

    Most clients write so.  A blank, an escaped key or one given twice would only make the text longer, so its length
    proves that there is none; that takes a fifth of the walk.
    """
    spans: dict[Key, Span] = {}
    position = 1
    for key, lead, value in members:
        start = position + lead
        end = start + len(value)
        spans[key] = position, start, end
        position = end + 1
    return spans if position == len(raw) else None


def _spans_of_array(raw: bytes) -> dict[Key, Span]:
    values: list[msgspec.Raw] = _decode(_ARRAY, raw)
    packed = _packed(zip(count(), repeat(0), values), raw)
    if packed is not None:
        return packed
    spans: dict[Key, Span] = {}
    position = _end_of_space(raw, raw.index(b"[") + 1)
    for number, value in enumerate(values):
        end = position + len(value)
        spans[number] = position, position, end
        comma = _COMMA.match(raw, end)
        position = end if comma is None else comma.end()
    return spans
