"""When an upstream fails: another answers, and the client sees one reply; real sockets on both sides.

The first upstream is a simulated model that does nothing but what its script says; the second is one that is well.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from pipeline.reading import read
from pipeline.serving import Running, serve
from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.e2e.house import Answer, Wire
from tests.e2e.test_flow import ENDS, MARKS, PATHS, body

PAIRS = pytest.mark.parametrize(("asks", "dialect"), [(a, d) for a in PATHS for d in PATHS])
STREAMS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
MEDIA = {True: "text/event-stream", False: "application/json"}

REFUSED = "refused"  # nobody listens
FAULTS = {
    "status error": "[[fault 529]]",
    "in-band error": "[[error overloaded_error]]",
    "empty stream": "[[empty]]",
    "cut stream": "[[cut]]",
    "ended stream": "[[eof]]",
    "first-token timeout": "[[pause 30 every=0.1]]",
    "connection refused": REFUSED,
    "key refused": "[[fault 401]]",
    "reset": "[[reset]]",
}


@attrs.define
class Two:
    """A gateway before two models."""

    running: Running
    models: list[Simulated]
    ledger: Path

    @property
    def asked(self) -> list[int]:
        """How often each model was asked for a reply."""
        return [sum(seen.method == "POST" for seen in model.seen) for model in self.models]

    async def ask(self, sent: bytes, asks: str, **fields: str) -> Answer:
        """What a client of *asks* gets for *sent*."""
        async with Wire(int(self.running.urls[0].rsplit(":", 1)[1])) as wire:
            await wire.post(PATHS[asks], sent, **{**MARKS[asks], **fields})
            return await wire.answer()

    async def record(self) -> dict[str, Any]:
        """The newest record of the ledger."""
        with trio.fail_after(3):
            while True:
                lines = self.ledger.read_bytes().splitlines() if self.ledger.exists() else []  # small, local
                if lines:
                    break
                await trio.sleep(0.01)
        found: dict[str, Any] = json.loads(lines[-1])
        return found


@asynccontextmanager
async def two(
    at: Path, *dialects: str, scripts: tuple[str, ...] = ("", ""), upstream: str = "", forward: str = ""
) -> AsyncIterator[Two]:
    """Models of *dialects*, directed by *scripts*, the one after the other in a chain; REFUSED: nobody is there."""
    played = [script if script != REFUSED else "" for script in scripts]
    models = [Simulated(d, Settings(remember=200, seed=7, script=s)) for d, s in zip(dialects, played, strict=True)]
    ledger, config = at / "usage.jsonl", at / "pipeline.toml"
    async with trio.open_nursery() as nursery:
        tables = []
        for name, model, dialect, script in zip(("first", "second"), models, dialects, scripts, strict=True):
            url = "http://127.0.0.1:1"
            if script != REFUSED:
                url = await nursery.start(partial(serve_model, model=model))
            tables.append(f'[upstreams.{name}]\ndialect = "{dialect}"\nurl = "{url}"\nkey = "key"\n{upstream}')
        config.write_text(  # small, local
            "[server]\nport = 0\n"
            + "\n".join(tables)
            + f'\n[cache_breakpoints]\nenabled = false\n[store]\nfile = "{at / "pipeline.db"}"\n'
            + f'[meter]\nledger = "{ledger}"\n[forward]\n{forward}\n'
            + '[model_map]\nrules = [{ match = "*", upstreams = ["first", "second"] }]\n'
        )
        running = await nursery.start(partial(serve, read(config, environ={})))
        yield Two(running, models, ledger)
        nursery.cancel_scope.cancel()


def good(answer: Answer, asks: str, *, stream: bool, text: bytes = b"hello") -> bool:
    """Whether *answer* is one reply of the protocol *asks*, with its own end, that says *text* once."""
    return (
        answer.whole
        and answer.status == 200
        and answer.headers["content-type"].startswith(MEDIA[stream])
        and text in answer.body
        and (answer.body.count(ENDS[asks]) == 1 if stream else isinstance(json.loads(answer.body), dict))
    )


# -- before the commit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "stream"),
    [(fault, stream) for fault in FAULTS for stream in (True, False) if stream or fault != "ended stream"],
)
@PAIRS
async def test_the_next_answers_where_the_first_fails(
    tmp_path: Path, fault: str, asks: str, dialect: str, stream: bool
) -> None:
    """All nine pairs, streamed and whole: whatever fails before the first word, the client does not notice."""
    timers = "first_token = 0.3\nfirst_byte = 0.3" if fault == "first-token timeout" else ""
    async with two(tmp_path, dialect, dialect, scripts=(FAULTS[fault], ""), upstream=timers) as places:
        answer = await places.ask(body("[[say hello]]", asks, stream=stream), asks)
        assert good(answer, asks, stream=stream), answer
        record = await places.record()
        assert [tried["upstream"] for tried in record["attempts"]] == ["first", "second"]
        assert record["attempts"][0]["error"]
        assert record["attempts"][1]["why"].startswith(f"first: {record['attempts'][0]['error']}")
        assert (record["upstream"], record["error"]) == ("second", None)


@pytest.mark.parametrize(
    ("first", "second"), [("anthropic", "chat"), ("chat", "responses"), ("responses", "anthropic")]
)
@pytest.mark.parametrize("asks", PATHS)
@STREAMS
async def test_the_next_may_speak_another_protocol(
    tmp_path: Path, asks: str, first: str, second: str, stream: bool
) -> None:
    """Each attempt is translated by itself, from what the client sent."""
    async with two(tmp_path, first, second, scripts=("[[error overloaded_error]]", "")) as places:
        answer = await places.ask(body("[[say hello]]", asks, stream=stream), asks)
        assert good(answer, asks, stream=stream), answer
        assert places.asked == [1, 1]


# -- after the commit -------------------------------------------------------------------------------------------------


@PAIRS
@pytest.mark.parametrize("end", ["[[cut]]", "[[eof]]", "[[error overloaded_error]]"])
async def test_there_is_never_a_second_answer(tmp_path: Path, asks: str, dialect: str, end: str) -> None:
    """What began stays as it began, ends with the protocol's own error, and the second is not asked."""
    async with two(tmp_path, dialect, dialect, scripts=(f"[[say begun]] [[block]] [[burst 1]] {end}", "")) as places:
        answer = await places.ask(body("[[say hello]]", asks), asks)
        assert b"begun" in answer.body
        assert b"hello" not in answer.body
        assert b"error" in answer.body or b"response.failed" in answer.body
        assert ENDS[asks] not in answer.body
        assert places.asked == [1, 0]


# -- what nobody can mend ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asks", PATHS)
@STREAMS
async def test_a_request_that_is_wrong_is_not_shown_around(tmp_path: Path, asks: str, stream: bool) -> None:
    """The upstream's own words for it reach the client."""
    async with two(tmp_path, asks, asks, scripts=("[[fault 400]]", "")) as places:
        answer = await places.ask(body("[[say hello]]", asks, stream=stream), asks)
        assert (answer.status, places.asked) == (400, [1, 0])


async def test_when_all_fail_the_last_word_is_told(tmp_path: Path) -> None:
    """One try each, and no more."""
    scripts = ("[[fault 529]]", "[[fault 503 message=later]]")
    async with two(tmp_path, "anthropic", "anthropic", scripts=scripts) as places:
        answer = await places.ask(body("[[say hello]]"), "anthropic")
        assert (answer.status, places.asked) == (503, [1, 1])
        assert b"later" in answer.body


# -- what it costs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dialect", "told"), [("anthropic", True), ("chat", False)])
async def test_what_failed_is_paid_for_as_well(tmp_path: Path, dialect: str, told: bool) -> None:
    """With what it told of its usage; where it broke off before that, the prompt is an estimate, and marked as one."""
    costs = []
    for number, script in enumerate(("[[cut]]", "")):
        at = tmp_path / str(number)
        at.mkdir()
        async with two(at, dialect, dialect, scripts=(script, "")) as places:
            await places.ask(body("[[say hello]]" + " word" * 1000, dialect), dialect)
            record = await places.record()
            costs.append((record["cost"], record["estimated"]))
    (both, estimated), (one, _) = costs
    assert both > 1.5 * one
    assert estimated is not told


async def test_nothing_is_paid_for_what_was_refused(tmp_path: Path) -> None:
    """A status is no answer."""
    costs = []
    for number, script in enumerate(("[[fault 529]]", "")):
        at = tmp_path / str(number)
        at.mkdir()
        async with two(at, "chat", "chat", scripts=(script, "")) as places:
            await places.ask(body("[[say hello]]", "chat"), "chat")
            costs.append((await places.record())["cost"])
    assert costs[0] == costs[1] > 0


# -- many requests ----------------------------------------------------------------------------------------------------


async def test_one_that_keeps_failing_is_left_alone_and_tried_again_by_one(tmp_path: Path) -> None:
    """Three failures, then none; after its rest one request of many finds out that it is well."""
    forward = "rest = { failures = 3, seconds = 2.0 }"
    async with two(tmp_path, "chat", "chat", scripts=("[[fault 500 times=3]]", ""), forward=forward) as places:
        for number in range(10):
            assert (await places.ask(body(f"[[say hello]] {number}", "chat"), "chat")).status == 200
        assert places.asked == [3, 10]
        first = places.running.upstreams[0].condition
        while first.resting(trio.current_time()):  # noqa: ASYNC110  # it is a moment, and no event
            await trio.sleep(0.05)
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(places.ask, body("[[late 0.3]] [[say hello]]", "chat"), "chat")
        assert places.asked == [4, 17]
        await places.ask(body("[[say hello]]", "chat"), "chat")
        assert places.asked == [5, 17]


@pytest.mark.parametrize("choice", ["weighted", "least_loaded"])
async def test_a_conversation_keeps_to_one_and_returns_to_it(tmp_path: Path, choice: str) -> None:
    """Both share the conversations, each of which has a home; while that rests it is elsewhere, and then comes back."""
    async with two(tmp_path, "anthropic", "anthropic", forward=f'choice = "{choice}"') as places:

        async def homes() -> list[int]:
            found = []
            for number in range(12):
                before = places.asked
                session = {"x_claude_code_session_id": f"session-{number}"}
                await places.ask(body("[[say hello]]"), "anthropic", **session)
                found.append(0 if places.asked[0] > before[0] else 1)
            return found

        before = await homes()
        assert set(before) == {0, 1}
        assert await homes() == before
        first = places.running.upstreams[0].condition
        first.rests, first.until = 1, trio.current_time() + 60
        assert await homes() == [1] * 12
        first.until = trio.current_time()
        assert await homes() == before


async def test_what_one_upstream_holds_is_asked_of_it_alone(tmp_path: Path) -> None:
    """A stored response is continued where it is, whatever the choice says; its failure is not shown around."""
    async with two(tmp_path, "responses", "responses", forward='choice = "weighted"') as places:
        for number in range(6):
            answer = await places.ask(body(f"[[say hello]] {number}", "responses", stream=False), "responses")
            home = 0 if places.asked[0] > 0 else 1
            told = json.loads(answer.body)["id"]
            for model in places.models:
                model.seen.clear()
            more = body("[[say more]]", "responses", stream=False, previous_response_id=told)
            await places.ask(more, "responses", session_id=f"another-{number}")
            assert places.asked == [1 - home, home]
            for model in places.models:
                model.seen.clear()
