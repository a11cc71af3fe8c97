"""Heads, as a client of HTTP/1.1 sees them: the request's is written, the responses' are read.

    write_head(origin, call) ──▶ bytes                   every byte checked: nothing we are given can begin a new line
    HeadReader(method).feed(bytes) ──▶ None | Opening    status, fields, how the body ends, what has come of it

An upstream is trusted with our prompt, not with our connection: h11 parses its heads, but what reaches h11 has one
reading only.  Two framings at once, a length given twice, folding, bare LF, control characters: each would let one
reply pass for two, and the second would be served to the next caller (CVE-2021-39214).  Sans-io.
"""

import math
import re

import attrs
import h11

from transports.framing import BodyReader, ChunkedReader, CloseReader, LengthReader
from transports.heads import fields_of, read_response
from transports.messages import HOP_BY_HOP, BadRequest, Head, Headers
from transports.strict import check_outgoing, field_lines
from transports.upstream import Call, Origin

HEAD = 64 * 1024  # bytes of one head
FIELDS = 100  # fields of one head
INTERIM = 10  # 1xx responses before the final one

_METHOD = re.compile(r"[A-Z]{1,16}")
_TARGET = re.compile(r"/[!-~]*+")  # origin form; what it means is the caller's affair, where it ends is ours
_BODILESS = frozenset({"GET", "HEAD"})  # without content these announce no length (RFC 9110 §8.6)

# The whole of a head: RFC 9112 §4 and §5, with HTTP/1.0 and 1.1 as versions and RFC 9110 §15's classes of status.
_RESPONSE = re.compile(
    rb"HTTP/1\.(?P<minor>[01]) [1-5][0-9]{2}(?: [\t -~\x80-\xff]*+)?+\r\n"
    rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r\n)*+\r\n"
)
# Those that decide where the body ends, and whether the connection goes on after it.
_DECIDING = re.compile(rb"\r\n(content-length|transfer-encoding|connection|keep-alive):([^\r]*+)", re.IGNORECASE)
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_LENGTH = re.compile(rb"[0-9]{1,19}")  # 19 digits stay below 2**64
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r[^\n]")
_TIMEOUT = re.compile(rb"(?:^|[,;\s])timeout=([0-9]{1,6})\b", re.IGNORECASE)


def write_head(origin: Origin, call: Call, *, absolute: bool = False, extra: Headers | None = None) -> bytes:
    """The head of *call*.  *absolute* writes the target as a forward proxy wants it, *extra* are fields for the proxy.

    Raises ValueError for what can't be written; the text holds no value of a field.
    """
    _check_line_and_names(call)
    target = f"{origin}{call.target}" if absolute else call.target
    line = f"{call.method} {target} HTTP/1.1\r\nhost: {origin.authority}\r\n".encode("ascii")
    fields = field_lines([*extra, *call.headers] if extra else call.headers)
    sized = call.body or call.method not in _BODILESS
    return line + fields + (b"content-length: %d\r\n\r\n" % len(call.body) if sized else b"\r\n")


def check_call(call: Call) -> None:
    """Raise ValueError for a call that can't be written; the text holds no value of a field."""
    _check_line_and_names(call)
    check_outgoing(call.headers)


def _check_line_and_names(call: Call) -> None:
    if not _METHOD.fullmatch(call.method) or not _TARGET.fullmatch(call.target):
        raise ValueError("the method or the target can't be written")
    if not HOP_BY_HOP.isdisjoint(map(bytes.lower, dict(call.headers))):
        name = next(name for name, _ in call.headers if name.lower() in HOP_BY_HOP)
        raise ValueError(f"the field {name!r} belongs to the connection")


@attrs.define(eq=False)
class Opening:
    """The beginning of a reply."""

    head: Head
    body: BodyReader
    rest: bytes  # came with the head and belongs to the body
    keep_seconds: float  # for how long the connection may be kept after it; 0 for not at all, inf where unsaid


class HeadReader:
    """Reads up to the final head of the answer to a request with *method*."""

    __slots__ = ("_interim", "_looked", "_method", "_received")

    def __init__(self, method: str) -> None:
        self._method = method
        self._received = bytearray()
        self._looked = 0  # how much of it holds no end of a head
        self._interim = 0

    @property
    def began(self) -> bool:
        """Whether any byte of an answer has come."""
        return bool(self._received or self._interim)

    def feed(self, data: bytes) -> Opening | None:
        """The opening once the final head is there.  Raises BadRequest for what is none."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n", max(self._looked - 3, 0))) >= 0:
            raw = bytes(self._received[: end + 4])
            del self._received[: end + 4]
            self._looked = 0
            event, minor = self._parse(raw)
            if isinstance(event, h11.Response):
                return self._open(event, raw, minor)
            self._interim += 1
            if self._interim > INTERIM:
                raise BadRequest(f"more than {INTERIM} interim responses")
        self._check_partial()
        return None

    def _parse(self, raw: bytes) -> tuple[h11.Response | h11.InformationalResponse, bytes]:
        """The event of one head and its minor version."""
        if len(raw) > HEAD or raw.count(b"\r\n") - 2 > FIELDS:
            raise BadRequest("the head has too many or too large fields")
        match = _RESPONSE.fullmatch(raw)
        if match is None:
            raise BadRequest("the head is malformed")
        return read_response(raw), match["minor"]

    def _open(self, event: h11.Response, raw: bytes, minor: bytes) -> Opening:
        head = Head(event.status_code, fields_of(event))
        deciding = [(name.lower(), value.strip(b"\t ")) for name, value in _DECIDING.findall(raw)]
        body = _body(self._method, event.status_code, [field for field in deciding if field[0] in _FRAMING], minor)
        lasting = minor == b"1" and not isinstance(body, CloseReader)
        return Opening(head, body, bytes(self._received), _keep_seconds(deciding) if lasting else 0)

    def _check_partial(self) -> None:
        """Refuse early what can't become a head, instead of waiting for its end."""
        if not b"HTTP/1.".startswith(self._received[:7]):
            raise BadRequest("what came is not HTTP/1")
        if _BARE_LINE_END.search(self._received, max(self._looked - 1, 0)):
            raise BadRequest("lines end with CRLF")
        if len(self._received) > HEAD:
            raise BadRequest("the head is too large")
        self._looked = len(self._received)


def _body(method: str, status: int, framing: Headers, minor: bytes) -> BodyReader:
    """How the body ends: RFC 9112 §6.3, without the places where it lets a recipient guess."""
    name, value = framing[0] if framing else (b"", b"")
    if len(framing) > 1 or len(value.split()) > 1:
        raise BadRequest("one framing is needed: content-length or transfer-encoding, once")
    chunked = name == b"transfer-encoding"
    if chunked and (minor == b"0" or value.lower() != b"chunked"):
        raise BadRequest("the only transfer-encoding is chunked, in HTTP/1.1")
    if name and not chunked and not _LENGTH.fullmatch(value):
        raise BadRequest("content-length is digits")
    if method == "HEAD" or status in (204, 304):
        return LengthReader(0)
    if chunked:
        return ChunkedReader()
    return LengthReader(int(value)) if name else CloseReader()


def _keep_seconds(deciding: Headers) -> float:
    """What ``connection`` and ``keep-alive`` say of an HTTP/1.1 response, the latter less a second for the way."""
    seconds = math.inf
    for name, value in deciding:
        if name == b"connection" and b"close" in [token.strip() for token in value.lower().split(b",")]:
            return 0
        if name == b"keep-alive" and (match := _TIMEOUT.search(value)):
            seconds = max(int(match[1]) - 1, 0)
    return seconds
