"""What it costs a request that it is observed, in CPU time of this process.

    python -m bench.observing

Each listener is told of the same exchanges, which are over: eight stages, one attempt, one record.  The cost of looking
at stages on the way down is that of a stream of 200 events through five transforms, with and without; one request in
sixteen pays it.  Told is the best of five rounds: what else the machine does makes it only worse.
"""

import io
import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pipeline.config import Log
from pipeline.effects import Effects
from pipeline.events import Event, TextDelta
from pipeline.exchange import Attempt, Exchange, Out
from pipeline.heartbeat import Heart
from pipeline.journal import brief, note, told
from pipeline.line import Line, conduct
from pipeline.live import BOOKED
from pipeline.log import configure
from pipeline.observe.metrics import Metrics
from pipeline.observe.recent import Recent
from pipeline.observe.traces import Traces
from pipeline.store.record import Record
from tests.doubles import Kept, Recorder, exchange, upstream, words
from transports.messages import Head

STAGES = (
    "auth",
    "model_map",
    "thinking_suffix",
    "limits",
    "meter",
    "translate",
    "client_identity",
    "cache_breakpoints",
)
ROUNDS, EXCHANGES, EVENTS = 5, 2000, 200


def over() -> Exchange:
    """An exchange that is over."""
    x = exchange()
    x.head, x.began, x.upstream = Head(200), trio.current_time() - 2, upstream("up", None)
    x.attempts = [Attempt("up", "m", x.began, first=x.began + 1, ended=x.began + 2, status=200)]
    x.stages = dict.fromkeys(STAGES, 2e-5)
    x.note(BOOKED, [Record(x.id, upstream="up", model="m", input=10, output=30, cost=45)])
    return x


async def cost(work: Callable[[Exchange], Awaitable[None]], exchanges: list[Exchange]) -> float:
    """Microseconds of *work* for one of *exchanges*."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for x in exchanges:
            await work(x)
        best = min(best, time.process_time() - began)
    return best / len(exchanges) * 1e6


async def streamed(effects: bool) -> float:
    """Microseconds of CPU for an event of a stream through five transforms."""
    pieces = words(*("word" for _ in range(EVENTS)))

    def stage(x: Exchange) -> Any:
        def transform(event: Event) -> None:
            isinstance(event, TextDelta)

        return transform

    async def source(x: Exchange, out: Out) -> None:
        for event in pieces:
            await out.send([event])

    line = Line(tuple((name, stage) for name in STAGES[:5]), source, lambda x, response: Kept())

    async def run(x: Exchange) -> None:
        x.effects = Effects() if effects else None
        await conduct(x, line, Recorder(), Heart(60))

    return await cost(run, [exchange() for _ in range(20)]) / EVENTS


async def main() -> None:
    """Print a table."""
    metrics, recent, provider = Metrics(), Recent(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter(), max_queue_size=100_000))
    traces = Traces(provider)
    configure(Log(format="json"), io.StringIO())

    async def counted(x: Exchange) -> None:
        metrics.over(x)

    async def logged(x: Exchange) -> None:
        note(told(x))

    async def kept(x: Exchange) -> None:
        recent.add(brief(x, told(x)))

    async def said(x: Exchange) -> None:
        told(x)

    async def traced(x: Exchange) -> None:
        x.before_attempt.clear()
        followed = traces.begin(x)
        await followed.tried(x.attempts[0])
        followed.over()

    exchanges = [over() for _ in range(EXCHANGES)]
    line = await cost(said, exchanges)
    print(f"figures          {await cost(counted, exchanges):6.1f} µs a request")
    print(f"line in the log  {await cost(logged, exchanges):6.1f} µs")
    print(f"ring             {await cost(kept, exchanges) - line:6.1f} µs")
    print(f"spans            {await cost(traced, exchanges):6.1f} µs, where they are on")
    plain, looked = await streamed(effects=False), await streamed(effects=True)
    print(f"stages, down     {looked - plain:6.1f} µs an event through five, one request in 16 ({plain:.1f} without)")
    provider.shutdown()


if __name__ == "__main__":
    trio.run(main)
