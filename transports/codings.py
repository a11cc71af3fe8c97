"""Content codings: what gzip, deflate, br and zstd hide, without ever holding more of it than allowed.

    bytes  ──▶  br  ──▶  gzip  ──▶  plain       for ``content-encoding: gzip, br``: the last one named comes off first
             └── each stops as soon as it has given more than the bound: a bomb is never unpacked, only met

Two bounds hold at once: a size, and a ratio of bytes given to bytes read that counts once a MiB has been given (small
texts compress as well as they like).  Used for the bodies of clients, and for upstreams that compress although they
were asked for identity.  Sans-io; knows no HTTP beyond the names of RFC 9110 §8.4.1, RFC 7932 and RFC 8878.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LAYERS = 2  # codings over one another: "gzip, br" has been seen, three only in attacks
FRAMES = 64  # gzip members or zstd frames in a row: each costs an allocation and may give nothing
RATIO = 100  # bytes given per byte read; JSON and SSE stay below 40
GRACE = 1024 * 1024  # bytes given before the ratio counts
SLICE = 64 * 1024  # bytes taken in at once
STEP = 256 * 1024  # bytes given out at once, so that a bound is overstepped by no more
WINDOW = 23  # log2 of the window a zstd frame may ask for: 8 MiB (RFC 9659 §3)

_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's wbits


class CodingError(Exception):
    """A coded body that can't be read."""


class UnknownCoding(CodingError):
    """A coding that isn't spoken here, or too many over one another (415 towards a client)."""


class Corrupt(CodingError):
    """Not what the coding's name promises, or cut short."""


class TooLarge(CodingError):
    """More than the limit, or out of all proportion to what was sent (413 towards a client)."""


class Decoding:
    """Decodes one body as it arrives.

    *coding* is the value of ``content-encoding``; *limit* bounds the decoded bytes, *ratio* those per byte fed.
    Raises UnknownCoding at once.
    """

    def __init__(self, coding: str, limit: int, *, ratio: int = RATIO) -> None:
        self._layers = [_Layer(*_CODINGS[name]) for name in reversed(_named(coding))]
        self._limit = limit
        self._ratio = ratio
        self._read = 0

    def feed(self, data: bytes) -> bytes:
        """What *data* adds to the plain text; often ``b""``.  Raises Corrupt and TooLarge, and is spent after that."""
        return b"".join([self._pass(data[at : at + SLICE]) for at in range(0, len(data), SLICE)])

    def close(self) -> None:
        """The body has ended.  Raises Corrupt if the coding hasn't; a body without a byte is a plain empty one."""
        if self._read and not all(layer.ended for layer in self._layers):
            raise Corrupt("the coded body is cut short")

    def _pass(self, data: bytes) -> bytes:
        """Take one slice through every layer, the outermost first."""
        self._read += len(data)
        bound = min(self._limit, max(GRACE, self._ratio * self._read))
        for layer in self._layers:
            inner = layer is not self._layers[-1]  # what comes out of it is coded still, which may make it longer
            data = layer.feed(data, bound + bound // 64 + 1024 if inner else bound)
        if not self._layers and self._read > self._limit:
            raise TooLarge(f"the body is larger than {self._limit} bytes")
        return data


def decode(coding: str, data: bytes, limit: int, *, ratio: int = RATIO) -> bytes:
    """The plain text of a whole body *data*.  Raises UnknownCoding, Corrupt, TooLarge."""
    decoding = Decoding(coding, limit, ratio=ratio)
    plain = decoding.feed(data)
    decoding.close()
    return plain


def _named(coding: str) -> list[str]:
    """The codings of a ``content-encoding`` in the order they were applied, without identity."""
    names = [name for part in coding.split(",") if (name := part.strip(" \t").lower()) not in ("", "identity")]
    if len(names) > LAYERS:
        raise UnknownCoding(f"at most {LAYERS} content codings over one another are read")
    if unknown := [name for name in names if name not in _CODINGS]:
        raise UnknownCoding(f"the content coding {unknown[0][:32]!r} is not read here")
    return names


class _Decompressor(Protocol):
    """The shape bz2, lzma and zstd share in the standard library; zlib and brotli are brought into it below."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Layer:
    """One coding: frames in a row, and how much has come out of them."""

    def __init__(self, frame: Callable[[], _Decompressor], frames: int) -> None:
        self._open = frame
        self._frames = frames - 1
        self._frame = frame()
        self._given = 0

    @property
    def ended(self) -> bool:
        """Whether the body may end here."""
        return self._frame.eof

    def feed(self, data: bytes, bound: int) -> bytes:
        """Decode *data*; *bound* is for all this layer has ever given."""
        pieces = []
        while data or not self._idle:
            if self._frame.eof:
                self._next_frame()
            pieces.append(self._step(data, min(STEP, bound - self._given + 1)))
            if self._given > bound:
                raise TooLarge(f"the decoded body is larger than {bound} bytes")
            data = self._frame.unused_data if self._frame.eof else b""
        return b"".join(pieces)

    @property
    def _idle(self) -> bool:
        """Whether nothing more comes without new input."""
        return self._frame.eof or self._frame.needs_input

    def _step(self, data: bytes, most: int) -> bytes:
        try:
            piece = self._frame.decompress(data, most)
        except (zlib.error, brotli.error, zstd.ZstdError) as error:
            raise Corrupt("the body is not in the coding it names") from error
        self._given += len(piece)
        return piece

    def _next_frame(self) -> None:
        if not self._frames:
            raise Corrupt("there are bytes after the end of the coded body")
        self._frames -= 1
        self._frame = self._open()


class _Zlib:
    """zlib's own object in the common shape."""

    def __init__(self, bits: int) -> None:
        self._zlib = zlib.decompressobj(bits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = len(piece) < max_length  # a full piece may leave more inside, even with no input left
        return piece


class _Deflate(_Zlib):
    """``deflate`` is the zlib format (RFC 9110 §8.4.1.2); some servers send it raw: the first two bytes tell."""

    def __init__(self) -> None:
        super().__init__(_ZLIB)
        self._head = b""
        self._decode: Callable[[bytes, int], bytes] = self._choose

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._decode(data, max_length)

    def _choose(self, data: bytes, max_length: int) -> bytes:
        self._head += data
        if len(self._head) < 2:
            return b""
        if self._head[0] & 15 != 8 or int.from_bytes(self._head[:2]) % 31:  # RFC 1950 §2.2: CM and FCHECK
            self._zlib = zlib.decompressobj(_RAW)
        self._decode = super().decompress
        return self._decode(self._head, max_length)


class _Brotli:
    """brotli's object in the common shape."""

    unused_data = b""  # bytes after the end are an error of its own

    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return bool(self._brotli.is_finished())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece: bytes = self._brotli.process(data, output_buffer_limit=max_length)
        self.needs_input = len(piece) < max_length and bool(self._brotli.can_accept_more_data())
        return piece


def _zstd() -> _Decompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW})


# How a frame of each coding is opened, and how many may follow one another.
_CODINGS: dict[str, tuple[Callable[[], _Decompressor], int]] = {
    "gzip": (lambda: _Zlib(_GZIP), FRAMES),  # members: RFC 1952 §2.2
    "x-gzip": (lambda: _Zlib(_GZIP), FRAMES),  # the same thing: RFC 9110 §8.4.1.3
    "deflate": (_Deflate, 1),
    "br": (_Brotli, 1),
    "zstd": (_zstd, FRAMES),  # frames: RFC 8878 §3.1
}
