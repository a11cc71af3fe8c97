"""Fields on the wire: hpack decides what a block means, and whether it means anything."""

import re

import pytest
from hpack import Decoder, Encoder, HPACKDecodingError, HPACKError, OversizedHeaderListError
from hypothesis import given
from hypothesis import strategies as st

from transports.http2_fields import FIELD_LIST, Fields, PlainFields

THREE_SIZES = re.compile(rb"(?:[\x20-\x3e]|\x3f[\x80-\xff]*[\x00-\x7f]){3}")  # more changes than hpack minds
names = st.sampled_from([b":status", b"content-type", b"content-length", b"x-long" * 30, b"set-cookie", b"date"])
values = st.one_of(st.sampled_from([b"200", b"404", b"", b"application/json"]), st.binary(max_size=300))


@given(st.lists(st.lists(st.tuples(names, values), max_size=8), max_size=4), st.sets(st.integers(0, 4095), max_size=3))
def test_every_decoder_reads_what_we_encode(blocks: list[list[tuple[bytes, bytes]]], sizes: set[int]) -> None:
    """Literals and static entries only, whatever table the peer allows; changes of its size are announced."""
    encoder, decoder = PlainFields(), Decoder()
    for size in sorted(sizes, reverse=True):  # as the codec lets it
        encoder.header_table_size = size
    for block in blocks:
        assert list(decoder.decode(encoder.encode(block), raw=True)) == block
        assert not encoder.header_table.dynamic_entries
        if sizes:
            assert decoder.header_table_size == min(sizes)


def test_a_table_changes_its_size_twice_at_most() -> None:
    """RFC 7541 §4.2: sixteen thousand changes in a block are work for nothing."""
    fields = Fields()
    assert fields.decode(b"\x20\x3f\xe1\x1f\x88") == []
    assert fields.last == [(b":status", b"200")]
    with pytest.raises(HPACKDecodingError):
        fields.decode(b"\x20" * 16_000)


@given(st.lists(st.lists(st.tuples(names, values), max_size=8), max_size=4), st.booleans())
def test_fields_are_those_of_hpack(blocks: list[list[tuple[bytes, bytes]]], huffman: bool) -> None:
    """What the tables know is looked up here and the rest by hpack, with the same result, block after block."""
    encoder, fields, oracle = Encoder(), Fields(), Decoder()
    for block in blocks * 2:
        said = encoder.encode(block, huffman=huffman)
        fields.decode(said)
        assert fields.last == list(oracle.decode(said, raw=True)) == block
        assert fields.header_table.dynamic_entries == oracle.header_table.dynamic_entries


@pytest.mark.parametrize("said", [b"\x88\x20", b"\x88\xfe", b"\xff\xff\x00", b"\x80", b"\x88\x80"], ids=bytes.hex)
def test_what_hpack_refuses_is_refused(said: bytes) -> None:
    """A change of size in the middle, and entries that are not there."""
    for decoder in (Fields(), Decoder()):
        with pytest.raises(HPACKDecodingError):
            decoder.decode(said)


def test_a_list_that_one_byte_makes_long_is_refused() -> None:
    """A kilobyte of references to one long entry is no way to half a megabyte (HPACK bomb)."""
    fields = Fields()
    fields.decode(Encoder().encode([(b"x", b"y" * 4000)], huffman=False))
    with pytest.raises(OversizedHeaderListError):
        fields.decode(b"\xbe" * 1000)


anything = st.one_of(
    st.integers(0, 255).map(lambda byte: bytes((byte,))),  # an entry, or the start of something
    st.builds(
        lambda start, size, text: bytes((start, size)) + text, st.integers(0, 127), st.integers(0, 6), st.binary()
    ),
    st.sampled_from([b"\x20", b"\x3f\xe1\x1f", b"\x3f\xe2\x1f", b"\xff\x00", b"\xff\x80\x80\x80\x80\x80\x01"]),
    st.builds(lambda name, value: Encoder().encode([(name, value)]), names, values),
)


@given(st.lists(st.lists(anything, max_size=6).map(b"".join), max_size=5))
def test_any_block_means_what_hpack_reads(blocks: list[bytes]) -> None:
    """Well formed or not: the same fields, the same table, and refused is what hpack refuses."""
    fields, oracle = Fields(), Decoder()
    for said in blocks:
        try:
            meant: list[tuple[bytes, bytes]] | None = list(oracle.decode(said, raw=True))
        except HPACKError:
            meant = None
        if meant is None or THREE_SIZES.match(said):
            with pytest.raises(HPACKError):
                fields.decode(said)
            return
        assert fields.decode(said) == []
        assert fields.last == meant
        assert fields.header_table.dynamic_entries == oracle.header_table.dynamic_entries
        assert fields.header_table_size == oracle.header_table_size


@pytest.mark.parametrize("size", [FIELD_LIST - 33, 2 * FIELD_LIST - 33, 2 * FIELD_LIST - 32])
def test_how_long_a_list_may_be(size: int) -> None:
    """To the byte what hpack takes, 32 for the keeping of each field included (RFC 9113 §6.5.2)."""
    said = PlainFields().encode([(b"x", b"y" * size)])
    oracle = Decoder(max_header_list_size=2 * FIELD_LIST)
    for decoder in (Fields(), oracle):
        if size + 33 <= 2 * FIELD_LIST:
            decoder.decode(said, raw=True)
        else:
            with pytest.raises(OversizedHeaderListError):
                decoder.decode(said, raw=True)
