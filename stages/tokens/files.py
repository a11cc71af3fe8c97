"""How many pages a PDF has, without a reader of PDFs.

A page is an object of its own, ``/Type /Page``.  It stands in the open, or, since PDF 1.5, in a compressed stream of
objects; both are looked through, within bounds.  Where neither shows a page, the file's size has to do.
"""

import binascii
import re
import zlib

_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_COUNT = re.compile(rb"/Count\s+(\d{1,6})")
_OBJECTS = re.compile(rb"/Type\s*/ObjStm.{0,256}?stream\r?\n", re.DOTALL)
_STREAMS = 256  # streams that are opened
_INFLATED = 1024 * 1024  # bytes that are looked at of each
PAGE_BYTES = 60_000  # a page's, about
MOST = 1000  # pages that any upstream takes


def pages(base64: str) -> int:
    """The pages of the PDF in *base64*: at least one, 1000 at most."""
    try:
        data = binascii.a2b_base64(base64[: len(base64) - len(base64) % 4])
    except (binascii.Error, ValueError):
        data = b""
    seen = len(_PAGE.findall(data)) or sum(len(_PAGE.findall(text)) for text in _objects(data))
    told = seen or max((int(count) for count in _COUNT.findall(data)), default=0)
    return min(max(told or len(base64) * 3 // 4 // PAGE_BYTES, 1), MOST)


def _objects(data: bytes) -> list[bytes]:
    """The text of the compressed streams of objects."""
    texts = []
    for number, match in enumerate(_OBJECTS.finditer(data)):
        if number == _STREAMS:
            break
        try:
            texts.append(zlib.decompressobj().decompress(data[match.end() : match.end() + _INFLATED], _INFLATED))
        except zlib.error:
            continue
    return texts
