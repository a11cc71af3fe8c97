"""Fields of HTTP/2 as they go over the wire: hpack, asked only for what it does well.

    a block ─▶ size changes ─▶ runs of fields that the tables know │ a literal ─▶ fields, kept from h2
    fields  ─▶ literals, and entries of the static table ─▶ a block

hpack keeps the tables, decodes Huffman's code and the longer numbers, and is the oracle in tests: the same fields, the
same entries in the table, the same blocks refused.  It is spared the rest, which costs more than the fields are worth:
it logs each number, slices the rest of the block for each field, and builds each field three times.

Sans-io; not to know: frames, streams, and what a field means.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any

from hpack import Decoder, Encoder, HeaderTuple
from hpack.exceptions import HPACKDecodingError, OversizedHeaderListError
from hpack.hpack import decode_integer, encode_integer
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

FIELD_LIST = 32 * 1024  # a decoded field list, with 32 bytes a field for the keeping (RFC 9113 §6.5.2)

_NO_VALUES: Mapping[bytes, int] = {}
_INDEXED, _ENTERED, _SIZE_UPDATE = 0x80, 0x40, 0x20  # RFC 7541 §6.1, §6.2.1, §6.3
_KNOWN = re.compile(rb"[\x81-\xfe]{1,1024}+")  # fields of one byte; 0xff begins a longer number, 0x80 names no entry
_STATIC = HeaderTable.STATIC_TABLE
_FIRST_STATIC, _FIRST_OURS = 0x81, 0x81 + len(_STATIC)  # as that byte names them

Field = tuple[bytes, bytes]


class Fields(Decoder):
    """A decoder that keeps the fields of the last block to itself and shows h2 none."""

    def __init__(self) -> None:
        super().__init__(max_header_list_size=2 * FIELD_LIST)  # between the two: 431; over this: GOAWAY
        self.last: list[Field] = []

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        """Decode one block into ``last``.  Raises HPACKError."""
        self.last = fields = []
        room = self.max_header_list_size
        try:
            at = self._resized(data)
            while at < len(data):
                found, at = self._some(data, at)
                room -= 32 * len(found) + sum(map(len, chain.from_iterable(found)))
                if room < 0:
                    raise OversizedHeaderListError("the field list is too large")
                fields += found
        except IndexError:
            raise HPACKDecodingError("a block ends too early, or names an entry that is not there") from None
        self._assert_valid_table_size()
        return []

    def _resized(self, data: bytes) -> int:
        """Where the fields begin: two changes of the table's size may come first (RFC 7541 §4.2), not 16,000."""
        at = updates = 0
        while at < len(data) and data[at] & 0xE0 == _SIZE_UPDATE:
            updates += 1
            if updates > 2:
                raise HPACKDecodingError("too many changes of the table's size")
            at += self._update_encoding_context(data[at : at + 8])
        return at

    def _some(self, data: bytes, at: int) -> tuple[list[Field], int]:
        """The fields that begin *at* and that one look finds, at least one; and where the next begins."""
        known = _KNOWN.match(data, at)
        if known:
            entered = self.header_table.dynamic_entries
            return [
                _STATIC[byte - _FIRST_STATIC] if byte < _FIRST_OURS else entered[byte - _FIRST_OURS]
                for byte in known[0]
            ], known.end()
        byte = data[at]
        if byte & _INDEXED:
            index, at = _number(data, at, 7)
            return [self.header_table.get_by_index(index)], at
        if byte & _ENTERED:
            field, at = self._literal(data, at, 6)
            self.header_table.add(*field)
            return [field], at
        if byte & _SIZE_UPDATE:
            raise HPACKDecodingError("the table's size changes at the start of a block")
        field, at = self._literal(data, at, 4)
        return [field], at

    def _literal(self, data: bytes, at: int, bits: int) -> tuple[Field, int]:
        """A field written out (RFC 7541 §6.2), but for its name if *bits* of its first byte say which entry has it."""
        index, at = _number(data, at, bits)
        name, at = (self.header_table.get_by_index(index)[0], at) if index else _text_at(data, at)
        value, at = _text_at(data, at)
        return (name, value), at


def _number(data: bytes, at: int, bits: int) -> tuple[int, int]:
    """The integer that begins in the last *bits* of a byte (RFC 7541 §5.1), and what is behind it."""
    most = (1 << bits) - 1
    number = data[at] & most
    if number < most:
        return number, at + 1
    more = data[at + 1]
    if more < 0x80:  # most of those that do not fit in one byte fit in two
        return number + more, at + 2
    number, size = decode_integer(data[at : at + 8], bits)
    return number, at + size


def _text_at(data: bytes, at: int) -> tuple[bytes, int]:
    """The string that begins *at* (RFC 7541 §5.2), and what is behind it."""
    coded = data[at] & 0x80
    size, at = _number(data, at, 7)
    text = data[at : at + size]
    if len(text) < size:
        raise HPACKDecodingError("a string is longer than its block")
    return decode_huffman(text) if coded else text, at + size


class PlainFields(Encoder):
    """hpack's encoder without its dynamic table and Huffman code.

    Both cost more time here, where heads are a few short fields before a long body, than the bytes they save; and a
    table that nothing enters is one that no client can make us fill or search.
    """

    def encode(self, headers: Iterable[Any], huffman: bool = False) -> bytes:
        """*headers*, pairs of bytes, as literals, or as entries of the static table (RFC 7541 §6.1, §6.2.2)."""
        changes = super().encode(()) if self.header_table.resized else b""
        return changes + b"".join([_literal(name, value) for name, value in headers])


def _literal(name: bytes, value: bytes) -> bytes:
    start, values = _named(name)
    if value in values:
        return bytes((_INDEXED | values[value],))
    size = len(value)
    return b"%b%c%b" % (start, size, value) if size < 127 else start + _text(value)


@lru_cache(maxsize=256)
def _named(name: bytes) -> tuple[bytes, Mapping[bytes, int]]:
    """How a literal of that name begins, and the values with which the static table has it."""
    index, values = HeaderTable.STATIC_TABLE_MAPPING.get(name, (0, _NO_VALUES))
    return (bytes(encode_integer(index, 4)) if index else b"\x00" + _text(name)), values


def _text(value: bytes) -> bytes:
    size = len(value)
    return (bytes((size,)) if size < 127 else bytes(encode_integer(size, 7))) + value
