"""Counting: from whoever knows best, told in the caller's dialect, with a word on how."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio

import stages.dialects.anthropic as anthropic
import stages.dialects.chat as chat
import stages.dialects.responses as responses
from pipeline.errors import GatewayError, UpstreamFailed, UpstreamRefused
from pipeline.events import Answer
from pipeline.naming import load
from stages import notes
from stages.counting import HOW, SILENCE, Counting
from stages.tokens.counter import Counter
from tests.doubles import ScriptedPool, exchange, upstream
from tests.e2e.house import House, Wire, house
from tests.stages.test_tokens_counter import Desk
from transports.messages import find

ASKED = {"model": "m", "system": "Help.", "messages": [{"role": "user", "content": "hello"}]}
TRANSLATE = (("translate", load("translate")),)


def counted(pool: Any, *, asks: Any = anthropic, answers: Any = anthropic, body: Any = ASKED) -> Any:
    """An exchange that asks for a count."""
    up = upstream("up", pool, dialect=answers, stages=TRANSLATE)
    return exchange(json.dumps(body).encode(), dialect=asks, operation="count_tokens", upstreams=[up], streaming=False)


def says(tokens: Any, status: int = 200) -> ScriptedPool:
    return ScriptedPool(status, json.dumps(tokens).encode(), headers=[(b"content-type", b"application/json")])


def tokens(answer: Answer) -> Any:
    return json.loads(answer.body)["input_tokens"]


def how(answer: Answer) -> str | None:
    return find(answer.head.headers, HOW)


async def test_the_upstreams_own_count_is_passed_on() -> None:
    """Its answer as it is, the client's bytes as they came."""
    pool = says({"input_tokens": 17, "new": True})
    x = counted(pool)
    answer = await Counting().answer(x)
    assert json.loads(answer.body) == {"input_tokens": 17, "new": True}
    assert how(answer) is None
    (call,) = pool.calls
    assert (call.target, call.body) == ("/v1/messages/count_tokens", json.dumps(ASKED).encode())


@pytest.mark.parametrize(
    ("asks", "answers", "body", "target"),
    [
        (anthropic, responses, {**ASKED, "max_tokens": 9}, "/v1/responses/input_tokens"),
        (responses, anthropic, {"model": "m", "input": "hello", "store": False}, "/v1/messages/count_tokens"),
    ],
)
async def test_an_upstream_of_another_dialect_counts_what_is_translated(
    asks: Any, answers: Any, body: Any, target: str
) -> None:
    """Only what its count takes goes there; the number comes back in the caller's dialect."""
    pool = says({"object": "response.input_tokens", "input_tokens": 21})
    answer = await Counting().answer(counted(pool, asks=asks, answers=answers, body=body))
    assert answer.body == asks.encode_count(21)
    (call,) = pool.calls
    assert call.target == target
    assert json.loads(call.body).keys() <= answers.COUNTED


async def test_an_upstream_that_does_not_count_is_counted_for() -> None:
    """Here, and told so with how far off it may be."""
    async with Counter(Desk()) as counter:
        answer = await Counting(counter).answer(counted(ScriptedPool(500), answers=chat))
    assert tokens(answer) > 10
    assert how(answer) == "local; error=0.07"


async def test_without_a_tokenizer_it_is_an_estimate() -> None:
    """And told so."""
    x = counted(ScriptedPool(500), answers=chat)
    answer = await Counting().answer(x)
    assert tokens(answer) == anthropic.count(x.prompt)
    assert how(answer) == "estimate"


async def test_an_upstream_that_has_no_count_is_asked_once(autojump_clock: Any) -> None:
    """For five minutes: clients ask for many counts at once."""
    pool, counting = says({}, 404), Counting()
    for _ in range(3):
        assert how(await counting.answer(counted(pool))) == "estimate"
    assert len(pool.calls) == 1
    await trio.sleep(SILENCE + 1)
    await counting.answer(counted(pool))
    assert len(pool.calls) == 2


async def test_an_upstream_that_rests_is_counted_for() -> None:
    """Nobody waits for a count that would fail."""
    pool = says({"input_tokens": 17})
    x = counted(pool)
    condition = x.upstreams[0].condition
    condition.rests, condition.until = 1, trio.current_time() + 10
    assert how(await Counting().answer(x)) == "estimate"
    assert pool.calls == []


async def test_an_upstreams_refusal_is_the_answer() -> None:
    """In its own words: a count must not hide that a prompt is wrong."""
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages: empty"}}
    with pytest.raises(UpstreamRefused, match="messages: empty"):
        await Counting().answer(counted(says(error, 400)))


@pytest.mark.parametrize("body", [{}, [], {"input_tokens": "9"}, {"input_tokens": -1}, {"input_tokens": None}])
async def test_a_number_that_is_none_is_a_failure(body: Any) -> None:
    """Nothing is made up in its place."""
    with pytest.raises(UpstreamFailed):
        await Counting().answer(counted(says(body), answers=responses))


async def test_a_request_that_can_not_be_translated_is_refused() -> None:
    """As its reply would be."""
    with pytest.raises(GatewayError):
        await Counting().answer(counted(says({}), asks=responses, body={"model": "m", "input": [{"type": "nonsense"}]}))


# -- through the gateway ----------------------------------------------------------------------------------------------


async def count(at: House, body: Any) -> tuple[int, str]:
    async with Wire(at.port) as wire:
        await wire.post(
            "/v1/messages/count_tokens", json.dumps(body).encode(), x_api_key="k", anthropic_version="2023-06-01"
        )
        answer = await wire.answer()
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["input_tokens"], answer.headers.get("x-pipeline-count", "")


async def reply(at: House, body: Any) -> int:
    async with Wire(at.port) as wire:
        asked = json.dumps({**body, "max_tokens": 100}).encode()
        await wire.post("/v1/messages", asked, x_api_key="k", anthropic_version="2023-06-01")
        answer = await wire.answer()
    assert answer.status == 200, answer.body
    return int(json.loads(answer.body)["usage"]["input_tokens"])


async def test_the_gateway_learns_to_count(tmp_path: Path) -> None:
    """Counts for a Chat upstream come to lie within 5 % of what its replies report."""
    pytest.importorskip("toktok")
    words = "0123456789 " * 200
    async with house(tmp_path, "chat") as both:
        asked = {"model": "strange", "messages": [{"role": "user", "content": words}]}
        first, told = await count(both, asked)
        assert told.startswith("local; error=0.")
        truth = await reply(both, asked)
        for number in range(8):
            await reply(both, {**asked, "messages": [{"role": "user", "content": f"{number}: {words}"}]})
        with trio.fail_after(5):
            while abs((await count(both, asked))[0] - truth) / truth > 0.05:
                pass  # what was seen is weighed beside the replies
    assert abs(first - truth) / truth > 0.05


async def test_an_upstream_that_counts_is_asked_through_the_gateway(tmp_path: Path) -> None:
    """And says what the reply's usage says."""
    async with house(tmp_path, "anthropic") as both:
        asked = {"model": "claude-opus-4-5", "messages": [{"role": "user", "content": "hello"}]}
        assert await count(both, asked) == (await reply(both, asked), "")


@pytest.mark.parametrize("cleared", [True, False])
async def test_a_prompt_that_was_cleared_here_teaches_nothing(cleared: bool) -> None:
    """The upstream saw less of it than would be counted; one that stayed whole is learned from."""
    asked = exchange(json.dumps(ASKED).encode(), dialect=anthropic).prompt
    sent = asked.fork()
    edits = [{"type": "clear_thinking_20251015", "cleared_thinking_turns": 1}] if cleared else []
    sent.notes.note(notes.TOLD, {"context_management": {"applied_edits": edits}})
    async with Counting(Counter(Desk())) as counting:
        await counting._counter.count(asked, "up")
        watching = counting.watch(asked, sent, upstream("up", None), "m")
    assert bool(watching) is not cleared
