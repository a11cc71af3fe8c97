"""Pictures: how large they are, from their headers; whatever else is there, nothing is raised."""

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.tokens.pictures import size_of

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 640, 480, 8, 2, 0, 0, 0) + b"\0" * 4
GIF = b"GIF89a" + struct.pack("<HH", 320, 200) + b"\0" * 8
# A preview in APP1, a fill byte, a table, then the frame.
JPEG = (
    b"\xff\xd8\xff\xe1" + struct.pack(">H", 5002) + b"e" * 5000 + b"\xff\xff\xc4" + struct.pack(">H", 4) + b"hh"
    + b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 768, 1024, 3) + b"\0" * 9
)  # fmt: skip
LOSSY = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 550, 368)
LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", (400 - 1) | (301 - 1) << 14)
EXTENDED = (
    b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (1999).to_bytes(3, "little") + (999).to_bytes(3, "little")
)  # fmt: skip

ALL = [(PNG, (640, 480)), (GIF, (320, 200)), (JPEG, (1024, 768)), (LOSSY, (550, 368)), (LOSSLESS, (400, 301)),
       (EXTENDED, (2000, 1000))]  # fmt: skip


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(("data", "size"), ALL, ids=["png", "gif", "jpeg", "vp8", "vp8l", "vp8x"])
def test_the_size_is_read(data: bytes, size: tuple[int, int]) -> None:
    """Of each form, with the picture itself behind the header."""
    assert size_of(text(data + b"\xff" * 1000)) == size


@pytest.mark.parametrize(
    ("data", "needed"),
    [(PNG, 24), (GIF, 10), (JPEG, len(JPEG) - 10), (LOSSY, 30), (LOSSLESS, 25), (EXTENDED, 30)],
    ids=["png", "gif", "jpeg", "vp8", "vp8l", "vp8x"],
)
def test_a_header_that_is_cut_off_has_no_size(data: bytes, needed: int) -> None:
    """At every byte before the last one that is needed."""
    assert {size_of(text(data[:end])) for end in range(needed)} == {None}
    assert size_of(text(data[:needed])) is not None


def test_what_is_no_picture_has_no_size() -> None:
    """Another file, no base64, a size of nothing."""
    assert size_of(text(b"%PDF-1.7 and so on")) is None
    assert size_of("!!!!") is None
    assert size_of("") is None
    assert size_of("ü" * 40) is None
    assert size_of(text(PNG.replace(struct.pack(">I", 640), b"\0\0\0\0"))) is None


@given(st.sampled_from([PNG[:8], GIF[:6], JPEG[:2], LOSSY[:16], LOSSLESS[:16], EXTENDED[:16], b""]), st.binary())
def test_nothing_is_raised(magic: bytes, rest: bytes) -> None:
    """Whatever stands behind a good beginning."""
    size = size_of(text(magic + rest))
    assert size is None or min(size) > 0


def test_a_jpeg_of_markers_only_ends() -> None:
    """Two hundred thousand fill bytes are walked once."""
    assert size_of(text(b"\xff\xd8" + b"\xff" * 260_000)) is None
    assert size_of(text(b"\xff\xd8" + zlib.compress(b"x"))) is None
