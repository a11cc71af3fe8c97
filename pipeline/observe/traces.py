"""Traces: each request as spans of OpenTelemetry, with the names of its GenAI semantic conventions.

    client's traceparent ─▶ server span, the request ─┬▶ client span, a try at an upstream ─▶ traceparent to it
                                                      └▶ client span, the next try

Spans are made in the request's own task and given to a thread of the SDK's, which sends them in batches (OTLP over
HTTP): no request waits for the collector, and what it can't take is dropped.  A client that began no trace begins one
here.  No word of a prompt or a reply is in a span.  This file needs the extra otel, and is imported where traces are
configured only.  The conventions are still in development, so their names stand here (opentelemetry-semantic-
conventions 0.66b2, gen_ai attributes).
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import structlog
import trio
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from pipeline import __version__
from pipeline.exchange import Attempt, Exchange
from pipeline.live import BOOKED, CONTEXT, WORK
from pipeline.naming import load
from pipeline.observe.settings import Traces as Settings
from pipeline.store.record import clean
from pipeline.upstream import Upstream

CLOSE = 2.0  # seconds that sending what waits may take at the end

_W3C = TraceContextTextMapPropagator()
Facts = dict[str, AttributeValue | None]

log = structlog.get_logger("pipeline")


class Traces:
    """Makes spans with *provider*'s help; ``begin`` is told of each exchange, and gives what follows it."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("pipeline", __version__)
        self._name: Callable[[Upstream], str] = load("stages.provider_names:provider_name")

    def begin(self, exchange: Exchange) -> "Followed":
        """The span of *exchange*, which has begun."""
        carrier = {name: exchange.request.header(name.encode()) or "" for name in _W3C.fields}
        span = self._tracer.start_span(
            f"{exchange.operation} {exchange.dialect.NAME}",
            _W3C.extract({name: value for name, value in carrier.items() if value}),
            SpanKind.SERVER,
            start_time=round(exchange.arrived * 1e9),
        )
        followed = Followed(exchange, span, self._try)
        exchange.before_attempt.append(followed.tried)
        return followed

    def _try(self, exchange: Exchange, attempt: Attempt, context: Context, start: int) -> Span:
        what = "chat" if exchange.operation == "reply" else exchange.operation
        name = f"{what} {clean(attempt.model)}".rstrip()
        span = self._tracer.start_span(name, context, SpanKind.CLIENT, start_time=start)
        if (upstream := exchange.upstream) is not None and span.is_recording():
            facts: Facts = {
                "gen_ai.operation.name": what,
                "gen_ai.provider.name": self._name(upstream),
                "gen_ai.request.model": clean(attempt.model),
                "gen_ai.request.stream": exchange.streaming,
                "server.address": upstream.origin.host,
                "server.port": upstream.origin.port,
                "pipeline.upstream": upstream.name,
            }
            put(span, facts)
        return span


@attrs.define(eq=False)
class Followed:
    """An exchange and its spans."""

    exchange: Exchange
    span: Span
    _begin: Callable[[Exchange, Attempt, Context, int], Span]
    _tries: dict[int, Span] = attrs.field(factory=dict)  # by the identity of the attempt

    async def tried(self, attempt: Attempt) -> None:
        """*attempt* is about to be made; its upstream is told of its span."""
        context = set_span_in_context(self.span)
        span = self._tries[id(attempt)] = self._begin(self.exchange, attempt, context, self._at(attempt.began))
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, set_span_in_context(span))
        self.exchange.note(CONTEXT, [(name.encode(), value.encode("latin-1")) for name, value in carrier.items()])

    def over(self) -> None:
        """It is over, with all its tries; one that was refused before it was sent was none."""
        for attempt in self.exchange.attempts:
            if (span := self._tries.get(id(attempt))) is not None:
                self._end_try(span, attempt)
        if self.span.is_recording():
            self._tell()
        self.span.end()

    def _end_try(self, span: Span, attempt: Attempt) -> None:
        usage, first = attempt.usage, attempt.first
        facts: Facts = {"http.response.status_code": attempt.status}
        if usage is not None:
            facts |= {
                "gen_ai.usage.input_tokens": usage.prompt,
                "gen_ai.usage.output_tokens": usage.produced,
                "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
                "gen_ai.usage.cache_creation.input_tokens": (usage.cache_write_5m or 0) + (usage.cache_write_1h or 0),
                "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
            }
        facts["gen_ai.response.time_to_first_chunk"] = None if first is None else first - attempt.began
        if attempt is self.exchange.committed and (records := self.exchange.noted(BOOKED)) and records[0].stop:
            facts["gen_ai.response.finish_reasons"] = [records[0].stop]
        put(span, facts)
        fail(span, attempt.error)
        span.end(self._at(attempt.ended) if attempt.ended is not None else None)

    def _tell(self) -> None:
        exchange = self.exchange
        records = exchange.noted(BOOKED) or []
        facts: Facts = {
            "http.request.method": exchange.request.method,
            "url.path": clean(exchange.request.path),
            "http.response.status_code": exchange.head.status if exchange.head else None,
            "gen_ai.conversation.id": exchange.noted(WORK) or None,
            "gen_ai.request.model": clean(exchange.asked) or None,
            "pipeline.request": exchange.id,
            "pipeline.caller": exchange.caller.name if exchange.caller else None,
            "pipeline.cost": sum(record.cost for record in records) / 1e6 if records else None,
        }
        put(self.span, facts)
        fail(self.span, exchange.error)

    def _at(self, moment: float) -> int:
        """*moment*, by trio's clock, in ns since 1970."""
        return round((self.exchange.arrived + moment - self.exchange.began) * 1e9)


def put(span: Span, facts: Facts) -> None:
    """Put on *span* what is known."""
    span.set_attributes({name: value for name, value in facts.items() if value is not None})


def fail(span: Span, error: BaseException | None) -> None:
    """Mark *span*, if *error* ended it; its text stays here, since a prompt may be quoted in it."""
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))


# -- opening ----------------------------------------------------------------------------------------------------------


class Forwarded(logging.Handler):
    """Says in our log what the SDK's threads say in theirs."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        log.warning("traces", why=record.getMessage()[:500])


@asynccontextmanager
async def tracing(settings: Settings) -> AsyncIterator[Traces]:
    """What makes spans, as *settings* say; owns the SDK's thread.  What waits at the end is sent, for CLOSE seconds."""
    headers = {name: value.reveal() for name, value in settings.headers.items()}
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.sample)),
        resource=Resource.create({"service.name": settings.service, "service.version": __version__}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=settings.endpoint, headers=headers)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    theirs, forwarded = logging.getLogger("opentelemetry"), Forwarded()
    theirs.addHandler(forwarded)
    propagate, theirs.propagate = theirs.propagate, False
    try:
        yield Traces(provider)
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE):
            await trio.to_thread.run_sync(provider.force_flush, abandon_on_cancel=True)
        exporter.shutdown()  # type: ignore[no-untyped-call]  # wakes its thread, should that wait for who is gone
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE):
            await trio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)
        theirs.removeHandler(forwarded)
        theirs.propagate = propagate
