"""Content codings: whatever way the bytes are cut, the same text comes out, and never more than allowed."""

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.codings import (
    FRAMES,
    GRACE,
    STEP,
    CodingError,
    Corrupt,
    Decoding,
    TooLarge,
    UnknownCoding,
    decode,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b'data: {"type":"content_block_delta","delta":{"text":"h\xc3\xa9llo"}}\n\n' * 50
LIMIT = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    """``deflate`` as some servers understand it: without the zlib format around it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "": bytes,
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": zstd.compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data), quality=4),
    "zstd,gzip": lambda data: gzip.compress(zstd.compress(data)),
    "identity, deflate": raw_deflate,
}
CODED = [name for name in ENCODE if name not in ("", "identity")]


@pytest.mark.parametrize("coding", ENCODE)
@given(text=st.binary(max_size=200), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_what_was_coded_comes_back_however_it_is_cut(coding: str, text: bytes, cuts: list[int]) -> None:
    """Fed in any pieces, empty ones too."""
    coded = ENCODE[coding](text)
    decoding = Decoding(coding, LIMIT)
    edges = [0, *sorted(min(cut, len(coded)) for cut in cuts), len(coded)]
    plain = b"".join(decoding.feed(coded[a:b]) for a, b in pairwise(edges))
    decoding.close()
    assert plain == text == decode(coding, coded, LIMIT)


@pytest.mark.parametrize("coding", CODED)
def test_fed_byte_by_byte_it_gives_the_same(coding: str) -> None:
    """A stream arrives as it likes."""
    decoding = Decoding(coding, LIMIT)
    coded = ENCODE[coding](TEXT)
    assert b"".join(decoding.feed(coded[at : at + 1]) for at in range(len(coded))) == TEXT
    decoding.close()


def test_a_flushed_stream_is_given_at_once() -> None:
    """Events must not wait for the end of a compressed stream."""
    packer = zlib.compressobj(wbits=31)
    decoding = Decoding("gzip", LIMIT)
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        assert decoding.feed(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)) == event


@pytest.mark.parametrize("coding", CODED)
def test_a_body_cut_short_is_corrupt(coding: str) -> None:
    """At every byte but the end: what came is given, and close tells that it was not all."""
    coded = ENCODE[coding](TEXT)
    for cut in range(1, len(coded)):
        decoding = Decoding(coding, LIMIT)
        assert TEXT.startswith(decoding.feed(coded[:cut]))
        with pytest.raises(Corrupt):
            decoding.close()


@pytest.mark.parametrize("coding", CODED)
def test_a_body_without_a_byte_is_empty(coding: str) -> None:
    """The answer to HEAD names a coding and has no body."""
    assert decode(coding, b"", LIMIT) == b""


@pytest.mark.parametrize("coding", CODED)
@given(noise=st.binary(min_size=1, max_size=64))
def test_noise_is_corrupt_or_by_chance_good(coding: str, noise: bytes) -> None:
    """No other exception leaves, whatever comes."""
    decoding = Decoding(coding, LIMIT)
    try:
        decoding.feed(noise)
        decoding.close()
    except CodingError:
        pass


@pytest.mark.parametrize("coding", ["deflate", "br", "gzip", "zstd"])
def test_bytes_after_the_end_are_corrupt(coding: str) -> None:
    """Whoever looks at the body differently would see something else in them."""
    with pytest.raises(Corrupt):
        decode(coding, ENCODE[coding](TEXT) + b"trailing garbage", LIMIT)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_frames_may_follow_one_another_up_to_a_bound(coding: str) -> None:
    """Both formats are concatenable; thousands of empty frames are an attack."""
    frame = ENCODE[coding](b"ab")
    assert decode(coding, frame * 3, LIMIT) == b"ababab"
    assert decode(coding, frame * FRAMES, LIMIT) == b"ab" * FRAMES
    with pytest.raises(Corrupt):
        decode(coding, frame * (FRAMES + 1), LIMIT)


@pytest.mark.parametrize("coding", ["compress", "gzip, foo", "br;q=1", "gzip, gzip, gzip", "exi" * 1000])
def test_an_unknown_coding_is_named_and_refused(coding: str) -> None:
    """Before a byte is read; the text stays short."""
    with pytest.raises(UnknownCoding) as raised:
        Decoding(coding, LIMIT)
    assert len(str(raised.value)) < 100


@pytest.mark.parametrize("coding", CODED)
def test_a_bomb_is_met_not_unpacked(coding: str) -> None:
    """100 MB of nothing: refused after a MiB, and not much more is ever held (row 45)."""
    bomb = ENCODE[coding](bytes(100_000_000))
    tracemalloc.start()
    decoding = Decoding(coding, 16 * LIMIT)
    with pytest.raises(TooLarge):
        decoding.feed(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < GRACE + 4 * STEP + 10_000_000  # zstd's window is 8 MiB


@pytest.mark.parametrize("coding", CODED)
def test_the_limit_is_exact(coding: str) -> None:
    """A body of the limit's size passes, one byte more does not; also where nothing is out of proportion."""
    noise = b"".join(zlib.crc32(b"%d" % number).to_bytes(4) for number in range(100_000))
    coded = ENCODE[coding](noise)
    assert decode(coding, coded, len(noise)) == noise
    with pytest.raises(TooLarge):
        decode(coding, coded, len(noise) - 1)


@pytest.mark.parametrize("coding", ["", "identity"])
def test_what_is_not_coded_has_a_limit_too(coding: str) -> None:
    """So that a caller need not ask which it is."""
    assert decode(coding, b"abc", 3) == b"abc"
    with pytest.raises(TooLarge):
        decode(coding, b"abcd", 3)


def test_small_texts_may_be_as_regular_as_they_like() -> None:
    """The ratio counts after a MiB only: a prompt of blanks is no attack."""
    text = b" " * (GRACE - 1)
    assert decode("gzip", gzip.compress(text), 4 * GRACE) == text
    with pytest.raises(TooLarge):
        decode("gzip", gzip.compress(text * 3), 4 * GRACE)


def test_a_window_over_eight_mib_is_refused() -> None:
    """RFC 9659: a decoder need not give a stranger that much memory."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    with pytest.raises(Corrupt):
        decode("zstd", packer.compress(TEXT) + packer.flush(), LIMIT)
