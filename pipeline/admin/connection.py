"""Connection: whether all upstreams answer, in one call; for probes and for people in a hurry.

    GET /test-connection ──▶ 200, how far one got with each · 503, what fails and what to do about it

It asks each for a word, which costs a few tokens: so only whoever may look after the gateway gets an answer.
"""

import msgspec
import trio

from pipeline.admin.desk import Ask
from pipeline.admin.refusal import Field, Refused
from pipeline.admin.route import Route, get
from pipeline.admin.upstreams import Trial, Tried, test


class Connections(msgspec.Struct):
    """How far one got with each upstream, by name."""

    upstreams: dict[str, Tried]


async def connected(ask: Ask) -> Connections:
    """Ask each upstream for something small; 503 names those that do not answer."""
    tried: dict[str, Tried] = {}

    async def one(name: str) -> None:
        tried[name] = await test(ask, name, Trial())

    async with trio.open_nursery() as nursery:
        for upstream in ask.desk.gateway.upstreams:
            nursery.start_soon(one, upstream.name)
    wrong = [Field(name, last(each)) for name, each in sorted(tried.items()) if not each.ok]
    if wrong:
        raise Refused(503, "upstream", "not every upstream answers", wrong=wrong)
    return Connections(dict(sorted(tried.items())))


def last(tried: Tried) -> str:
    """What is said of the step that failed."""
    return tried.steps[-1].text if tried.steps else "it did not answer in time"


ROUTES: tuple[Route, ...] = (get("/test-connection", connected),)
