"""A JSON text that can be read and edited where it stands.

    b'{"model": "a", "messages": [ … 3 MB … ]}'   ──set(("model",), "b")──▶   the same bytes, four of them changed

A document never changes: an edit gives a new one that shares all it can with the old.  Only the levels on the way to
an edit are ever opened (one scan each, remembered), and only they are written again: whitespace, the order of keys and
the spelling of numbers stay as they came everywhere else.  A key given twice is refused wherever it would matter which
one counts.  This file must not know what the JSON means.

    {"a":1,"b":[2,3]}       packed: nothing but its members, so that joining them gives the same bytes: the encoder does
    { "a" : 1, "b": … }     not: what was changed is put where it stood, between what was not
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from itertools import islice
from typing import Any

import msgspec
from msgspec import Raw

Key = str | int
Path = tuple[Key, ...]

Span = tuple[int, int, int]  # of a member: where its key begins (in an array, its value), its value begins, and ends

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ARRAY = msgspec.json.Decoder(list[Raw])
_ONE = msgspec.json.Decoder(Raw)
_ANY = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_JOINER = msgspec.json.Encoder(enc_hook=lambda member: Raw(member.encode()))  # of members that were opened, too
_SPACE = re.compile(rb"[ \t\r\n]*+")
_COMMA = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+")
_KEY = re.compile(rb'[ \t\r\n]*+,?+[ \t\r\n]*+("((?:[^"\\]|\\.)*+)")[ \t\r\n]*+:[ \t\r\n]*+')
_HALF = re.compile(rb"\\u[Dd][89ABab][0-9A-Fa-f]{2}[^\\]{0,5}\Z")  # what ends so, the decoder calls truncated
TRIES = 8  # places where an object may begin that are looked at, from the end
FAR = 256 * 1024  # bytes before the end in which they are
_FITS: dict[str, type] = {"object": str, "array": int}  # the keys that a value of each kind has
_KINDS = dict.fromkeys((b"t", b"f", b"n"), "literal") | {b"{": "object", b"[": "array", b'"': "string"}


class Malformed(ValueError):
    """The text is not one JSON value, is nested too deeply, or names a key twice."""


_Members = dict[Key, "Raw | Document | None"]  # as they came; looked at, edited or new; dropped


class Document:
    """One JSON value: its text, and the edits made to it."""

    __slots__ = ("_members", "_raw", "_spans", "_text")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._members: _Members | None = None  # as they are by now; None: not looked at so far
        self._spans: dict[Key, Span] | None = None  # of the members in _raw, unless that is packed
        self._text: bytes | None = raw  # None: the members say something else than _raw, and were not joined so far

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
        members = self._opened()
        if self._text is self._raw or None not in members.values():
            return list(members)
        return [key for key, child in members.items() if child is not None]

    def at(self, path: Path) -> "Document | None":
        """The document at *path*, or None.  Negative positions count from the end."""
        here = self
        for key in path:
            members = here._members
            if members is None:
                members = here._opened()
            child = members.get(key)
            if isinstance(child, Raw):
                child = members[key] = Document(bytes(child))
            elif child is None and (isinstance(key, str) or (child := here._from_the_end(key)) is None):
                return None
            here = child
        return here

    def read(self, path: Path, default: Any = None) -> Any:
        """What is at *path*, decoded: a fresh object each time; *default* where nothing is.  *path* is not empty.

        What is only read is no document: that would be cut out, kept, and joined again with what was edited.
        """
        here = self if len(path) == 1 else self.at(path[:-1])
        if here is None:
            return default
        key, members = path[-1], here._members
        if members is None:
            members = here._opened()
        child = members.get(key)
        if isinstance(child, Raw):
            return _decode(_ANY, child)
        if child is None and isinstance(key, int):
            child = here._from_the_end(key)
        return default if child is None else child.value()

    def some(self, keys: Set[str]) -> dict[str, Any]:
        """What an object has of *keys*, decoded.  Most have nothing of what is asked for so: that is seen at once."""
        members = self._members
        if members is None:
            members = self._opened()
        if keys.isdisjoint(members):
            return {}
        return {key: self.read((key,)) for key in keys if members.get(key) is not None}

    def start(self, number: int, behind: Sequence[bytes] = ()) -> int:
        """Where the member at position *number* begins in the text of an array that was not edited.

        *behind*: how it and all that follow it begin, if those are objects.  They are looked for from the end then, and
        what is before them is not read: that would take 0.3 ms for half a megabyte.
        """
        end, found = self._raw.rfind(b"]"), -1
        for opening in reversed(behind):
            found = _start_of_object(self._raw, opening, end)
            if found < 0:
                break
            end = self._raw.rfind(b",", 0, found)
        if found >= 0:
            return found
        values = _decode(_ARRAY, self._raw)
        if _packed(self._raw, values):
            return 1 + number + sum(map(len, islice(values, number)))
        return _spans_of_array(self._raw, values)[number][1]

    def value(self) -> Any:
        """What the document says, decoded: a fresh object each time."""
        return _decode(_ANY, self.encode() if self._text is None else self._text)

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
        if self._text is None:
            self._text = self._joined() if self._spans is None else self._spliced(self._spans)
        return self._text

    # -- within -------------------------------------------------------------------------------------------------------

    def _opened(self) -> _Members:
        """The members.  Raises Malformed, also for a key given twice."""
        if self._members is None:
            members: dict[Any, Any] = {}
            if (kind := self.kind) == "object":
                members = _decode(_OBJECT, self._raw)
                if not _packed(self._raw, members.values(), members):
                    self._spans = _spans_of_object(self._raw, members)
            elif kind == "array":
                values: list[Raw] = _decode(_ARRAY, self._raw)
                members = dict(enumerate(values))
                if not _packed(self._raw, values):
                    self._spans = dict(enumerate(_spans_of_array(self._raw, values)))
            self._members = members
        return self._members

    def _from_the_end(self, key: int) -> "Document | None":
        """What is at *key*, which is none of the members, if it counts from the end."""
        keys = self.keys() if key < 0 else []
        return self.at((keys[key],)) if len(keys) >= -key > 0 else None

    def _put(self, path: Path, value: "Document | None") -> "Document":
        if not path:
            if value is None:
                raise KeyError("the whole document can't be dropped")
            return value
        key, fits, members = path[0], _FITS.get(self.kind), self._opened()
        if fits is None:
            raise KeyError(key)
        if isinstance(key, int) and key < 0:
            keys = self.keys()
            key = keys[key] if len(keys) >= -key else key
        if len(path) > 1:
            value = (self.at((key,)) or Document(b"{}"))._put(path[1:], value)
        if not isinstance(key, fits) or (isinstance(key, int) and not 0 <= key <= len(members)):
            raise KeyError(key)
        changed = Document(self._raw)
        changed._members, changed._spans, changed._text = {**members, key: value}, self._spans, None
        return changed

    def _joined(self) -> bytes:
        """The text of members that were packed."""
        members: dict[Key, Any] = self._opened()
        if None in members.values():
            members = {key: child for key, child in members.items() if child is not None}
        return _JOINER.encode(members if self._raw[:1] == b"{" else list(members.values()))

    def _spliced(self, spans: dict[Key, Span]) -> bytes:
        """The text with what was looked at in its place, for that may be edited; between two such the text as it is."""
        raw, members = memoryview(self._raw), self._opened()
        order, written, dropped = list(spans.values()), 0, 0
        pieces: list[bytes | memoryview] = []
        for key, span in spans.items():
            child = members[key]
            if isinstance(child, Raw):
                continue
            begin, start, end = span
            if child is not None:
                pieces += raw[written:start], child.encode()
                written = end
                continue
            # With a member goes the separator before it; where no member is left before it, the one behind it.
            number = order.index(span)
            pieces.append(raw[written : order[number - 1][2] if number > dropped else begin])
            written = end if number > dropped or number + 1 == len(order) else order[number + 1][0]
            dropped += 1
        tail = order[-1][2] if order else self._raw.rindex(b"}" if self.kind == "object" else b"]")
        pieces.append(raw[written:tail])
        comma = b"," if len(order) > dropped else b""
        for key, child in members.items():
            if key not in spans and isinstance(child, Document):
                pieces += comma, _ENCODER.encode(key) + b":" if isinstance(key, str) else b"", child.encode()
                comma = b","
        pieces.append(raw[tail:])
        return b"".join(pieces)


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes | Raw) -> Any:
    try:
        return decoder.decode(raw)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("a string has half a surrogate pair" if _HALF.search(bytes(raw)) else str(error)) from None


def _end_of_space(raw: bytes, position: int) -> int:
    match = _SPACE.match(raw, position)
    return match.end() if match else position


def _start_of_object(raw: bytes, opening: bytes, end: int) -> int:
    """Where the member of an array begins that ends before *end*, an object with this *opening*; -1: not found.

    What begins with a brace and is one value up to there can be nothing else.  From within the member brackets would be
    left over; from within a string quotes, for there none can be escaped: a backslash is nowhere but in strings.
    """
    position = end
    for _ in range(TRIES):
        position = raw.rfind(opening, max(0, end - FAR), position)
        if position < 0:
            break
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            _ONE.decode(raw[position:end])
            return position
    return -1


def _packed(raw: bytes, values: Collection[Raw], names: Collection[str] = ()) -> bool:
    """Whether *raw* is nothing but its members.

    Most clients write so.  A blank, an escaped key or one given twice would only make the text longer, so its length
    proves that there is none: beside the values there are brackets and commas, and quotes and a colon for every name.
    """
    return len(raw) == 1 + (len(values) or 1) + sum(map(len, values)) + sum(map(len, names)) + 3 * len(names)


def _spans_of_object(raw: bytes, values: dict[Key, Raw]) -> dict[Key, Span]:
    """Where the members are: the decoder has told how long each value is, so that no byte is looked at in Python.

    Of a key given twice the decoder knows the later value only, so the earlier one is either another text (here) or
    the next to be met (in the next round): both are refused.
    """
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


def _spans_of_array(raw: bytes, values: Iterable[Raw]) -> list[Span]:
    spans: list[Span] = []
    position = _end_of_space(raw, raw.index(b"[") + 1)
    for value in values:
        end = position + len(value)
        spans.append((position, position, end))
        comma = _COMMA.match(raw, end)
        position = end if comma is None else comma.end()
    return spans
