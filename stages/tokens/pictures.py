"""How large a picture is, read from its header: PNG, JPEG, GIF and WebP.

    PNG   89 50 4E 47 … IHDR width height         GIF   47 49 46 38 … width height
    JPEG  FF D8 (FF marker length …)* FF C0…      WebP  RIFF … WEBP VP8 | VP8L | VP8X

Only the first 256 KiB are decoded (a JPEG may carry a preview and a colour profile before its size); nothing of the
picture itself is.  What can't be read has no size, and is then counted as a usual picture.
"""

import binascii
import struct
from collections.abc import Callable

Size = tuple[int, int]

_HEAD = 350_000  # base64 characters that are looked at; a multiple of four
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0…15 but DHT, JPG, DAC (ITU T.81, table B.1)
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def size_of(base64: str) -> Size | None:
    """Width and height of the picture in *base64*, in pixels; None if they can't be read."""
    head = base64[:_HEAD]
    try:
        data = binascii.a2b_base64(head[: len(head) - len(head) % 4])
    except (binascii.Error, ValueError):
        return None
    for magic, read in _READERS.items():
        if data.startswith(magic):
            try:
                width, height = read(data)
            except (struct.error, IndexError):
                return None
            return (width, height) if width > 0 and height > 0 else None
    return None


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _jpeg(data: bytes) -> Size:
    """Go from segment to segment, to the first that starts a frame."""
    position = 2
    while True:
        if data[position] != 0xFF:
            return 0, 0
        marker = data[position + 1]
        if marker == 0xFF:  # fill
            position += 1
        elif marker in _ALONE:
            position += 2
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        else:
            (length,) = struct.unpack_from(">H", data, position + 2)
            position += 2 + max(length, 2)


def _webp(data: bytes) -> Size:
    form = data[12:16] if len(data) >= 25 else b""
    if form == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if form == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


_READERS: dict[bytes, Callable[[bytes], Size]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8": _jpeg,
    b"GIF8": _gif,
    b"RIFF": _webp,
}
