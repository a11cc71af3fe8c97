"""Faults of the head: what is no start of an answer, or could be one of two."""

from functools import partial

from bench.faults.fault import HOLD, KEEP, Chapter, Play
from bench.faults.said import Said

HEADS = Chapter("heads")
fault = HEADS.fault


def line(start: bytes, said: Said) -> Play:
    """A good answer but for its first line."""
    yield said.answer().replace(b"HTTP/1.1 200 OK", start, 1)


def field(bad: bytes, said: Said) -> Play:
    """A good answer with one more line in its head."""
    yield said.answer().replace(b"\r\n", b"\r\n" + bad + b"\r\n", 1)


LINES = {
    "status-words": (b"HTTP/1.1 abc OK", "The status is no number."),
    "status-zero": (b"HTTP/1.1 000 OK", "The status is 000."),
    "status-99": (b"HTTP/1.1 99 OK", "The status has two digits."),
    "status-600": (b"HTTP/1.1 600 OK", "The status is of no class."),
    "status-missing": (b"HTTP/1.1", "The first line is a version only."),
    "version-9": (b"HTTP/9.9 200 OK", "The version is 9.9."),
    "version-2-in-text": (b"HTTP/2 200", "The version is 2, in text."),
    "icy": (b"ICY 200 OK", "The protocol is that of internet radio."),
    "another-protocol": (b"220 mail ESMTP", "A mail server answers."),
}
FIELDS = {
    "field-without-colon": (b"nocolon", "A field has no colon."),
    "field-folded": (b"x-a: 1\r\n  2", "A field is folded over two lines."),
    "field-space-before-colon": (b"x-a : 1", "There is a space before the colon."),
    "field-with-nul": (b"x-a: \x00", "There is a NUL in a value."),
    "field-with-control": (b"x-a: \x07\x1b[31m", "There are control characters in a value."),
    "field-with-bare-lf": (b"x-a: 1\nx-b: 2", "A line ends with LF alone."),
    "field-with-bare-cr": (b"x-a: 1\rx-b: 2", "There is a CR in a value."),
    "field-without-name": (b": 1", "A field has no name."),
    "too-many-fields": (b"\r\n".join(b"x-%d: 1" % n for n in range(5000)), "The head has five thousand fields."),
    "too-large-a-field": (b"x-a: " + b"a" * 2_000_000, "A field has two megabytes."),
}
for name, (start, says) in LINES.items():
    HEADS.add(name, says, partial(line, start), "UpstreamFailed")
for name, (bad, says) in FIELDS.items():
    HEADS.add(name, says, partial(field, bad), "UpstreamFailed")


@fault("no-head", "The body comes without a head, as in HTTP/0.9.", "UpstreamFailed")
def no_head(said: Said) -> Play:
    yield said.body


@fault("http2-unasked", "The server speaks HTTP/2 frames at once.", "UpstreamFailed")
def http2(said: Said) -> Play:
    yield b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    yield HOLD


@fault("random-bytes", "What comes is no text at all.", "UpstreamFailed")
def noise(said: Said) -> Play:
    yield bytes(range(256)) * 16
    yield HOLD


@fault("head-without-end", "The head goes on and on.", "UpstreamFailed")
def endless_head(said: Said) -> Play:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"x-more: " + b"a" * 1000 + b"\r\n"


@fault("head-byte-by-byte", "The head comes too slowly to be waited for.", "UpstreamTimeout", books="estimated")
def slow_head(said: Said) -> Play:
    for byte in said.opened():
        yield bytes([byte])
        yield 0.1


@fault("interim-few", "Three interim responses come before the answer.", "well")
def interim(said: Said) -> Play:
    yield b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 2 + said.answer()
    yield KEEP


@fault("interim-flood", "A thousand interim responses come before the answer.", "UpstreamFailed")
def interim_flood(said: Said) -> Play:
    yield b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + said.answer()


@fault("interim-endless", "Interim responses come, slowly, for ever.", "UpstreamFailed|UpstreamTimeout")
def interim_endless(said: Said) -> Play:
    while True:
        yield b"HTTP/1.1 102 Processing\r\n\r\n"
        yield 0.03


@fault("switching", "The protocol is switched, which nobody asked for.", "UpstreamFailed")
def switching(said: Said) -> Play:
    yield b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    yield HOLD


@fault("reason-missing", "The first line has no reason.", "well")
def reason(said: Said) -> Play:
    yield said.answer().replace(b"200 OK", b"200", 1)
    yield KEEP


@fault("fields-in-latin-1", "A value holds letters beyond ASCII.", "well")
def latin(said: Said) -> Play:
    yield said.answer().replace(b"\r\n", b"\r\nx-place: M\xfcnchen\r\n", 1)
    yield KEEP


@fault("cookies-and-more", "The head has fields that are not the client's business.", "well")
def cookies(said: Said) -> Play:
    fields = b"\r\nset-cookie: a=b\r\nserver: x\r\nalt-svc: h3=:443\r\nstrict-transport-security: max-age=1\r\n"
    yield said.answer().replace(b"\r\n", fields, 1)
    yield KEEP


@fault("old-version", "The answer is one of HTTP/1.0, which ends with the connection.", "well")
def old(said: Said) -> Play:
    yield said.head().replace(b"HTTP/1.1", b"HTTP/1.0", 1) + said.body
