"""Safeguards: verdicts at the end of a reply, from a model of the operator's, or plainly none."""

from typing import Any

import attrs
import msgspec
import pytest
import trio

from pipeline.events import BlockStarted, BlockStopped, Event, Finished, InputDelta, Started, TextDelta, ToolUse, Usage
from pipeline.exchange import Exchange
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from stages.dialects import anthropic, chat
from stages.judging import LONGEST
from stages.notes import JUDGE
from stages.safeguards import Safeguards
from tests.doubles import Kept, Recorder, ScriptedPool, exchange, upstream
from transports.upstream import ConnectFailed, Origin

GUARDS = [{"type": "dangerous_tool_use", "classifier_context": {"auto_mode": {"hard_deny": ["never push"]}}}]
JSON = [(b"content-type", b"application/json")]
ALLOW = '{"calls":[{"id":1,"verdict":"allow"},{"id":2,"verdict":"block","reason":"destroys"}]}'
CLEARED = {"type": "evaluated", "outcome": "not_flagged"}
FLAGGED = {"type": "evaluated", "outcome": "flagged", "explanation": "destroys"}


def answer(text: str, stop: str = "end_turn") -> bytes:
    """A whole message of the judge's."""
    content = [{"type": "text", "text": text}]
    usage = {"input_tokens": 50, "output_tokens": 7}
    return msgspec.json.encode(
        {"type": "message", "id": "m", "model": "small", "content": content, "stop_reason": stop, "usage": usage}
    )


def judging(text: str = ALLOW, **fields: Any) -> ScriptedPool:
    return ScriptedPool(200, answer(text, **fields), headers=JSON)


def asked(*ups: Any, **fields: Any) -> Exchange:
    """A client in auto mode, streamed to by the last of *ups*."""
    body = {"model": "m", "messages": [{"role": "user", "content": "go"}], "safeguards": GUARDS, **fields}
    x = exchange(msgspec.json.encode(body), dialect=anthropic, upstreams=list(ups))
    x.upstream = ups[-1]
    return x


def call(number: int, text: str) -> list[Event]:
    return [BlockStarted(number, ToolUse(f"t{number}", "Bash")), InputDelta(number, text), BlockStopped(number)]


REPLY: list[list[Event]] = [[Started("r", "m")], [*call(1, '{"command":"ls"}')], [*call(2, "{}"), Finished("tool_use")]]


async def ended(x: Exchange, stage: Safeguards, reply: list[list[Event]] | None = None) -> Finished:
    """The end that the client is told."""
    kept = Kept()

    async def source(exchange: Any, out: Any) -> None:
        for batch in REPLY if reply is None else reply:
            await out.send([attrs.evolve(event) for event in batch])

    line = Line((("safeguards", stage),), source, lambda exchange, response: kept)
    with trio.fail_after(100):
        await conduct(x, line, Recorder(), Heart(1000))
    end = kept.events[-1]
    assert isinstance(end, Finished)
    assert kept.events[:-1] == [event for batch in (REPLY if reply is None else reply) for event in batch][:-1]
    return end


def results(end: Finished) -> dict[str, Any]:
    """The verdicts, by the id of the call."""
    assert end.extra is not None
    (result,) = end.extra["safeguard_results"]
    assert (result["type"], result["status"]["type"]) == ("dangerous_tool_use", "available")
    verdicts = result["status"]["tool_uses"]
    assert isinstance(verdicts, dict)
    return verdicts


async def test_every_call_gets_its_verdict_at_the_end() -> None:
    """By a question in the judge's own dialect, with the operator's key and no field of the client's."""
    pool = judging()
    judge = upstream("judge", pool, dialect=anthropic)
    x = asked(judge, upstream("up", None, dialect=chat))
    x.request.headers.append((b"authorization", b"Bearer mine"))
    assert results(await ended(x, Safeguards("small"))) == {"t1": CLEARED, "t2": FLAGGED}
    assert x.noted(JUDGE) == "small"
    (sent,) = pool.calls
    body = msgspec.json.decode(sent.body)
    assert (sent.target, body["model"], "stream" in body) == ("/v1/messages", "small", False)
    assert b"never push" in sent.body
    assert not any(b"mine" in value for _, value in sent.headers)


async def test_the_verdicts_and_their_cost_are_put_down() -> None:
    """In the request's record, without a call's input; the judge's tokens apart from the reply's."""
    x = asked(upstream("judge", judging(), dialect=anthropic), upstream("up", None, dialect=chat))
    await ended(x, Safeguards("small"))
    assert [edit.why for edit in x.prompt.edits] == [
        "Bash t1: not_flagged, by small",
        "Bash t2: flagged, by small",
    ]
    (aside,) = x.asides
    assert (aside.upstream, aside.model, aside.status) == ("judge", "small", 200)
    assert aside.usage == Usage(input=50, output=7)
    assert x.attempts == []


@pytest.mark.parametrize(
    ("pool", "reason"),
    [
        (ScriptedPool(500, b"{}", headers=JSON), "error"),
        (ScriptedPool(200, ConnectFailed("refused", "refused")), "error"),
        (ScriptedPool(200, b"<html>", headers=JSON), "error"),
        (ScriptedPool(200, 1000, headers=JSON), "timeout"),
        (judging("I think that is fine."), "error"),
        (judging("", stop="refusal"), "refused"),
    ],
)
async def test_a_judge_that_does_not_answer_clears_nothing(autojump_clock: Any, pool: Any, reason: str) -> None:
    """Fail closed: the client is told that there is no verdict, and why; the reply itself is whole."""
    x = asked(upstream("judge", pool, dialect=anthropic), upstream("up", None, dialect=chat))
    unjudged = {"type": "unavailable", "reason": reason}
    assert results(await ended(x, Safeguards("small"))) == {"t1": unjudged, "t2": unjudged}
    assert x.asides[0].ended is not None


async def test_a_call_too_long_to_be_shown_is_not_judged() -> None:
    """Nor cut: what is dangerous may stand at its end.  The others are."""
    pool = judging('{"calls":[{"id":1,"verdict":"allow"},{"id":2,"verdict":"allow"}]}')
    x = asked(upstream("judge", pool, dialect=anthropic), upstream("up", None, dialect=chat))
    reply: list[list[Event]] = [
        [Started("r", "m"), *call(1, "{}"), *call(2, "x" * (LONGEST + 1)), Finished("tool_use")]
    ]
    verdicts = results(await ended(x, Safeguards("small"), reply))
    assert verdicts == {"t1": CLEARED, "t2": {"type": "unavailable", "reason": "input_too_long"}}


async def test_a_reply_without_calls_needs_no_judge() -> None:
    """An answer all the same: the client would take silence for a gateway that dropped it."""
    pool = judging()
    x = asked(upstream("judge", pool, dialect=anthropic), upstream("up", None, dialect=chat))
    reply: list[list[Event]] = [[Started("r", "m"), TextDelta(0, "done")], [Finished()]]
    assert results(await ended(x, Safeguards("small"), reply)) == {}
    assert pool.calls == []


async def test_what_comes_before_the_end_does_not_wait(autojump_clock: Any) -> None:
    """The verdict takes 10 seconds; the client reads the calls meanwhile."""
    x = asked(
        upstream("judge", ScriptedPool(200, 10, headers=JSON), dialect=anthropic), upstream("up", None, dialect=chat)
    )
    kept = Kept()

    async def source(exchange: Any, out: Any) -> None:
        for batch in REPLY:
            await out.send(batch)

    began = trio.current_time()
    await conduct(x, Line((("s", Safeguards("small")),), source, lambda a, b: kept), Recorder(), Heart(1000))
    assert [round(moment - began) for moment in kept.times] == [0] * (len(kept.times) - 1) + [10]


async def test_the_vendors_own_verdict_is_left_alone() -> None:
    """And so is one that an imitation has given."""
    pool = judging()
    judge = upstream("judge", pool, dialect=anthropic)
    vendor = attrs.evolve(upstream("up", None, dialect=anthropic), origin=Origin("https", "api.anthropic.com", 443))
    theirs = {"safeguard_results": [{"type": "dangerous_tool_use", "status": {"type": "unsupported"}}]}
    for up, end in ((vendor, Finished("tool_use")), (judge, Finished("tool_use", extra=theirs))):
        assert await ended(asked(judge, up), Safeguards("small"), [[*REPLY[0], *REPLY[1], end]]) == end
    assert pool.calls == []


@pytest.mark.parametrize("fields", [{"safeguards": None}, {"safeguards": [{"type": "new"}]}, {"safeguards": "x"}])
def test_who_does_not_ask_is_not_answered(fields: Any) -> None:
    """Nothing is noted, nothing stands on the way down."""
    x = asked(upstream("judge", None, dialect=anthropic), **fields)
    assert Safeguards("small")(x) is None
    assert x.noted(JUDGE) is None


def test_without_the_judges_upstream_nothing_is_promised() -> None:
    """The client is told that safeguards are not supported, by ``translate``."""
    other = upstream("up", None, dialect=chat, models=("gpt-*",))
    for stage in (Safeguards("small"), Safeguards("small", upstream="gone")):
        x = asked(other)
        assert stage(x) is None
        assert x.noted(JUDGE) is None
    assert list(Safeguards("small", upstream="gone").check(frozenset({"up"}))) == ["'gone' is no upstream"]


async def test_a_judge_of_another_dialect_is_asked_in_it() -> None:
    """Any model will do."""
    message = {"role": "assistant", "content": ALLOW}
    body = {"id": "c", "model": "small", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    pool = ScriptedPool(200, msgspec.json.encode(body), headers=JSON)
    judge = upstream("judge", pool, dialect=chat)
    x = asked(judge, upstream("up", None, dialect=chat))
    assert results(await ended(x, Safeguards("small", upstream="judge"))) == {"t1": CLEARED, "t2": FLAGGED}
    (sent,) = pool.calls
    assert sent.target == "/v1/chat/completions"
    assert msgspec.json.decode(sent.body)["messages"][0]["role"] == "system"
