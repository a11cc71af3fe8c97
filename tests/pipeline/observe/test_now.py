"""What holds at the moment someone looks."""

from typing import Any

import trio
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest

from pipeline.observe.now import Now
from pipeline.outlet import Outlet
from pipeline.spent import STEPS
from pipeline.store.record import Record
from pipeline.upstream import Quota
from tests.doubles import Kept, words
from tests.pipeline.admin.office import Office
from tests.pipeline.observe.conftest import Watched


def figures(at: Office) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in Now(at.gateway).collect()
        for sample in family.samples
    }


async def test_depths_are_those_of_the_moment(watched: Watched) -> None:
    """What waits before a client that does not read."""
    async with watched("") as at:
        send, receive = trio.open_memory_channel[list[object]](3)
        outlet = Outlet(send)  # type: ignore[arg-type]  # batches of whatever
        with send, receive:
            number = at.gateway.heart.begin(outlet, Kept())
            await outlet.send(list(words("a")))
            await outlet.send(list(words("b")))
            found = figures(at)
            assert (found["pipeline_streams",], found["pipeline_channel_batches",]) == (1, 2)
            at.gateway.heart.end(number)
        found = figures(at)
        assert (found["pipeline_streams",], found["pipeline_channel_batches",]) == (0, 0)


async def test_what_the_database_does_not_have_yet_waits(watched: Watched) -> None:
    """In the spool, and for the writer; until it has it."""
    async with watched("") as at:
        assert at.gateway.store is not None
        found = figures(at)
        assert (found["pipeline_store_up",], found["pipeline_store_waiting",], found["pipeline_spool_entries",]) == (
            1,
            0,
            0,
        )
        at.gateway.store.begin(Record("req_1"))
        found = figures(at)
        assert (found["pipeline_store_waiting",], found["pipeline_spool_entries",]) == (1, 1)
        with trio.fail_after(5):
            while figures(at)["pipeline_spool_entries",]:  # noqa: ASYNC110  # a thread writes them
                await trio.sleep(0.01)


async def test_upstreams_are_in_one_state_each(watched: Watched) -> None:
    """And tell what is used of their own limits."""
    async with watched("") as at:
        (upstream,) = at.gateway.upstreams
        upstream.windows["5h"] = Quota("5h", 0.25, 0, 0)
        found = figures(at)
        states = {labels[1]: value for (name, *labels), value in found.items() if name == "pipeline_upstream_state"}
        assert states == {"ok": 0, "resting": 0, "failing": 0, "unknown": 1}
        assert found["pipeline_upstream_quota_ratio", "up", "5h"] == 0.25
        assert found["pipeline_upstream_connections", "up", "busy"] == 0


async def test_stages_are_told_as_prometheus_own_histogram_would(watched: Watched) -> None:
    """Names, labels, steps, sums: to the letter."""
    theirs = CollectorRegistry()
    histogram: Any = Histogram(
        "pipeline_stage_seconds", "What stages take on the way up.", ["stage"], buckets=STEPS, registry=theirs
    )
    async with watched("") as at:
        for seconds in (0.0, *STEPS, 0.2):
            at.gateway.live.spent.add({"auth": seconds})
            histogram.labels("auth").observe(seconds)
        ours = CollectorRegistry()
        ours.register(Now(at.gateway))
        lines = generate_latest(ours).decode().splitlines()
    told = [line for line in generate_latest(theirs).decode().splitlines() if "_created" not in line]
    assert [line for line in lines if "stage_seconds" in line] == told


async def test_a_gateway_that_drains_is_not_ready(watched: Watched) -> None:
    """As its readiness says."""
    async with watched("") as at:
        assert figures(at)["pipeline_ready",] == 1
        at.gateway.drain.begin(1)
        assert figures(at)["pipeline_ready",] == 0
