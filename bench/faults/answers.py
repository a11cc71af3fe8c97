"""Faults of the answer: its coding, its media type, and every status that is not 200."""

import gzip
import json
import zlib
from functools import partial

from bench.faults.fault import HOLD, KEEP, Chapter, Play
from bench.faults.said import IDENT, Said
from stages.simulated.refusal import Refused
from stages.simulated.voices import VOICES

CODINGS = Chapter("codings")
MEDIA = Chapter("media types")
STATUSES = Chapter("statuses")

BOMB = gzip.compress(b" " * 60_000_000)
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502</h1></center></body></html>"


# -- codings ----------------------------------------------------------------------------------------------------------


def coded(coding: bytes, said: Said, body: bytes) -> bytes:
    """An answer of *body* that claims *coding*."""
    return said.whole(body, b"content-encoding: " + coding)


@CODINGS.fault("gzip", "The answer is compressed, which nobody asked for.", "well")
def gzipped(said: Said) -> Play:
    yield coded(b"gzip", said, gzip.compress(said.body))
    yield KEEP


@CODINGS.fault("deflate", "The answer is deflated, which nobody asked for.", "well")
def deflated(said: Said) -> Play:
    yield coded(b"deflate", said, zlib.compress(said.body))
    yield KEEP


@CODINGS.fault("gzip-cut", "A compressed answer ends in its middle.", "UpstreamFailed|UpstreamTruncated")
def gzip_cut(said: Said) -> Play:
    packed = gzip.compress(said.body)
    yield coded(b"gzip", said, packed[: len(packed) // 2])


@CODINGS.fault("gzip-checksum", "A compressed answer has a wrong check sum.", "UpstreamFailed|well", "UpstreamFailed")
def gzip_checksum(said: Said) -> Play:
    packed = gzip.compress(said.body)
    yield coded(b"gzip", said, packed[:-8] + b"\0" * 8)


@CODINGS.fault("gzip-claimed", "The answer says that it is compressed, and is not.", "UpstreamFailed")
def gzip_lie(said: Said) -> Play:
    yield coded(b"gzip", said, said.body)


@CODINGS.fault("gzip-denied", "The answer is compressed and does not say so.", "UpstreamFailed|UpstreamTruncated")
def gzip_denied(said: Said) -> Play:
    yield said.whole(gzip.compress(said.body))


@CODINGS.fault("gzip-bomb", "Sixty kilobytes become sixty megabytes.", "UpstreamFailed")
def gzip_bomb(said: Said) -> Play:
    yield coded(b"gzip", said, BOMB)


@CODINGS.fault("gzip-twice", "The answer is compressed twice.", "UpstreamFailed|well")
def gzip_twice(said: Said) -> Play:
    yield coded(b"gzip, gzip", said, gzip.compress(gzip.compress(said.body)))


@CODINGS.fault("coding-made-up", "The answer has a coding that does not exist.", "UpstreamFailed")
def made_up(said: Said) -> Play:
    yield coded(b"snappier", said, said.body)


# -- media types ------------------------------------------------------------------------------------------------------


@MEDIA.fault("page", "A page of HTML comes with status 200.", "UpstreamFailed")
def page(said: Said) -> Play:
    yield said.whole(PAGE, media="text/html")
    yield KEEP


@MEDIA.fault("page-as-asked", "A page of HTML says that it is what was asked for.", "UpstreamFailed|UpstreamTruncated")
def page_as_asked(said: Said) -> Play:
    yield said.whole(PAGE)
    yield KEEP


@MEDIA.fault("the-other-form", "A whole reply comes for a stream, and a stream for a whole reply.", "UpstreamFailed")
def other(said: Said) -> Play:
    asked = json.loads(said.asked)
    turned = Said.of(said.dialect, json.dumps({**asked, "stream": not said.stream}).encode(), said.mark)
    yield said.whole(turned.body, media=turned.media)
    yield KEEP


@MEDIA.fault("media-missing", "The answer does not say what it is.", "well")
def no_media(said: Said) -> Play:
    yield said.whole(said.body, media=None)
    yield KEEP


@MEDIA.fault("media-plain", "The answer says that it is plain text.", "UpstreamFailed", "well")
def plain(said: Said) -> Play:
    yield said.whole(said.body, media="text/plain; charset=utf-8")
    yield KEEP


@MEDIA.fault("media-in-capitals", "The media type is written in capitals, with parameters.", "well")
def capitals(said: Said) -> Play:
    yield said.whole(said.body, media=said.media.upper() + " ;charset=UTF-8")
    yield KEEP


@MEDIA.fault("error-of-status-200", "An error comes with status 200, as JSON.", "UpstreamFailed", "UpstreamRefused")
def error_200(said: Said) -> Play:
    yield said.whole(json.dumps(said.tongue.failed).encode(), media="application/json")
    yield KEEP


# -- statuses ---------------------------------------------------------------------------------------------------------


def answered(status: int, said: Said) -> Play:
    """An error of *status*, in the dialect's own words."""
    head, body = VOICES[said.dialect].error(Refused(status, f"This is error {status}."), IDENT)
    fields = [name + b": " + value for name, value in head.headers if name != b"content-type"]
    yield said.whole(body, *fields, status=b"%d Error" % status, media="application/json")
    yield KEEP


def bare(status: int, said: Said) -> Play:
    """An error of *status* without a body."""
    yield said.whole(b"", status=b"%d" % status, media=None)
    yield KEEP


ERRORS = (400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 418, 422, 424, 429, 451, 498, 500, 501, 502, 503, 504,
          520, 524, 529, 599)  # fmt: skip
for status in ERRORS:
    STATUSES.add(
        f"status-{status}", f"Status {status}, as its API tells it.", partial(answered, status), "UpstreamRefused"
    )
    STATUSES.add(f"status-{status}-bare", f"Status {status} without a body.", partial(bare, status), "UpstreamRefused")


def elsewhere(status: int, said: Said) -> Play:
    """*status*, which is neither a reply nor an error."""
    location = b"location: http://127.0.0.1:9/elsewhere"
    yield said.head(location, status=b"%d" % status, length=None if status in (204, 304) else 0)
    yield KEEP


for status in (201, 202, 204, 206, 301, 302, 303, 304, 307, 308):
    says = f"Status {status}, which is neither a reply nor an error."
    STATUSES.add(f"status-{status}", says, partial(elsewhere, status), "UpstreamFailed")


def late(value: bytes, said: Said) -> Play:
    """429 with *value* in retry-after."""
    _, body = VOICES[said.dialect].error(Refused(429, "Later."), IDENT)
    yield said.whole(body, b"retry-after: " + value, status=b"429 Too Many Requests", media="application/json")
    yield KEEP


LATER = {
    "seconds": b"7",
    "fraction": b"0.25",
    "date": b"Sat, 21 Nov 2099 07:28:00 GMT",
    "past": b"Wed, 21 Oct 2015 07:28:00 GMT",
    "negative": b"-5",
    "huge": b"9" * 25,
    "words": b"soon",
    "nan": b"NaN",
    "infinite": b"inf",
    "empty": b"",
}
for name, value in LATER.items():
    says = f"Status 429 with {value[:30].decode() or 'nothing'!r} in retry-after."
    STATUSES.add(f"retry-after-{name}", says, partial(late, value), "UpstreamRefused")


def ill(body: bytes, said: Said) -> Play:
    """Status 500 with *body*."""
    yield said.whole(body, status=b"500 Error", media="application/json")
    yield KEEP


BODIES = {
    "page": (PAGE, "is a page of HTML"),
    "words": (b"upstream connect error or disconnect/reset before headers", "is words"),
    "null": (b"null", "is null"),
    "list": (b"[]", "is a list"),
    "empty-object": (b"{}", "is an empty object"),
    "broken": (b'{"error": {"message": "br', "is broken JSON"),
    "error-null": (b'{"error": null}', "has a null error"),
    "error-text": (b'{"error": "it broke"}', "has an error that is a text"),
    "error-list": (b'{"error": ["it broke"]}', "has an error that is a list"),
    "error-odd": (b'{"type":7,"error":{"message":{"a":1},"type":[],"code":{"x":1},"param":7}}', "has odd types"),
    "nested-deep": (b"[" * 100_000, "is nested too deeply"),
    "not-utf-8": (b'{"error":{"message":"\xff\xfe"}}', "is not UTF-8"),
    "surrogate": (b'{"error":{"message":"\\ud800"}}', "has half a character"),
    "of-another-api": (b'{"code":500,"status":"INTERNAL","details":[]}', "is that of another API"),
    "of-a-proxy": (b'{"detail":"Internal Server Error"}', "is that of a framework"),
    "large": (b'{"error":{"message":"' + b"a" * 300_000 + b'"}}', "has 300 KB"),
}
for name, (body, says) in BODIES.items():
    STATUSES.add(f"error-{name}", f"The body of an error {says}.", partial(ill, body), "UpstreamRefused")


@STATUSES.fault("error-too-large", "The body of an error has two megabytes.", "UpstreamFailed|UpstreamRefused")
def too_large(said: Said) -> Play:
    yield said.whole(b"a" * 2_000_000, status=b"500 Error")


@STATUSES.fault("error-endless", "The body of an error goes on for ever.", "UpstreamFailed|UpstreamRefused")
def endless(said: Said) -> Play:
    yield said.opened(status=b"500 Error")
    while True:
        yield b"8000\r\n" + b"a" * 0x8000 + b"\r\n"


@STATUSES.fault("error-cut", "The body of an error is cut.", "UpstreamTruncated|UpstreamRefused")
def error_cut(said: Said) -> Play:
    yield said.head(status=b"500 Error", length=1000, media="application/json") + b'{"error":'


@STATUSES.fault("error-stalls", "The body of an error never ends.", "UpstreamTimeout|UpstreamRefused")
def error_stalls(said: Said) -> Play:
    yield said.head(status=b"500 Error", length=1000, media="application/json") + b'{"error":'
    yield HOLD


@STATUSES.fault("error-gzip", "The body of an error is compressed.", "UpstreamRefused")
def error_gzip(said: Said) -> Play:
    body = gzip.compress(json.dumps(said.tongue.failed).encode())
    yield said.whole(body, b"content-encoding: gzip", status=b"500 Error", media="application/json")
    yield KEEP


@STATUSES.fault("error-gzip-bomb", "The body of an error becomes sixty megabytes.", "UpstreamRefused|UpstreamFailed")
def error_bomb(said: Said) -> Play:
    yield said.whole(BOMB, b"content-encoding: gzip", status=b"500 Error", media="application/json")
    yield KEEP
