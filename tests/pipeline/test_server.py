"""The gateway's front: which path is whose, what a body may be, and what needs no key."""

import gzip
import json
import re
import time
from typing import Any

import pytest

from pipeline.dialect import Route
from pipeline.heartbeat import Heart
from pipeline.line import Line
from pipeline.routes import Routes, matches
from pipeline.server import Gateway
from stages.reencode import Reencode
from tests.doubles import Bytes, Recorder, Words, words
from transports.drain import Drain
from transports.messages import BadRequest, BodyTooLarge, Request


class Marked(Words):
    """A dialect whose callers can be told by a field."""

    NAME = "marked"
    MARK = "x-marked"
    ROUTES = (
        Route("POST", "/v1/marked", "reply"),
        Route("GET", "/v1/things/{id}", "model"),
        Route("GET", "/v1/things", "models"),
    )


class Plain(Words):
    """A dialect without a mark."""

    NAME = "plain"
    ROUTES = (
        Route("POST", "/v1/words", "reply"),
        Route("GET", "/v1/things", "models"),
        Route("*", "/v1/files/{rest...}", "relay"),
    )


def gateway(seen: list[Any] | None = None) -> Gateway:
    async def source(exchange: Any, out: Any) -> None:
        if seen is not None:
            seen.append(exchange)
        await out.send(words(exchange.dialect.NAME, " ", exchange.operation))

    dialects: Any = {"marked": Marked(), "plain": Plain()}
    return Gateway(line=Line((), source, Reencode), upstreams=[], dialects=dialects, heart=Heart(10), drain=Drain())


async def ask(
    method: str, target: str, body: bytes = b'{"model":"m"}', at: Gateway | None = None, **fields: str
) -> Recorder:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    recorder = Recorder()
    await (at or gateway()).handle(Request(method, target, headers, Bytes(body)), recorder)
    assert recorder.finished
    return recorder


@pytest.mark.parametrize("path", ["/", "/health", "/health/liveness", "/health/readiness", "/version"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_probes_need_no_key_and_tell_nothing_of_the_configuration(path: str, method: str) -> None:
    """Status, version, uptime: no name of an upstream, no model."""
    got = await ask(method, path)
    assert got.head.status == 200  # type: ignore[union-attr]  # it was finished
    assert set(json.loads(got.body)) <= {"status", "version", "uptime", "service"}


async def test_readiness_goes_red_when_draining() -> None:
    """And liveness does not."""
    at = gateway()
    at.drain.begin(30)
    assert (await ask("GET", "/health/readiness", at=at)).head.status == 503  # type: ignore[union-attr]  # finished
    assert (await ask("GET", "/health/liveness", at=at)).head.status == 200  # type: ignore[union-attr]  # finished


@pytest.mark.parametrize(
    ("method", "target", "fields", "answer"),
    [
        ("POST", "/v1/words", {}, b"plain reply."),
        ("POST", "/v1/words?beta=true", {}, b"plain reply."),
        ("POST", "/v1/marked", {}, b"marked reply."),
        ("GET", "/v1/things", {}, b"plain models."),
        ("GET", "/v1/things", {"x_marked": "1"}, b"marked models."),
        ("GET", "/v1/things/a", {}, b"marked model."),
        ("DELETE", "/v1/files/a/b", {}, b"plain relay."),
        ("GET", "/v1/files", {}, b"plain relay."),
    ],
)
async def test_the_path_says_the_dialect_and_a_mark_decides_where_it_is_shared(
    method: str, target: str, fields: Any, answer: bytes
) -> None:
    """The query never takes part."""
    assert (await ask(method, target, **fields)).body == answer


@pytest.mark.parametrize(
    ("method", "target", "fields", "status", "body"),
    [
        ("GET", "/nothing", {}, 404, b"NotFound: there is nothing at /nothing"),
        ("GET", "/v1/things/a/b", {}, 404, b"NotFound"),
        ("GET", "/v1/words", {}, 405, b"MethodNotAllowed"),
        ("POST", "/", {}, 404, b"NotFound"),
        ("GET", "/v1/responses", {"upgrade": "websocket"}, 426, b"UpgradeRequired"),
        ("POST", "/v1/words", {"content_encoding": "lzma"}, 415, b"UnreadCoding"),
    ],
)
async def test_what_is_not_there_is_said_in_a_dialect(
    method: str, target: str, fields: Any, status: int, body: bytes
) -> None:
    """With the right status."""
    got = await ask(method, target, **fields)
    assert got.head.status == status  # type: ignore[union-attr]  # it was finished
    assert got.body.startswith(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", b"not a JSON object"),
        (b"[]", b"not a JSON object"),
        (b"{", b"not valid JSON"),
        (b"{}", b"model: "),
        (b'{"model":"m","stream":1}', b"stream: "),
        (b'{"model":"m","model":"n"}', b"given twice"),
        (b'{"model":"m","x":' + b"[" * 100_000, b"nested too deeply"),
    ],
)
async def test_a_bad_body_is_the_callers_mistake(body: bytes, says: bytes) -> None:
    """400, a clear word, in the caller's dialect."""
    got = await ask("POST", "/v1/words", body)
    assert got.head.status == 400  # type: ignore[union-attr]  # it was finished
    assert got.body.startswith(b"InvalidRequest")
    assert says in got.body


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BodyTooLarge(5), 413),
        (BadRequest("broken chunk"), 400),
        (BadRequest("too slow", status=408), 408),
        (BadRequest("trailers", status=431), 431),
    ],
)
async def test_what_the_transport_refuses_is_said_in_the_dialect(error: Exception, status: int) -> None:
    """Each with its own status: what may be sent again, and what may not."""

    class Broken:
        async def receive(self) -> bytes:
            raise error

    recorder = Recorder()
    await gateway().handle(Request("POST", "/v1/words", [], Broken()), recorder)
    assert recorder.head.status == status  # type: ignore[union-attr]  # it was finished


async def test_head_is_answered_wherever_get_is() -> None:
    """RFC 9110 §9.3.2: monitors and proxies ask so."""
    got = await ask("HEAD", "/v1/things", x_marked="1")
    assert (got.head.status, got.body) == (200, b"marked models.")  # type: ignore[union-attr]  # it was finished


@pytest.mark.parametrize(
    ("method", "path", "allow"), [("PUT", "/v1/things", b"GET, HEAD"), ("GET", "/v1/words", b"POST")]
)
def test_a_refusal_says_which_methods_a_path_is_for(method: str, path: str, allow: bytes) -> None:
    """RFC 9110 §15.5.6: with every 405."""
    dialects: Any = {"marked": Marked(), "plain": Plain()}
    error = Routes(dialects).refusal(Request(method, path, [], Bytes(b"")))
    assert (error.status, error.headers) == (405, [(b"allow", allow)])


async def test_compressed_bodies_are_read_and_bombs_are_not() -> None:
    """Within a bound of what they become."""
    assert (await ask("POST", "/v1/words", gzip.compress(b'{"model":"m"}'), content_encoding="gzip")).body[
        :5
    ] == b"plain"
    bomb = gzip.compress(b'{"model":"' + b"x" * 80_000_000 + b'"}')
    got = await ask("POST", "/v1/words", bomb, content_encoding="gzip")
    assert got.head.status == 413  # type: ignore[union-attr]  # it was finished


async def test_the_exchange_knows_what_was_asked() -> None:
    """Model, stream, operation and the client's bytes."""
    seen: list[Any] = []
    await ask("POST", "/v1/words", b'{"model":"m", "stream":true}', at=gateway(seen))
    (x,) = seen
    assert (x.asked, x.streaming, x.operation) == ("m", True, "reply")
    assert x.prompt.encode() == b'{"model":"m", "stream":true}'


async def test_ids_of_requests_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no two are alike, also of one moment: a table of them grows where the last one stands."""
    seen: list[Any] = []
    for moment in (1_000_000_000_000, 1_700_000_000_123, 1_700_000_000_123, 1_700_000_000_124):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        await ask("POST", "/v1/words", at=gateway(seen))
    ids = [exchange.id for exchange in seen]
    assert all(re.fullmatch(r"req_[0-9a-f]{24}", each) for each in ids)
    assert len(set(ids)) == 4
    assert [ids[0], *sorted(ids[1:3]), ids[3]] == sorted(ids)


def test_patterns() -> None:
    """One segment, or the rest."""
    assert matches("/a/{id}", "/a/b")
    assert not matches("/a/{id}", "/a/b/c")
    assert not matches("/a/{id}", "/a/")
    assert matches("/a/{rest...}", "/a/b/c")
    assert matches("/a/{rest...}", "/a")
    assert not matches("/a", "/a/b")
