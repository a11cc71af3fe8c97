"""Faults of the stream: its frames, their order, its end.  For whole replies: of the body as text."""

import json

from bench.faults.fault import KEEP, Chapter, Play
from bench.faults.said import LAST, Said, chunk

STREAMS = Chapter("streams")
ENDLESS = Chapter("endless streams")
fault = STREAMS.fault


def with_more(said: Said, at: int, *more: bytes) -> bytes:
    """The answer with *more* before part *at*; of a whole reply, before the body."""
    parts = list(said.parts)
    parts[at:at] = more
    return said.answer(parts)


# -- errors in the stream ---------------------------------------------------------------------------------------------

FAILED = "UpstreamRefused"


@fault("error-first", "The first thing said is an error.", FAILED)
def error_first(said: Said) -> Play:
    yield said.answer([said.tongue.failing]) if said.stream else said.whole(json.dumps(said.tongue.failed).encode())
    yield KEEP


@fault("error-after-a-word", "An error comes after the first word.", FAILED, "well")
def error_after(said: Said) -> Play:
    yield said.answer([*said.parts[: said.first + 1], said.tongue.failing]) if said.stream else said.answer()
    yield KEEP


@fault("error-and-on", "An error comes after the first word, and the words go on.", FAILED, "well")
def error_and_on(said: Said) -> Play:
    yield with_more(said, said.first + 1, said.tongue.failing) if said.stream else said.answer()
    yield KEEP


@fault("error-as-text", "An error in the stream is a text.", FAILED)
def error_text(said: Said) -> Play:
    frame = b'event: error\ndata: {"type":"error","error":"it broke"}\n\n'
    yield said.answer([frame]) if said.stream else said.whole(b'{"error":"it broke"}')
    yield KEEP


@fault("error-without-words", "An error in the stream says nothing.", FAILED + "|UpstreamTruncated|UpstreamFailed")
def error_wordless(said: Said) -> Play:
    yield said.answer([b'event: error\ndata: {"type":"error","error":{}}\n\n']) if said.stream else said.whole(b"{}")
    yield KEEP


# -- ends -------------------------------------------------------------------------------------------------------------

CUT = "UpstreamTruncated|UpstreamFailed"


@fault("comments-only", "Only comments come; or blanks.", CUT)
def comments(said: Said) -> Play:
    yield said.answer([b": still here\n\n"] * 5 if said.stream else [b" " * 500])
    yield KEEP


@fault("done-only", "Only the end of a Chat stream comes; or null.", CUT)
def done(said: Said) -> Play:
    yield said.answer([b"data: [DONE]\n\n"] if said.stream else [b"null"])
    yield KEEP


@fault("start-only", "Only the first frame comes; or an empty object.", CUT)
def start_only(said: Said) -> Play:
    yield said.answer([said.parts[0]] if said.stream else [b"{}"])
    yield KEEP


@fault("end-missing", "All comes but the end.", CUT, "well|" + CUT)
def no_end(said: Said) -> Play:
    yield said.answer(said.parts[: said.end]) if said.stream else said.answer(said.without(said.tongue.stops))
    yield KEEP


@fault("end-twice", "The end comes twice.", "well")
def end_twice(said: Said) -> Play:
    yield said.answer([*said.parts, *said.parts[said.end :]]) if said.stream else said.answer()
    yield KEEP


@fault("end-first", "The end comes first.", "well|" + CUT, "well")
def end_first(said: Said) -> Play:
    yield said.answer([*said.parts[said.end :], *said.parts[: said.end]]) if said.stream else said.answer()
    yield KEEP


@fault("words-after-the-end", "Words come after the end.", "well")
def after_end(said: Said) -> Play:
    yield said.answer([*said.parts, *said.parts[said.first : said.end]]) if said.stream else said.answer()
    yield KEEP


@fault("reply-twice", "The whole reply comes twice.", "well", CUT)
def twice(said: Said) -> Play:
    yield said.answer([*said.parts, *said.parts])
    yield KEEP


# -- order ------------------------------------------------------------------------------------------------------------


@fault("start-missing", "The first frame is missing.", "well|" + CUT, "well")
def no_start(said: Said) -> Play:
    yield said.answer(said.parts[1:] if said.stream else said.parts)
    yield KEEP


@fault("words-first", "The stream begins with its first word.", "well|" + CUT, "well")
def words_first(said: Said) -> Play:
    yield said.answer(said.parts[said.first :])
    yield KEEP


@fault("frames-reversed", "The frames come in reverse.", "well|" + CUT, "well")
def backwards(said: Said) -> Play:
    yield said.answer(said.parts[::-1])
    yield KEEP


@fault("frames-doubled", "Each frame comes twice.", "well|" + CUT, CUT)
def doubled(said: Said) -> Play:
    yield said.answer([part for part in said.parts for _ in range(2)])
    yield KEEP


@fault("frames-lost", "Every third frame is missing.", "well|" + CUT, "well")
def lost(said: Said) -> Play:
    yield said.answer([part for n, part in enumerate(said.parts) if n % 3 != 1])
    yield KEEP


@fault("frames-unknown", "Frames come whose name nobody knows.", "well")
def unknown(said: Said) -> Play:
    strange = b'event: made_up\ndata: {"type":"made_up","choices":[],"sequence_number":9}\n\n'
    yield with_more(said, said.first + 1, strange) if said.stream else said.answer()
    yield KEEP


@fault("names-missing", "The frames have no names.", "well")
def nameless(said: Said) -> Play:
    yield said.answer([b"data: " + part.rpartition(b"data: ")[2] for part in said.parts] if said.stream else None)
    yield KEEP


@fault("names-wrong", "The frames bear the name of another.", "well|" + CUT, "well")
def misnamed(said: Said) -> Play:
    wrong = [b"event: ping\ndata: " + part.rpartition(b"data: ")[2] for part in said.parts]
    yield said.answer(wrong if said.stream else None)
    yield KEEP


# -- spelling ---------------------------------------------------------------------------------------------------------


@fault("line-ends-crlf", "Lines end with CRLF.", "well")
def crlf(said: Said) -> Play:
    yield said.answer([part.replace(b"\n", b"\r\n") for part in said.parts])
    yield KEEP


@fault("line-ends-cr", "Lines end with CR.", "well")
def cr(said: Said) -> Play:
    yield said.answer([part.replace(b"\n", b"\r") for part in said.parts])
    yield KEEP


@fault("line-ends-mixed", "Lines end as they like.", "well")
def mixed(said: Said) -> Play:
    ends = (b"\n", b"\r\n", b"\r")
    yield said.answer([part.replace(b"\n", ends[n % 3]) for n, part in enumerate(said.parts)])
    yield KEEP


@fault("byte-order-mark", "A byte order mark comes first.", "well", "well|UpstreamFailed")
def bom(said: Said) -> Play:
    yield said.answer([b"\xef\xbb\xbf", *said.parts])
    yield KEEP


@fault("blank-lines", "There are many blank lines between frames.", "well")
def blanks(said: Said) -> Play:
    yield said.answer([b"\n" * 20 + part for part in said.parts])
    yield KEEP


@fault("no-space", "There is no space after the colon.", "well")
def no_space(said: Said) -> Play:
    tight = [part.replace(b"data: ", b"data:").replace(b"event: ", b"event:") for part in said.parts]
    yield said.answer(tight if said.stream else None)
    yield KEEP


@fault("more-fields", "Frames have fields of their own: id, retry, and others.", "well")
def fields(said: Said) -> Play:
    yield said.answer([b"id: 7\nretry: 10\nx: y\n" + part for part in said.parts] if said.stream else None)
    yield KEEP


@fault("data-over-lines", "The data of a frame goes over several lines.", "well")
def over_lines(said: Said) -> Play:
    yield said.answer([part.replace(b',"', b',\ndata: "') for part in said.parts] if said.stream else None)
    yield KEEP


@fault("last-line-open", "The last frame lacks its blank line.", "well")
def open_end(said: Said) -> Play:
    yield said.answer([*said.parts[:-1], said.parts[-1].rstrip()])
    yield KEEP


@fault("characters-split", "Reads end within characters.", "well")
def split(said: Said) -> Play:
    body = b"".join(said.edited(lambda v: v.replace("five", "füñf 🎉") if isinstance(v, str) else v))
    body = body.replace(b"\\u00fc", "ü".encode()).replace(b"\\u00f1", "ñ".encode())
    body = body.replace(b"\\ud83c\\udf89", "🎉".encode())
    yield said.opened()
    for at in range(0, len(body), 3):
        yield chunk(body[at : at + 3])
        yield 0.0
    yield LAST
    yield KEEP


# -- frames that are none ---------------------------------------------------------------------------------------------


def broken(said: Said, bad: bytes, at: int) -> bytes:
    """The answer with a frame of *bad* JSON in the place of part *at*; or with that as its body."""
    if not said.stream:
        return said.whole(bad)
    name = said.parts[at].partition(b"data: ")[0]
    return said.answer([*said.parts[:at], name + b"data: " + bad + b"\n\n", *said.parts[at + 1 :]])


BAD = {
    "json-broken": (b'{"type":"content_block_delta","ind', "is broken"),
    "json-words": (b"Internal error", "is words"),
    "json-number": (b"7", "is a number"),
    "json-list": (b"[{}]", "is a list"),
    "json-text": (b'"text"', "is a text"),
    "json-deep": (b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "is nested too deeply"),
    "json-single-quotes": (b"{'type': 'ping'}", "has single quotes"),
    "json-cut-character": (b'{"type":"\xe2\x82"}', "has a cut character"),
}


def put(name: str, bad: bytes, says: str) -> None:
    """Two faults of *bad*: as the first frame, and as a word."""

    def first(said: Said) -> Play:
        yield broken(said, bad, 0)
        yield KEEP

    def later(said: Said) -> Play:
        yield broken(said, bad, said.first + 1) if said.stream else broken(said, bad, 0)
        yield KEEP

    STREAMS.add(f"{name}-first", f"The JSON of the first frame {says}.", first, "well|" + CUT, CUT)
    STREAMS.add(f"{name}-later", f"The JSON of a word's frame {says}.", later, "well|" + CUT, CUT)


for name, (bad, says) in BAD.items():
    put(name, bad, says)


@fault("giant-frame", "A frame has two megabytes.", "well|UpstreamFailed", "well")
def giant(said: Said) -> Play:
    def change(value: object) -> object:
        return value + "a" * 2_000_000 if value == "two " or (isinstance(value, str) and "one two" in value) else value

    yield said.answer(said.edited(change) if said.stream else None)


@fault("line-without-end", "A line has no end.", "UpstreamFailed", "UpstreamFailed")
def endless_line(said: Said) -> Play:
    yield said.opened() + chunk(b"data: " if said.stream else b'{"id":"')
    for _ in range(3000 if said.stream else 30_000):
        yield chunk(b"a" * 1024 * 16)


# -- without end ------------------------------------------------------------------------------------------------------


def going_on(said: Said, before: int, more: bytes) -> Play:
    """What comes before part *before*, then *more*, again and again."""
    yield said.up_to(before) if said.stream else said.opened()
    while True:
        yield chunk(more)
        yield 0.01


@ENDLESS.fault("endless-comments", "Comments come for ever; or blanks.", "ClientGone")
def endless_comments(said: Said) -> Play:
    yield from going_on(said, 0, b": wait\n\n" if said.stream else b" ")


@ENDLESS.fault("endless-pings", "Pings come for ever after the start; or blanks.", "ClientGone")
def endless_pings(said: Said) -> Play:
    yield from going_on(said, 1, said.tongue.ping if said.stream else b"\n")


@ENDLESS.fault("endless-thoughts", "The model thinks for ever; or blanks come.", "ClientGone")
def endless_thoughts(said: Said) -> Play:
    yield from going_on(said, 5, said.tongue.thought if said.stream else b" ")


@ENDLESS.fault("endless-words", "The words go on for ever; or blanks come.", "ClientGone")
def endless_words(said: Said) -> Play:
    yield from going_on(said, said.first + 1, said.parts[said.first] if said.stream else b" ")


@ENDLESS.fault("endless-blank-lines", "Blank lines come for ever.", "ClientGone")
def endless_blanks(said: Said) -> Play:
    yield from going_on(said, 0, b"\n\n")


@ENDLESS.fault("endless-unknown", "Frames of no known kind come for ever; or blanks.", "ClientGone")
def endless_unknown(said: Said) -> Play:
    yield from going_on(said, 1, b'event: made_up\ndata: {"type":"made_up","choices":[]}\n\n' if said.stream else b" ")
