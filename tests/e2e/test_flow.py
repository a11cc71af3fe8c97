"""What flows through the gateway: bytes as they were, silence filled, streams held back, and nothing left behind."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.e2e.house import Wire, house

PATHS = {"anthropic": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
BEARER = {"authorization": "Bearer mine"}
MARKS = {"anthropic": {"anthropic_version": "2023-06-01", "x_api_key": "mine"}, "chat": BEARER, "responses": BEARER}
ENDS = {"anthropic": b"event: message_stop", "chat": b"[DONE]", "responses": b"event: response.completed"}
BOTH = pytest.mark.parametrize("dialect", list(PATHS))
PAIRS = pytest.mark.parametrize(("asks", "dialect"), [(a, d) for a in PATHS for d in PATHS])


SCRIPTS = [
    "[[say Hällo]] [[tokens 50]]",
    "[[think hm]] [[say a]]",
    "[[say a]] [[ping]] [[say b]]",
    "[[crlf]] [[say a]]",
    '[[call f {"a":1}]]',
]


def body(text: str, asks: str = "anthropic", *, stream: bool = True, **more: Any) -> bytes:
    """A request of the dialect *asks*, spelled as nobody's encoder would."""
    asked: dict[str, Any] = {"model": "claude-opus-4-5"}
    if asks == "responses":
        asked |= {"input": text}
    else:
        asked |= {"max_tokens": 4000, "messages": [{"role": "user", "content": text}]}
    return json.dumps({**asked, "stream": stream, **more}, indent=1).encode()


def tool(asks: str) -> dict[str, Any]:
    """A tool f, as *asks* has it."""
    schema = {"type": "object"}
    match asks:
        case "anthropic":
            return {"name": "f", "input_schema": schema}
        case "chat":
            return {"type": "function", "function": {"name": "f", "parameters": schema}}
    return {"type": "function", "name": "f", "parameters": schema, "strict": False}


@BOTH
async def test_pass_through_gives_the_upstream_the_clients_bytes_and_fields(tmp_path: Path, dialect: str) -> None:
    """Unknown fields, spacing and numbers as written; every field but those of this hop and the credential."""
    sent = body("[[say hi]]", dialect, stream=False, temperature=1.0)
    fields = {
        "x_new_thing": "1",
        "cookie": "c=1",
        "x_forwarded_for": "10.0.0.1",
        "accept_encoding": "gzip",
        "te": "trailers",
    }
    async with house(tmp_path, dialect) as h, Wire(h.port) as wire:
        await wire.post(PATHS[dialect] + "?beta=true", sent, **fields, **MARKS[dialect])
        assert (await wire.answer()).status == 200
        (seen,) = h.model.seen
        got = {name.decode(): value.decode() for name, value in seen.headers}
        assert seen.body == sent
        assert seen.target == PATHS[dialect] + "?beta=true"
        assert got["x-new-thing"] == "1"
        assert got["accept-encoding"] == "identity"
        assert not {"cookie", "x-forwarded-for", "te"} & set(got)
        assert "mine" not in str(got)
        assert "upstream-key" in str(got)


@BOTH
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("stream", [True, False])
async def test_pass_through_gives_the_client_the_upstreams_bytes(
    tmp_path: Path, dialect: str, script: str, stream: bool
) -> None:
    """Frames and bodies to the byte: asked directly and through the gateway, a model with fixed dice says the same."""
    more = {"stream_options": {"include_usage": True}} if stream and dialect == "chat" else {}
    sent = body(script, dialect, stream=stream, tools=[tool(dialect)], **more)
    answers = []
    for direct in (True, False):
        async with house(tmp_path, dialect, more="[forward]\nretries = 0") as h:  # the first refusal, not the second
            port = h.running.upstreams[0].origin.port if direct else h.port
            async with Wire(port) as wire:
                await wire.post(PATHS[dialect], sent, **MARKS[dialect])
                answers.append(await wire.answer())
    straight, through = answers
    assert through.status == straight.status == 200
    assert without_clock(through.body) == without_clock(straight.body)


def without_clock(data: bytes) -> bytes:
    """*data* without the second it was made in."""
    return re.sub(rb'"(created|created_at|completed_at)": *[0-9.]+', b"", data)


@BOTH
@pytest.mark.parametrize("script", ["[[fault 529]]", "[[fault 429 retry-after=7]]", "[[fault overflow]]"])
async def test_a_refusal_passes_to_the_byte(tmp_path: Path, dialect: str, script: str) -> None:
    """Status, body and the fields that clients act on: they match the wording."""
    answers = []
    for direct in (True, False):
        async with house(tmp_path, dialect, more="[forward]\nretries = 0") as h:  # the first refusal, not the second
            port = h.running.upstreams[0].origin.port if direct else h.port
            async with Wire(port) as wire:
                await wire.post(PATHS[dialect], body(script, dialect), **MARKS[dialect])
                answers.append(await wire.answer())
    straight, through = answers
    assert (through.status, through.body) == (straight.status, straight.body)
    assert through.headers["content-type"] == straight.headers["content-type"]
    assert through.headers.get("retry-after") == straight.headers.get("retry-after")


@PAIRS
async def test_silence_is_filled_with_pings_in_the_clients_protocol(tmp_path: Path, asks: str, dialect: str) -> None:
    """A comment before the first event, the protocol's own ping after it; never inside a frame or after the end."""
    async with house(tmp_path, dialect, server="ping = 0.2") as h, Wire(h.port) as wire:
        await wire.post(PATHS[asks], body("[[late 0.7]] [[say a]] [[wait 0.7]] [[say b]]", asks), **MARKS[asks])
        said = (await wire.answer()).body.decode()
    frames = said.split("\n\n")
    assert frames[0].startswith(":")
    later = frames[next(n for n, frame in enumerate(frames) if "a" in frame and "data:" in frame) :]
    assert len([frame for frame in later if alive(frame)]) >= 2
    assert not any(frame.startswith("event:") and "data:" not in frame for frame in frames)
    assert not alive(frames[-2])


def alive(frame: str) -> bool:
    """Whether *frame* only shows that there is more to come."""
    return frame.startswith(("event: ping", ":", "event: response.in_progress")) or '"delta":""' in frame


@PAIRS
async def test_an_error_after_a_ping_is_told_in_the_stream(tmp_path: Path, asks: str, dialect: str) -> None:
    """The ping has committed the status 200; the error keeps its own type and message."""
    async with house(tmp_path, dialect, server="ping = 0.2") as h, Wire(h.port) as wire:
        await wire.post(PATHS[asks], body("[[late 0.5]] [[fault 529 message=busy-now]]", asks), **MARKS[asks])
        answer = await wire.answer()
    assert (answer.status, answer.whole) == (200, True)
    assert b"busy-now" in answer.body
    assert (b"overloaded_error" if asks == "anthropic" else b'"error"') in answer.body
    assert ENDS[asks] not in answer.body


@PAIRS
@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_closes_its_upstream_within_a_second(
    tmp_path: Path, asks: str, dialect: str, stream: bool
) -> None:
    """And is metered: the request had reached an upstream."""
    async with house(tmp_path, dialect) as h:
        async with Wire(h.port) as wire:
            await wire.post(PATHS[asks], body("[[say begun]] [[wait 60]]", asks, stream=stream), **MARKS[asks])
            if stream:
                await wire.until(b"begun")
            else:
                await h.asked()
        with trio.fail_after(1):
            await h.model.seen[0].over.wait()
        assert h.model.seen[0].ended == "left"
        (record,) = await h.records()
        assert record["error"] == "ClientGone"
        assert record["estimated"] is True


@PAIRS
@pytest.mark.parametrize("script", ["[[say begun]] [[cut]]", "[[say begun]] [[eof]]"])
async def test_a_stream_that_breaks_off_is_an_error_and_no_success(
    tmp_path: Path, asks: str, dialect: str, script: str
) -> None:
    """The protocol's error form ends it; no terminal event is invented."""
    async with house(tmp_path, dialect) as h, Wire(h.port) as wire:
        await wire.post(PATHS[asks], body(script, asks), **MARKS[asks])
        answer = await wire.answer()
        assert b"begun" in answer.body
        assert b'"error"' in answer.body
        assert ENDS[asks] not in answer.body
        (record,) = await h.records()
        assert record["error"] == "UpstreamTruncated"


@PAIRS
async def test_the_books_agree_with_the_upstreams_counts(tmp_path: Path, asks: str, dialect: str) -> None:
    """Exact token classes, the mapped model, streamed or whole; asked for or not."""
    usage = "[[say x]] [[usage input=100 cache_read=40 output=7]]"
    aliases = '[model_map]\naliases = { "claude-opus-4-5" = "claude-sonnet-4-5" }'
    async with house(tmp_path, dialect, more=aliases) as h, Wire(h.port) as wire:
        for stream in (True, False):
            await wire.post(PATHS[asks], body(usage, asks, stream=stream), **MARKS[asks])
            answer = await wire.answer()
            assert answer.status == 200
            if asks == "chat" and stream:
                assert b'"choices":[]' not in answer.body.replace(b" ", b"")
        records = await h.records(2)
    for record in records:
        assert (record["model"], record["asked"]) == ("claude-sonnet-4-5", "claude-opus-4-5")
        assert {name: record["usage"][name] for name in ("cache_read", "output", "reasoning")} == {
            "cache_read": 40,
            "output": 7,
            "reasoning": 0,
        }
        assert (record["estimated"], record["caller"], record["error"]) == (False, "local", None)
    assert records[0]["usage"] == records[1]["usage"]


async def test_a_bad_request_never_reaches_the_upstream(tmp_path: Path) -> None:
    """Told in the caller's protocol, with its status."""
    async with house(tmp_path) as h, Wire(h.port) as wire:
        for sent, status in ((b"{", 400), (b"{}", 400), (b'{"model":"m","x":' + b"[" * 100_000, 400)):
            await wire.post("/v1/messages", sent, **MARKS["anthropic"])
            answer = await wire.answer()
            assert answer.status == status
            assert json.loads(answer.body)["error"]["type"] == "invalid_request_error"
        assert not h.model.seen
        assert not h.ledger.exists() or not h.ledger.read_bytes()


async def test_other_paths_are_refused_in_the_callers_protocol(tmp_path: Path) -> None:
    """404 in either shape; an upgrade is answered 426, so that clients fall back at once."""
    async with house(tmp_path) as h:
        async with Wire(h.port) as wire:
            await wire.post("/v1/nothing", b"{}", **MARKS["anthropic"])
            assert json.loads((await wire.answer()).body)["type"] == "error"
            await wire.post("/v1/nothing", b"{}", **MARKS["chat"])
            assert json.loads((await wire.answer()).body)["error"]["message"]
        async with Wire(h.port) as wire:
            head = b"GET /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
            await wire.stream.send_all(head)
            assert (await wire.answer()).status == 426


async def test_batches_and_files_are_relayed_as_they_are(tmp_path: Path) -> None:
    """To an upstream of the same dialect, and into the books."""
    async with house(tmp_path) as h, Wire(h.port) as wire:
        sent = b'{ "requests": [{"custom_id":"a","params":{"model":"claude-opus-4-5","max_tokens":1,"messages":[]}}] }'
        await wire.post("/v1/messages/batches", sent, content_type="application/json", **MARKS["anthropic"])
        answer = await wire.answer()
        assert answer.status == 200
        assert h.model.seen[0].body == sent
        (record,) = await h.records()
        assert record["operation"] == "relay"


async def test_a_drain_lets_streams_finish(tmp_path: Path) -> None:
    """Listeners close, the stream goes on to its end, and serve returns."""
    async with house(tmp_path) as h, Wire(h.port) as wire:
        await wire.post("/v1/messages", body("[[say a]] [[wait 0.5]] [[say the end]]"), **MARKS["anthropic"])
        await wire.until(b'"a"')
        h.running.drain.begin(5)
        await trio.sleep(0.05)
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream("127.0.0.1", h.port)
        await wire.until(b"message_stop")
