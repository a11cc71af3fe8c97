"""Faults of framing: where a body ends, and what comes after it."""

from functools import partial

from bench.faults.fault import HOLD, KEEP, Chapter, Play
from bench.faults.said import LAST, Said, chunk

FRAMING = Chapter("framing")
fault = FRAMING.fault


def framed(fields: bytes, said: Said) -> Play:
    """A good body, framed by *fields*."""
    yield said.head(*(f.replace(b"LENGTH", b"%d" % len(said.body)) for f in fields.split(b"\n"))) + said.body


FIELDS = {
    "length-negative": (b"content-length: -1", "The length is less than nothing."),
    "length-in-words": (b"content-length: all", "The length is no number."),
    "length-with-sign": (b"content-length: +LENGTH", "The length has a sign."),
    "length-in-hex": (b"content-length: 0xLENGTH", "The length looks hexadecimal."),
    "length-as-list": (b"content-length: LENGTH, LENGTH", "The length is a list."),
    "length-twice": (b"content-length: LENGTH\ncontent-length: LENGTH", "The length is told twice."),
    "lengths-differ": (b"content-length: LENGTH\ncontent-length: 5", "Two lengths are told."),
    "length-huge": (b"content-length: " + b"9" * 30, "The length has thirty digits."),
    "length-and-chunks": (b"content-length: LENGTH\ntransfer-encoding: chunked", "Two framings are told."),
    "coding-unknown": (b"transfer-encoding: xchunked", "The transfer coding is unknown."),
    "coding-gzip": (b"transfer-encoding: gzip, chunked", "The transfer is compressed."),
    "coding-twice": (b"transfer-encoding: chunked\ntransfer-encoding: chunked", "The transfer coding is told twice."),
}
for name, (fields, says) in FIELDS.items():
    FRAMING.add(name, says, partial(framed, fields), "UpstreamFailed")

CHUNKS = {
    "chunk-size-garbage": (b"zz\r\n", "A chunk's size is no number."),
    "chunk-size-negative": (b"-5\r\n", "A chunk's size is less than nothing."),
    "chunk-size-huge": (b"f" * 17 + b"\r\n", "A chunk's size has seventeen digits."),
    "chunk-size-missing": (b"\r\n", "A chunk has no size."),
    "chunk-ended-by-lf": (b"3\n", "A chunk's size ends with LF alone."),
    "chunk-without-end": (b"3\r\nabcXY", "A chunk does not end where it says."),
    "chunk-extensions": (b"3;" + b"a" * 70_000 + b"\r\n", "A chunk has extensions of 70 KB."),
}


def chunks(bad: bytes, said: Said) -> Play:
    """The first words in good chunks, then a bad one."""
    yield said.up_to(said.first + 1) + bad + said.body


for name, (bad, says) in CHUNKS.items():
    FRAMING.add(name, says, partial(chunks, bad), "UpstreamFailed")


@fault("length-too-large", "The body is shorter than it says.", "well", "UpstreamTruncated")
def too_large(said: Said) -> Play:
    yield said.head(length=len(said.body) + 100) + said.body


@fault(
    "length-too-large-and-open", "The body is shorter than it says, and the server waits.", "well", "UpstreamTimeout"
)
def too_large_open(said: Said) -> Play:
    yield said.head(length=len(said.body) + 100) + said.body
    yield HOLD


@fault("length-too-small", "The body is longer than it says.", "UpstreamTruncated|UpstreamFailed")
def too_small(said: Said) -> Play:
    size = sum(map(len, said.parts[: said.first + 1])) if said.stream else len(said.body) // 2
    yield said.head(length=size) + said.body


@fault("last-chunk-missing", "The last chunk is missing.", "well", "UpstreamTruncated")
def last_missing(said: Said) -> Play:
    yield said.opened() + chunk(said.body)


@fault("last-chunk-late", "The last chunk never comes.", "well", "UpstreamTimeout")
def last_late(said: Said) -> Play:
    yield said.opened() + chunk(said.body)
    yield HOLD


@fault("chunk-cut", "The connection ends within a chunk.", "UpstreamTruncated")
def chunk_cut(said: Said) -> Play:
    yield said.up_to(said.first + 1) + b"1000\r\nabc"


@fault("byte-by-byte", "Every byte is a chunk.", "well")
def bytewise(said: Said) -> Play:
    yield said.chunked(bytes([byte]) for byte in said.body)
    yield KEEP


@fault("one-chunk", "All of it is one chunk.", "well")
def one_chunk(said: Said) -> Play:
    yield said.chunked([said.body])
    yield KEEP


@fault("chunks-split-anywhere", "Reads end where they like, not where chunks do.", "well")
def split_anywhere(said: Said) -> Play:
    answer = said.chunked(said.parts)
    for at in range(0, len(answer), 37):
        yield answer[at : at + 37]
        yield 0.0005
    yield KEEP


@fault("trailers", "Fields come after the body.", "well")
def trailers(said: Said) -> Play:
    yield said.opened() + chunk(said.body) + b"0\r\nx-late: 1\r\ncontent-length: 5\r\n\r\n"
    yield KEEP


@fault("trailers-without-end", "Fields come after the body, for ever.", "well", "UpstreamFailed")
def trailers_endless(said: Said) -> Play:
    yield said.opened() + chunk(said.body) + b"0\r\n"
    while True:
        yield b"x-late: " + b"a" * 1000 + b"\r\n"


@fault("chunked-in-1.0", "The answer is one of HTTP/1.0, in chunks.", "UpstreamFailed")
def chunked_old(said: Said) -> Play:
    yield said.chunked(said.parts).replace(b"HTTP/1.1", b"HTTP/1.0", 1)


@fault("ended-by-close", "Nothing but the connection's end ends the body.", "well")
def ended_by_close(said: Said) -> Play:
    yield said.head() + said.body


@fault("cut-by-close", "Nothing ends the body, and it is cut.", "UpstreamTruncated", "UpstreamTruncated|UpstreamFailed")
def cut_by_close(said: Said) -> Play:
    yield said.head() + said.up_to(said.first + 1).partition(b"\r\n\r\n")[2].partition(b"\r\n")[2].rstrip()


@fault("bytes-after-the-end", "Rubbish follows the body.", "well")
def rubbish(said: Said) -> Play:
    yield said.answer() + b"\x00\x01rubbish"
    yield HOLD


@fault("answer-nobody-asked-for", "A second answer follows the first.", "well", twice=True)
def poison(said: Said) -> Play:
    other = Said.of(said.dialect, said.asked, "mark-000000")
    yield said.answer() + other.answer()
    yield KEEP


@fault("answer-nobody-asked-for-late", "A second answer comes once the first was read.", "well", twice=True)
def late_poison(said: Said) -> Play:
    other = Said.of(said.dialect, said.asked, "mark-000000")
    yield said.answer()
    yield 0.05
    yield other.answer()
    yield KEEP


@fault("closed-while-idle", "The server closes what it said it would keep.", "well", twice=True)
def closed_idle(said: Said) -> Play:
    yield said.answer()
    yield 0.02


@fault("timeout-while-idle", "The server says 408 on an idle connection, and closes it.", "well", twice=True)
def timeout_idle(said: Said) -> Play:
    yield said.answer()
    yield 0.05
    yield b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@fault("kept-though-closing", "The answer says close, and the connection stays.", "well")
def close_and_stay(said: Said) -> Play:
    yield said.chunked(said.parts, b"connection: close")
    yield HOLD


@fault("empty-body", "The body has no bytes.", "UpstreamFailed|UpstreamTruncated")
def empty(said: Said) -> Play:
    yield said.whole(b"")
    yield KEEP


@fault("empty-chunks", "The body is the last chunk.", "UpstreamFailed|UpstreamTruncated")
def empty_chunks(said: Said) -> Play:
    yield said.opened() + LAST
    yield KEEP
