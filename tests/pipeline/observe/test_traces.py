"""Spans: of requests and of tries, in the client's trace, and on to the upstream; sent by a thread beside trio."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from structlog.testing import capture_logs

from pipeline.observe.settings import Traces as Settings
from pipeline.observe.traces import Traces, tracing
from tests.pipeline.admin.office import Office
from tests.pipeline.observe.conftest import Watched
from tests.pipeline.observe.test_archive import asked, captures, on

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FIELDS = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}


def traced(at: Office) -> InMemorySpanExporter:
    """What is told of requests to *at* from now on."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    at.gateway.observer.traces = Traces(provider)
    return exporter


def by_kind(exporter: InMemorySpanExporter) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """The request's span, and those of its tries."""
    spans = exporter.get_finished_spans()
    (server,) = [span for span in spans if span.kind is SpanKind.SERVER]
    return server, [span for span in spans if span.kind is SpanKind.CLIENT]


def parent(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_a_clients_trace_goes_on_to_the_upstream(
    watched: Watched, tmp_path: Path, path: str, stream: bool
) -> None:
    """The request is in it, the try in the request, and the upstream is told of the try; also in another dialect."""
    async with watched(on(tmp_path / "c")) as at:
        exporter = traced(at)
        assert (await at.send("POST", path, asked(stream=stream), **FIELDS)).status == 200
        (kept,) = await captures(tmp_path / "c", 1)
    server, (attempt,) = by_kind(exporter)
    assert (f"{server.context.trace_id:032x}", parent(server)) == (TRACE, int(PARENT, 16))
    assert parent(attempt) == server.context.span_id
    told = [pair for pair in kept.turns[0].sent.headers if pair[0].startswith("trace")]
    assert sorted(told) == [
        ("traceparent", f"00-{TRACE}-{attempt.context.span_id:016x}-01"), ("tracestate", "vendor=1")]  # fmt: skip


async def test_spans_have_the_names_of_the_conventions(watched: Watched) -> None:
    """Model, provider, tokens, first event, how it ended; nothing that was said."""
    async with watched("") as at:
        exporter = traced(at)
        await at.send("POST", "/v1/messages", asked("open, sesame", stream=True), session_id="s1")
    server, (attempt,) = by_kind(exporter)
    told = facts(attempt)
    assert (attempt.name, told["gen_ai.operation.name"]) == ("chat claude-simulated", "chat")
    assert (told["gen_ai.provider.name"], told["gen_ai.request.model"]) == ("up", "claude-simulated")
    assert (told["gen_ai.request.stream"], told["gen_ai.response.finish_reasons"]) == (True, ("end_turn",))
    assert told["gen_ai.usage.output_tokens"] > 0
    assert told["gen_ai.response.time_to_first_chunk"] > 0
    assert facts(server)["gen_ai.conversation.id"] == "s1"
    assert facts(server)["http.response.status_code"] == 200
    assert server.start_time is not None
    assert attempt.end_time is not None
    assert server.start_time <= (attempt.start_time or 0) < attempt.end_time <= (server.end_time or 0)
    assert "sesame" not in repr([facts(span) for span in (server, attempt)])


async def test_without_a_trace_of_the_client_one_begins(watched: Watched, tmp_path: Path) -> None:
    """What is no trace is taken for none."""
    async with watched(on(tmp_path / "c")) as at:
        exporter = traced(at)
        await at.send("POST", "/v1/messages", asked(), traceparent="00-zz-1-01")
        (kept,) = await captures(tmp_path / "c", 1)
    server, (attempt,) = by_kind(exporter)
    assert server.parent is None
    told = dict(kept.turns[0].sent.headers)
    assert told["traceparent"].startswith(f"00-{server.context.trace_id:032x}-{attempt.context.span_id:016x}-0")
    assert "tracestate" not in told


async def test_what_failed_is_marked(watched: Watched) -> None:
    """By the kind of its error; not by its words, which may quote a prompt."""
    async with watched("") as at:
        exporter = traced(at)
        assert (await at.send("POST", "/v1/messages", asked('[[fault 400 message="no sesame"]]'))).status == 400
    server, (attempt,) = by_kind(exporter)
    assert (server.status.is_ok, attempt.status.is_ok) == (False, False)
    assert facts(server)["error.type"] == facts(attempt)["error.type"] == "UpstreamRefused"
    assert "sesame" not in server.to_json() + attempt.to_json()


async def test_untraced_requests_pass_on_what_came(watched: Watched, tmp_path: Path) -> None:
    """Where no traces are configured, the client's own context is the upstream's."""
    async with watched(on(tmp_path / "c")) as at:
        assert at.gateway.observer.traces is None
        await at.send("POST", "/v1/messages", asked(), **FIELDS)
        (kept,) = await captures(tmp_path / "c", 1)
    assert dict(kept.turns[0].sent.headers).items() >= FIELDS.items()


class Collector(ThreadingHTTPServer):
    """Takes what is sent, and remembers it."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.seen, self.headers = status, list[Any](), list[Any]()
        super().__init__(("127.0.0.1", 0), Taking)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/traces"


class Taking(BaseHTTPRequestHandler):
    """One request to the collector."""

    server: Collector

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen += [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]
        self.server.headers.append(dict(self.headers))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_a_collector_gets_all_of_it(watched: Watched, collector: Collector) -> None:
    """Over OTLP, from a thread, before the gateway is gone; requests side by side keep their own spans."""
    more = f'[traces]\nendpoint = "{collector.url}"\nheaders = {{ x-team = "tools" }}\n'
    async with watched(more) as at, trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(at.send, "POST", "/v1/messages", asked(f"[[say {number}]]", stream=bool(number % 2)))
    assert len(collector.seen) == 40
    parents = {span.span_id: span for span in collector.seen if not span.parent_span_id}
    tries = [span for span in collector.seen if span.parent_span_id]
    assert len(parents) == len(tries) == 20
    assert {span.parent_span_id for span in tries} == parents.keys()
    assert all(span.trace_id == parents[span.parent_span_id].trace_id for span in tries)
    assert collector.headers[0]["x-team"] == "tools"


async def test_a_collector_that_is_gone_holds_up_nobody() -> None:
    """What it does not take is dropped, and told in our own log."""
    with socket_that_refuses() as url, capture_logs() as lines:
        with trio.fail_after(15):
            async with tracing(Settings(endpoint=url)) as traces:
                traces._tracer.start_span("one").end()
    assert {line["event"] for line in lines} <= {"traces"}


@contextmanager
def socket_that_refuses() -> Iterator[str]:
    """The URL of a port that is taken, and at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1/traces"
