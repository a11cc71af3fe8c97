"""The API: a request below /admin/api → the call it means → its answer.

    path, method ─▶ route ─▶ gate: who, may they ─▶ query and body, checked ─▶ call ─▶ JSON

Every answer is one that the document declares; what is wrong with a request is told with its place.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import trio

from pipeline.admin.desk import Ask, Desk
from pipeline.admin.refusal import SESSION, Field, Refused, absent
from pipeline.admin.route import Download, Route, found
from pipeline.admin.text import MEANT
from pipeline.errors import GatewayError, StoreUnavailable
from pipeline.server import write
from transports.messages import BadRequest, BodyTooLarge, Head, Headers, Request, Response

BELOW = "/admin/api"
MOST = 1024 * 1024  # bytes of a body
PATIENCE = 30.0  # seconds that a body may take

_PLACE = re.compile(r"^(?P<why>.*?) - at (?:`key` in )?`\$(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")
_ENCODER = msgspec.json.Encoder()

# What any answer says: it is nobody else's, and it is nothing but what it is called.
GUARDED: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


class Api:
    """Answers what is asked of *routes*."""

    def __init__(self, desk: Desk, routes: Sequence[Route]) -> None:
        self.desk, self.routes = desk, routes

    async def answer(self, request: Request, response: Response) -> None:
        """Answer *request*, whatever it is."""
        try:
            route, names = self._route(request)
            ask = await self._admitted(request, route)
            given = await self._given(request, route)
            answer = await route.call(ask, **names, **given)
        except Refused as refused:
            await self._send(response, refused.status, _ENCODER.encode(refused.body), refused.fields)
        except GatewayError as error:
            await self._send(response, *told(error))
        else:
            if isinstance(answer, Download):
                await download(response, answer)
            else:
                body = b"" if route.status == 204 else _ENCODER.encode(answer)
                await self._send(response, route.status, body, ask.fields)

    def _route(self, request: Request) -> tuple[Route, dict[str, str]]:
        """What *request* means.  Raises Refused: 404, 405."""
        method = "GET" if request.method == "HEAD" else request.method
        fitting = found(self.routes, request.path.removeprefix(BELOW))
        for route, names in fitting:
            if route.method == method:
                return route, names
        if not fitting:
            raise absent("operation")
        allowed = ", ".join(dict.fromkeys(route.method for route, _ in fitting))
        text = f"{request.method} is not what this is for; {allowed} is"
        raise Refused(405, "method_not_allowed", text, fields=[(b"allow", allowed.encode())])

    async def _admitted(self, request: Request, route: Route) -> Ask:
        """The request, and who asks.  Raises Refused: 401, 403, 429."""
        gate = self.desk.gate
        gate.near(request)
        gate.ours(request)
        who = await gate.who(request)
        if who is not None:
            gate.may_change(request, who)
        elif not route.open:
            raise Refused(401, "no_session", "log in first", fields=[(b"www-authenticate", challenge(request))])
        return Ask(desk=self.desk, request=request, who=who)

    async def _given(self, request: Request, route: Route) -> dict[str, Any]:
        """Query and body, as the call takes them.  Raises Refused: 413, 415, 422."""
        given: dict[str, Any] = {}
        if (kind := route.hints.get("query")) is not None:
            pairs = dict(parse_qsl(request.query, keep_blank_values=True))
            try:
                given["query"] = msgspec.convert(pairs, kind, strict=False)
            except msgspec.ValidationError as error:
                raise invalid(error) from None
        if (kind := route.hints.get("body")) is not None:
            given["body"] = decoded(await body_of(request), kind)
        return given

    async def _send(self, response: Response, status: int, body: bytes, fields: Headers) -> None:
        kind = [(b"content-type", b"application/json")] if body else []
        await write(response, Head(status, [*GUARDED, *kind, *fields]), body)


# -- what is sent -----------------------------------------------------------------------------------------------------


async def body_of(request: Request) -> bytes:
    """The whole body of *request*, JSON.  Raises Refused."""
    media = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if media != "application/json" or request.header(b"content-encoding"):
        raise Refused(415, "media_type", "expected content-type: application/json, and no content-encoding")
    body = bytearray()
    with trio.move_on_after(PATIENCE):
        try:
            while data := await request.body.receive():
                body += data
                if len(body) > MOST:
                    raise Refused(413, "too_large", f"the body is larger than {MOST} bytes")
        except BodyTooLarge:
            raise Refused(413, "too_large", f"the body is larger than {MOST} bytes") from None
        return bytes(body)
    raise BadRequest("the body came too slowly", status=408)


def decoded(body: bytes, kind: Any) -> Any:
    """*body* as a *kind*.  Raises Refused, with the place of what is wrong."""
    try:
        return msgspec.convert(whole(msgspec.json.decode(body)), kind)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else "it is no JSON"
        raise Refused(422, "no_json", f"the body can't be read: {why}") from None


def whole(value: Any) -> Any:
    """*value* with 1.0 as 1: JSON knows no difference (JSON Schema §6.1.1), and our types do."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [whole(item) for item in value]
        case dict():
            return {name: whole(item) for name, item in value.items()}
    return value


def invalid(error: msgspec.ValidationError) -> Refused:
    """What *error* says, with the place it says it of."""
    text, path = str(error), ""
    if placed := _PLACE.match(text):
        text, path = placed["why"], placed["path"].lstrip(".")
    if unknown := _UNKNOWN.search(text):
        path = ".".join(filter(None, (path, unknown["name"])))
    for pattern, meant in MEANT.items():
        text = text.replace(f"`str` matching regex {pattern!r}", meant)
    text = text.replace("`", "").replace("Object", "the object", 1)
    wrong = Field(path, text)
    return Refused(422, "invalid", f"{path}: {text}" if path else text, wrong=[wrong])


# -- what comes back --------------------------------------------------------------------------------------------------


def told(error: GatewayError) -> tuple[int, bytes, Headers]:
    """A failure of the gateway's as an answer."""
    fields = [(b"retry-after", b"5")] if isinstance(error, StoreUnavailable) else []
    refused = Refused(error.status, "unavailable", str(error), fields=fields)
    return refused.status, _ENCODER.encode(refused.body), fields


def challenge(request: Request) -> bytes:
    """How to log in (RFC 9110 §11.6.1); a browser that is offered Basic would ask with a window of its own."""
    page = any(name.startswith(b"sec-fetch-") for name, _ in request.headers)
    return SESSION if page else b'Basic realm="admin", charset="UTF-8"'


async def download(response: Response, answer: Download) -> None:
    """Send a file, as it is made."""
    kind = [(b"content-type", answer.media.encode())]
    name = f'attachment; filename="{answer.name}"'.encode()
    await response.start(Head(200, [*GUARDED, *kind, (b"content-disposition", name)]))
    await answer.write(response.write)
    await response.finish()
