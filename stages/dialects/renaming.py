r"""Renaming: a reply as it is written, under the name that the client asked for.

    client asks for "fast" ─▶ upstream is asked for "claude-haiku-5-5", and says so in its reply
    data: {"id":"c1","model":"claude-haiku-5-5","choices":…}   ──▶   data: {"id":"c1","model":"fast","choices":…}

Bytes are edited, not events: a frame that nobody touched keeps all else as it came, spacing and unknown fields too, and
what the true name is good for (whose signature a thought bears) stays known on the way.  It is the last thing done to
them, and only where the gateway itself asked for another name than its client did.  A name that agrees already is left
alone, to the byte.

Where a frame says the name is the dialect's to tell (``Dialect.MODEL``).  Frames without the first key of that path are
not looked into; nobody's words can be taken for it, since within a string its quotes are escaped.  Where the path is
one key, a frame whose members before it are plain is edited without being parsed: 2 µs in place of 15.
"""

import re

import msgspec

from pipeline.document import Document, Malformed, Path
from stages.dialects.sse import Frame, Frames

WHOLE: Path = ("model",)  # of a reply that is not streamed, in all dialects

# A frame of one line, up to the value of a member ``model`` before which only strings, numbers and their like stand.
_PLAIN = re.compile(
    rb'(?m)^(data: ?\{ ?(?:"\w++": ?(?:"(?:[^"\\\r\n]|\\.)*+"|[\w.+-]++) ?, ?)*?"model": ?)"(?:[^"\\\r\n]|\\.)*+"'
)


def in_frames(data: bytes, path: Path, name: str) -> bytes:
    """*data*, frames of a stream, with *name* at *path* wherever there is one."""
    mark = quoted(str(path[0]))
    there = data.count(mark)
    if not there:
        return data
    if path == WHOLE:
        edited, found = _PLAIN.subn(rb"\g<1>" + quoted(name).replace(b"\\", rb"\\"), data)
        if found == there:
            return edited
    frames = Frames(len(data))
    return b"".join([_frame(frame, path, name) if mark in frame[2] else frame[0] for frame in frames.feed(data)]) + (
        frames.rest
    )


def in_body(body: bytes, name: str, path: Path = WHOLE) -> bytes:
    """*body*, one JSON text, with *name* at *path*; the same bytes where there is none, or it is *name* already."""
    try:
        document = Document(body)
        told = document.at(path)
        if told is None or told.kind != "string" or told.value() == name:
            return body
        return document.set(path, name).encode()
    except Malformed:  # the upstream's affair: it is passed on as it is
        return body


def quoted(text: str) -> bytes:
    """*text* as JSON has it."""
    return msgspec.json.encode(text)


def _frame(frame: Frame, path: Path, name: str) -> bytes:
    raw, event, payload = frame
    edited = in_body(payload, name, path)
    if edited == payload:
        return raw
    if payload in raw:
        return raw.replace(payload, edited, 1)
    lines = edited.replace(b"\n", b"\ndata: ")  # its data came in several lines
    return (b"event: %b\n" % event if event else b"") + b"data: %b\n\n" % lines
