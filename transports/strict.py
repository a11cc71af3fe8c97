"""The strict door: what a head must be before a parser sees it.

    raw head ─▶ check_head ─▶ h11 ─▶ host_allowed ─▶ handler          HTTP/1.1
    fields   ─▶ check_fields      ─▶ host_allowed ─▶ handler          HTTP/2
    fields   ─▶ check_outgoing ─▶ the wire                            whatever we write

h11 is lenient where RFC 9112 permits it: bare LF, folding, ``27,27`` as a length, any version, any Host.  Every
leniency is a place where two programs on one wire may see two different messages (request smuggling), so this file
takes only what has one reading.  It looks at the raw bytes, because a parsed head no longer shows what was wrong.

Regular expressions here are possessive (``++``, ``*+``): no backtracking, linear in the head.  The whole head is
matched by one of them; a second one picks out the four fields that decide framing and routing.  Nothing here waits,
and nothing knows a socket.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from operator import itemgetter

from transports.limits import Limits
from transports.messages import BadRequest, Headers

METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})

# RFC 9110 §5.6.2: tchar.
_TCHAR = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
# RFC 9110 §5.5: VCHAR, obs-text, SP, HTAB.  Controls, NUL and DEL are out, which h11 would let through.
_LINE = rb"(?P<method>[" + _TCHAR + rb"]++) (?P<target>[!-~]++) HTTP/(?P<version>[0-9]\.[0-9])\r\n"
_HEAD = re.compile(_LINE + rb"(?:[" + _TCHAR + rb"]++:[\t -~\x80-\xff]*+\r\n)*+\r\n")
_REQUEST_LINE = re.compile(_LINE)

# The four that decide framing and routing.  An underscore for the hyphen is what gateways to CGI take for the same.
_DECIDING = re.compile(rb"\r\n(host|content[-_]length|transfer[-_]encoding|expect):([^\r]*+)", re.IGNORECASE)
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r[^\n]")  # RFC 9112 §2.2: MAY be taken for CRLF; we don't
_TOKEN_START = re.compile(rb"[" + _TCHAR + rb"]")

# 19 digits stay below 2**64.  One optional space: other blanks around a length or coding are only seen in attacks.
_LENGTH = re.compile(rb" ?[0-9]{1,19}")
_CODING = re.compile(rb" ?chunked")  # exactly: the only transfer coding we take (RFC 9112 §6.1)
_EXPECT = re.compile(rb"[ \t]*+100-continue[ \t]*+", re.IGNORECASE)  # RFC 9110 §10.1.1

# RFC 9112 §3.2.1, without what RFC 3986 §2 has no place for: " # < > \
_ORIGIN = re.compile(rb"/[!$-;=?-\[\]-~]*+")
_ABSOLUTE = re.compile(rb"https?://(?P<authority>[^/?#]*+)(?P<rest>.*+)", re.IGNORECASE)

# RFC 3986 §3.2.2 without userinfo and percent-encoding: BadHost (CVE-2026-48710) came through ``/ ? # @ \ %``.
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9._~!$&'()*+,;=-]+)(?::[0-9]{1,5})?")

_NAME = re.compile(rb"[" + _TCHAR + rb"]++")
_VALUE = re.compile(rb"(?:[!-~\x80-\xff]++(?:[ \t]++(?=[!-~\x80-\xff]))?+)*+")  # no blank at either end
_LINES = re.compile(rb"(?:[" + _TCHAR + rb"]++: " + _VALUE.pattern + rb"\r\n)*+")
_LOWER = _TCHAR.replace(b"A-Z", b"")
_LOWER_NAMES = re.compile(rb"(?::?[" + _LOWER + rb"]++\n)++")  # RFC 9113 §8.2.1
_IN_ORDER = re.compile(rb"(?::[" + _LOWER + rb"]++\n)++(?:[" + _LOWER + rb"]++\n)*+")  # the same, and §8.3
_VALUES = re.compile(rb"(?:" + _VALUE.pattern + rb"\n)++")

# RFC 9113 §8.2.2: fields of one HTTP/1.1 connection make an HTTP/2 message malformed.
_CONNECTION_SPECIFIC = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
_PSEUDO = frozenset({b":method", b":scheme", b":path"})
_UNUSUAL = _CONNECTION_SPECIFIC | {b"te"}
_SINGLE = frozenset({b"host", b"content-length", b"expect"})
_NAME_OF, _VALUE_OF = itemgetter(0), itemgetter(1)


def check_partial(head: bytes | bytearray, start: int, limits: Limits) -> None:
    """Refuse early what can't become a good head; *start* is how much of it was looked at before.

    Raises BadRequest: a client that ends its lines with LF alone is told at once, not after the timeout.
    """
    if not _TOKEN_START.match(head):
        raise BadRequest("the request line is malformed")
    if _BARE_LINE_END.search(head, max(start - 1, 0)):
        raise BadRequest("lines end with CRLF")
    if len(head) > limits.target and head.find(b"\r\n", 0, limits.target + 2) < 0:
        raise BadRequest("the request line is too long", status=414)
    if len(head) > limits.target + limits.head:
        raise BadRequest("the head is too large", status=431)


def check_head(raw: bytes, limits: Limits) -> dict[bytes, bytes]:
    """Refuse a request head of HTTP/1.1 that has more than one reading, or is too large.

    *raw* is everything from the request line to the empty line, both included.  Gives those of the four fields that
    decide framing and routing which it has, by lower-case name.  Raises BadRequest with the status of the answer: 400,
    414, 417, 431, 501 or 505.
    """
    line_end = raw.find(b"\r\n")
    if line_end > limits.target:
        raise BadRequest("the request line is too long", status=414)
    if len(raw) - line_end > limits.head or raw.count(b"\r\n") - 2 > limits.fields:
        raise BadRequest("the head has too many or too large fields", status=431)
    match = _HEAD.fullmatch(raw)
    if match is None:
        known = _REQUEST_LINE.match(raw)
        raise BadRequest("a field line is malformed" if known else "the request line is malformed")
    if match["version"] not in (b"1.1", b"1.0"):
        raise BadRequest("HTTP/1.1 is spoken here", status=505)
    if match["method"] not in METHODS:
        raise BadRequest("the method is not implemented", status=501)
    fields = _deciding_fields(raw)
    _check_framing(fields, match["version"])
    _check_target(match["method"], match["target"], fields[b"host"])
    return fields


def _deciding_fields(raw: bytes) -> dict[bytes, bytes]:
    """The fields that decide framing and routing, by lower-case name; each at most once, Host exactly once."""
    fields: dict[bytes, bytes] = {}
    for name, value in _DECIDING.findall(raw):
        key = name.lower()
        if key in fields or b"_" in key:
            raise BadRequest(f"{key.decode()} may be given once")
        fields[key] = value
    host = fields.get(b"host", b"").strip(b" \t").decode("latin-1")
    if not _HOST.fullmatch(host):
        raise BadRequest("one Host field is needed: host or host:port")
    fields[b"host"] = host.encode("latin-1")
    return fields


def _check_framing(fields: dict[bytes, bytes], version: bytes) -> None:
    """One framing, or none (RFC 9112 §6.1 and §6.3)."""
    length = fields.get(b"content-length")
    coding = fields.get(b"transfer-encoding")
    if length is not None and (coding is not None or not _LENGTH.fullmatch(length)):
        raise BadRequest("content-length is digits, and excludes transfer-encoding")
    if coding is not None and (version == b"1.0" or not _CODING.fullmatch(coding)):
        raise BadRequest("the only transfer-encoding is chunked, in HTTP/1.1")
    if b"expect" in fields and not _EXPECT.fullmatch(fields[b"expect"]):
        raise BadRequest("the only expectation is 100-continue", status=417)


def _check_target(method: bytes, target: bytes, host: bytes) -> None:
    """Origin form, our own absolute form, or the asterisk of OPTIONS (RFC 9112 §3.2)."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute and absolute["authority"].lower() != host.lower():
        raise BadRequest("the target names another host than Host")
    if not _ORIGIN.fullmatch(origin_form(target)) and not (target == b"*" and method == b"OPTIONS"):
        raise BadRequest("the request target is malformed")


def origin_form(target: bytes) -> bytes:
    """*target* as path and query: the authority of an absolute form is cut off (RFC 9112 §3.2.2)."""
    absolute = None if target.startswith(b"/") else _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return target
    rest = absolute["rest"]
    return rest if rest.startswith(b"/") else b"/" + rest


def host_allowed(host: str, *, local: str, names: Collection[str]) -> bool:
    """Whether *host* (a Host field or ``:authority``) may mean us; if not, the answer is 421.

    Allowed are *names* (lower case), loopback, and *local*, the address the connection arrived on: a web page whose
    name was rebound to our address sends its own name, and is refused (CVE-2024-28224, CVE-2025-66414).
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].lower()
    return name == "localhost" or name in names or _ours(name.strip("[]"), local.partition("%")[0])


@lru_cache(maxsize=256)  # a client says the same with every request
def _ours(name: str, local: str) -> bool:
    """Whether *name* is an address: of loopback, or *local*."""
    address = _literal(name)
    return address is not None and (address.is_loopback or address == _literal(local))


def _literal(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def check_fields(headers: Headers, limits: Limits) -> dict[bytes, bytes]:
    """Refuse a request of HTTP/2 that is malformed (RFC 9113 §8.2, §8.3); *headers* with the pseudo-header fields.

    Gives the value of each field by its name, the last where there are several: what decides is there once.  Raises
    BadRequest: 400, 417, 431 or 501.
    """
    # Names apart from values, each ended by what has a place in neither, so that nothing passes for the other: all are
    # looked at in two matches, in a third of the time that one by one take.
    names = b"\n".join([*map(_NAME_OF, headers), b""])
    values = b"\n".join([*map(_VALUE_OF, headers), b""])
    if len(headers) > limits.fields or len(names) + len(values) + 30 * len(headers) > limits.head:
        raise BadRequest("the head has too many or too large fields", status=431)
    alone = names.count(b"\n") == values.count(b"\n") == len(headers)
    if not alone or not _VALUES.fullmatch(values):
        raise BadRequest("a field name or value is malformed")
    fields = dict(headers)
    if len(fields) < len(headers) or not _IN_ORDER.fullmatch(names) or not _UNUSUAL.isdisjoint(fields):
        _check_each(headers, names)
    _check_pseudo(fields, names.count(b":"))
    if b"content-length" in fields and not _LENGTH.fullmatch(fields[b"content-length"]):
        raise BadRequest("content-length is digits")
    if b"expect" in fields and not _EXPECT.fullmatch(fields[b"expect"]):
        raise BadRequest("the only expectation is 100-continue", status=417)
    return fields


def _check_each(headers: Headers, names: bytes) -> None:
    """One field after the other: for heads that have a name twice, or that may have one which has no place there."""
    if not _LOWER_NAMES.fullmatch(names):
        raise BadRequest("a field name or value is malformed")
    once: set[bytes] = set()
    regular = False
    for name, value in headers:
        if name[:1] == b":":
            if regular:
                raise BadRequest("a pseudo-header field stands after a regular one")
        else:
            regular = True
            if name in _CONNECTION_SPECIFIC or (name == b"te" and value != b"trailers"):
                raise BadRequest(f"{name.decode()} has no place in HTTP/2")
        if not regular or name in _SINGLE:
            if name in once:
                raise BadRequest(f"{name.decode()} may be given once")
            once.add(name)


def _check_pseudo(fields: dict[bytes, bytes], count: int) -> None:
    """RFC 9113 §8.3.1: method, scheme, path, and one authority, which Host may repeat but not contradict.

    *count*: how many pseudo-header fields there are.
    """
    if fields.get(b":method", b"GET") not in METHODS:
        raise BadRequest("the method is not implemented", status=501)
    host = fields.get(b"host")
    authority = fields.get(b":authority", host)
    exact = count == len(_PSEUDO) + (b":authority" in fields) and fields.keys() >= _PSEUDO
    if not exact or fields[b":scheme"] not in (b"http", b"https"):
        raise BadRequest("exactly :method, :scheme and :path are needed")
    if authority is None or (host is not None and host != authority):
        raise BadRequest("one authority is needed")
    if not _HOST.fullmatch(authority.decode("latin-1")):
        raise BadRequest("the authority is host or host:port")
    path = fields[b":path"]
    if not _ORIGIN.fullmatch(path) and not (path == b"*" and fields[b":method"] == b"OPTIONS"):
        raise BadRequest("the request target is malformed")


def field_lines(headers: Collection[tuple[bytes, bytes]]) -> bytes:
    """*headers* as HTTP/1.1 writes them, each with its line end.  Raises ValueError as ``check_outgoing``.

    All are looked at in one match, an eighth of the time that one after the other take; as a line more than there are
    fields can only come from within one of them, lines are counted; a name with a colon in it would be two things.
    """
    lines = b"\r\n".join([*map(b": ".join, headers), b""])
    if not _LINES.fullmatch(lines) or lines.count(b"\r\n") != len(headers) or b":" in b"".join(dict(headers)):
        check_outgoing(headers)
    return lines


def check_outgoing(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise ValueError for a field that must not be written: no CR, LF, NUL or other control leaves this process.

    For both directions: a response's fields, and what is forwarded to an upstream (CVE-2025-57804).
    """
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the field {name!r} can't be written")
