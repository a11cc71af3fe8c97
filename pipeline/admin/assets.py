"""Assets: the page's built files, in a table by their path that is made once, at start.

    /admin/assets/index-B4x2.js ─▶ the table ─▶ read and packed when first asked for ─▶ brotli, gzip, or as it is

A path of a request is looked up and never joined to a folder (CVE-2024-23334 is about the other way).  What bears a
hash in its name never changes and may be kept for ever; everything else is asked for again each time.
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

import attrs
import brotli
import trio

from transports.messages import Head, Headers, Request

HASHED = re.compile(r"assets/.*-[\w-]{8,}\.\w+")
PAGES = ("index.html", "swagger.html")
SMALL = 1024  # bytes below which packing is not worth it
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml",
         ".json": "application/json", ".woff2": "font/woff2", ".png": "image/png", ".ico": "image/x-icon"}  # fmt: skip
TEXT = frozenset({"text/javascript", "text/css", "text/html", "image/svg+xml", "application/json"})

# What a page of ours may load: its own files, no inline script; styles are also set by its components as they run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
GUARDED: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

UNBUILT = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>pipeline: admin</title></head><body>
<h1>The page is not built</h1>
<p>This is a source tree. Build it once, <code>python hatch_build.py</code>, and start the gateway again. A wheel
carries it built.</p>
<p>The API works without it: <code>/admin/api/openapi.json</code>, with HTTP Basic.</p>
</body></html>
"""


@attrs.frozen
class Asset:
    """One file, in the codings it is sent in."""

    media: str
    etag: bytes
    lasting: bool  # it never changes
    codings: dict[bytes, bytes]  # by name, the smallest first; b"" is the file itself


class Assets:
    """The page's files."""

    def __init__(self, folder: Traversable | None = None) -> None:
        """*folder*: where they were built; by default, what the package carries.  Blocks."""
        root = files("pipeline.admin") / "static" if folder is None else folder
        self._files = dict(walked(root)) if root.is_dir() else {}
        self._assets: dict[str, Asset] = {}  # those that were asked for

    @property
    def built(self) -> bool:
        """Whether there is a page."""
        return "index.html" in self._files

    async def answer(self, request: Request, name: str) -> tuple[Head, bytes] | None:
        """The file called *name*, as *request* takes it; None if there is none."""
        if name not in self._files:
            return None if name not in PAGES or self.built else unbuilt()
        asset = await self._asset(name)
        if asset is None:
            return None
        coding = accepted(request.header(b"accept-encoding") or "", asset)
        keep = b"public, max-age=31536000, immutable" if asset.lasting else b"no-cache"
        etag = b'"%s%s"' % (asset.etag, b"-" + coding if coding else b"")
        fields = [*GUARDED, (b"cache-control", keep), (b"etag", etag), (b"vary", b"accept-encoding")]
        if etag.decode() in (request.header(b"if-none-match") or ""):
            return Head(304, fields), b""
        if coding:
            fields.append((b"content-encoding", coding))
        return Head(200, [*fields, (b"content-type", asset.media.encode())]), asset.codings[coding]

    async def _asset(self, name: str) -> Asset | None:
        """The file *name*, read and packed in a thread; None if it has gone since the start."""
        if name not in self._assets:
            try:
                self._assets[name] = await trio.to_thread.run_sync(made, name, self._files[name])
            except OSError:
                return None
        return self._assets[name]


def unbuilt() -> tuple[Head, bytes]:
    """What stands where the page would."""
    fields = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
    return Head(503, [*GUARDED, *fields]), UNBUILT


def walked(folder: Traversable, below: str = "") -> Iterator[tuple[str, Traversable]]:
    """All files in *folder*, with their paths, but those whose names begin with a dot: nobody means them to be seen."""
    for each in folder.iterdir():
        name = below + each.name
        if each.name.startswith("."):
            continue
        if each.is_dir():
            yield from walked(each, f"{name}/")
        else:
            yield name, each


def made(name: str, file: Traversable) -> Asset:
    """The file *name*, in all codings.  Raises OSError."""
    body = file.read_bytes()
    suffix = name[name.rfind(".") :].lower()
    media = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    codings = {b"": body}
    if media in TEXT and len(body) >= SMALL:
        packed = {b"br": brotli.compress(body, quality=5), b"gzip": gzip.compress(body, 6, mtime=0)}
        codings = {coding: data for coding, data in packed.items() if len(data) < len(body)} | codings
    shown = f"{media}; charset=utf-8" if media.startswith("text/") else media
    etag = hashlib.sha256(body).hexdigest()[:16].encode()
    return Asset(shown, etag, HASHED.fullmatch(name) is not None, codings)


def accepted(header: str, asset: Asset) -> bytes:
    """The coding *asset* is sent in; *header*: what the client takes (RFC 9110 §12.5.3)."""
    taken = set()
    for part in header.lower().split(","):
        coding, _, weight = part.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            taken.add(coding.strip().encode())
    return next((coding for coding in asset.codings if coding in taken), b"")
