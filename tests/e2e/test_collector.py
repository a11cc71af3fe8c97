"""The garbage collector has nothing to do: what a request was made of is free with its last use.

Objects that lead back to themselves wait for the collector, with all they hold: it then stops the whole process for as
long as it takes to look at thousands of requests, and memory grows until it does.
"""

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trio

from bench.load import load
from bench.programs import simulated
from bench.requests import request
from pipeline.serving import Running, serve
from tests.pipeline.configs import configured

DIALECTS = ("anthropic", "chat", "responses")
OURS = ("pipeline", "stages", "transports")
KINDS = ("usd_5h", "requests_minute", "tokens_minute", "streams")


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, int]]:
    """The port of a simulated model for each dialect."""
    with ExitStack() as exits:
        yield {name: exits.enter_context(simulated(name)).port for name in DIALECTS}


@contextmanager
def collected() -> Iterator[list[object]]:
    """What of ours the collector finds of what was left behind inside."""
    found: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += [each for each in gc.garbage if type(each).__module__.partition(".")[0] in OURS]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("answers", DIALECTS)
@pytest.mark.parametrize("asks", DIALECTS)
async def test_a_request_leaves_nothing_to_the_collector(
    upstreams: dict[str, int], tmp_path: Path, asks: str, answers: str, *, stream: bool
) -> None:
    """With books and limits, in each pair of protocols."""
    limits = ", ".join(f'{{ kind = "{kind}", limit = 1_000_000_000 }}' for kind in KINDS)
    config = configured(
        f'[server]\nport = 0\n[store]\nfile = "{tmp_path / "books.db"}"\n'
        f'[limits]\nunpriced = "pass"\nlimits = [{limits}]\n'
        f'[upstreams.up]\ndialect = "{answers}"\nurl = "http://127.0.0.1:{upstreams[answers]}"\nkey = "a-key"\n'
    )
    sent = request(asks, "[[say ok]]", 1_000, stream=stream)
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(serve, config)
        port = int(running.urls[0].rpartition(":")[2])
        await trio.to_thread.run_sync(lambda: load(port, sent, connections=1, times=1))
        with collected() as found:
            took = await trio.to_thread.run_sync(lambda: load(port, sent, connections=1, times=3))
            await trio.sleep(0.05)  # the last one's connection is closed, and what it was made of let go
        running.drain.begin(0)
    assert took.failed == 0
    assert found == []
