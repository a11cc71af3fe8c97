"""Claude's contract before upstreams that know nothing of it, with real sockets on both sides."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.e2e.house import Answer, House, Wire, house

MARKS = {"anthropic_version": "2023-06-01", "x_api_key": "mine"}
OTHERS = pytest.mark.parametrize("dialect", ["chat", "responses"])
STREAMS = pytest.mark.parametrize("stream", [True, False])
BETA = "dangerous-tool-use-2026-09-03"
BASH = {"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}
GUARDS = [{"type": "dangerous_tool_use", "classifier_context": {"v": 1}}]
CALL = '[[call Bash {"command":"ls"}]]'


def body(text: str, *, model: str = "gpt-5", stream: bool = True, **more: Any) -> bytes:
    asked = {"model": model, "max_tokens": 4000, "messages": [{"role": "user", "content": text}]}
    return json.dumps({**asked, "stream": stream, **more}).encode()


async def post(h: House, sent: bytes, **fields: str) -> Answer:
    async with Wire(h.port) as wire:
        await wire.post("/v1/messages?beta=true", sent, **MARKS, **fields)
        return await wire.answer()


def ending(answer: Answer) -> dict[str, Any]:
    """What is told at the end: of a stream message_delta with its delta, of a whole message all of it."""
    assert answer.status == 200, answer.body
    if not answer.headers["content-type"].startswith("text/event-stream"):
        whole = json.loads(answer.body)
        assert isinstance(whole, dict)
        return whole
    frame = next(frame for frame in answer.body.split(b"\n\n") if frame.startswith(b"event: message_delta"))
    told = json.loads(frame.partition(b"data: ")[2])
    return {**told, **told["delta"]}


def words(answer: Answer) -> str:
    """The text of a reply."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return "".join(block.get("text", "") for block in json.loads(answer.body)["content"])
    frames = [frame.partition(b"data: ")[2] for frame in answer.body.split(b"\n\n") if b"text_delta" in frame]
    return "".join(json.loads(frame)["delta"]["text"] for frame in frames)


# -- stop sequences ---------------------------------------------------------------------------------------------------


@OTHERS
@STREAMS
async def test_a_stop_sequence_ends_the_reply_of_a_model_that_takes_none(
    tmp_path: Path, dialect: str, stream: bool
) -> None:
    """Claude Code's own classifier depends on it; the sequence is told, and is no part of the text."""
    async with house(tmp_path, dialect) as h:
        said = body("[[say <severity>low</severity> because]]", stream=stream, stop_sequences=["</severity>"])
        answer = await post(h, said)
        assert words(answer) == "<severity>low"
        end = ending(answer)
        assert (end["stop_reason"], end["stop_sequence"]) == ("stop_sequence", "</severity>")
        assert not {"stop", "stop_sequences"} & json.loads(h.model.seen[0].body).keys()
        (record,) = await h.records()
        assert record["stop"] == "stop_sequence"


@OTHERS
async def test_the_upstream_is_cancelled_where_the_reply_ends(tmp_path: Path, dialect: str) -> None:
    """What nobody will read is not written, and not paid for."""
    async with house(tmp_path, dialect) as h:
        answer = await post(h, body("[[say END of it]] [[wait 60]] [[say more]]", stop_sequences=["END"]))
        assert ending(answer)["stop_reason"] == "stop_sequence"
        with trio.fail_after(2):
            await h.model.seen[0].over.wait()
        assert h.model.seen[0].ended == "left"


# -- fields that an imitation does not know ---------------------------------------------------------------------------


async def test_what_an_imitation_refuses_is_left_out_and_remembered(tmp_path: Path) -> None:
    """One refusal, for all sessions; the loss is told with every reply."""
    async with house(tmp_path) as h:
        answers = [await post(h, body("[[say ok]]", model="claude-opus-4-5", brand_new={"a": 1})) for _ in range(2)]
        assert [words(answer) for answer in answers] == ["ok", "ok"]
        assert [b"brand_new" in seen.body for seen in h.model.seen] == [True, False, False]
        assert all(answer.headers["x-pipeline-changes"] == "1; lost=1" for answer in answers)


async def test_betas_and_fields_that_are_known_pass_untouched(tmp_path: Path) -> None:
    """Also those of auto mode and context management: the upstream gets the client's bytes."""
    sent = body("[[say ok]]", model="claude-opus-4-5", safeguards=GUARDS, context_management={"edits": []})
    async with house(tmp_path) as h:
        answer = await post(h, sent, anthropic_beta=f"{BETA},context-management-2025-06-27")
        assert words(answer) == "ok"
        assert [seen.body for seen in h.model.seen] == [sent]


# -- overflow ---------------------------------------------------------------------------------------------------------


@OTHERS
async def test_a_prompt_that_does_not_fit_is_told_in_the_words_that_set_off_compaction(
    tmp_path: Path, dialect: str
) -> None:
    """Whatever the upstream calls it."""
    async with house(tmp_path, dialect) as h:
        answer = await post(h, body("[[fault overflow]]"))
        error = json.loads(answer.body)["error"]
        assert (answer.status, error["type"]) == (400, "invalid_request_error")
        assert error["message"].startswith("prompt is too long: ")


# -- context management -----------------------------------------------------------------------------------------------


@OTHERS
@STREAMS
async def test_old_tool_results_are_cleared_for_an_upstream_that_can_not(
    tmp_path: Path, dialect: str, stream: bool
) -> None:
    """The upstream gets less, the client is told what was left out."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    for number in range(6):
        call = {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": {"command": "ls"}}
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": "SECRET " * 100}
        turns += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    clear = {"type": "clear_tool_uses_20250919", "trigger": {"type": "input_tokens", "value": 500}}
    more = {"messages": turns, "tools": [BASH], "context_management": {"edits": [clear]}}
    async with house(tmp_path, dialect) as h:
        answer = await post(h, body("", stream=stream, **more))
        (applied,) = ending(answer)["context_management"]["applied_edits"]
        assert (applied["type"], applied["cleared_tool_uses"]) == ("clear_tool_uses_20250919", 3)
        (seen,) = h.model.seen
        assert seen.body.count(b"SECRET " * 100) == 3
        assert answer.headers["x-pipeline-changes"].endswith("lost=0")


# -- safeguards -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def judged(at: Path, dialect: str, verdict: str) -> AsyncIterator[tuple[House, Simulated]]:
    """A house before a model that calls a tool, and a judge that says *verdict*."""
    judge = Simulated("chat", Settings(remember=9))
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve_model, model=judge))
        more = f"""
            [upstreams.up.headers]
            x-simulated = '{CALL}'
            [upstreams.judge]
            dialect = "chat"
            url = "{url}"
            key = "judge-key"
            models = ["simulated"]
            headers = {{ x-simulated = '[[say {verdict}]]' }}
            [[stages]]
            use = "safeguards"
            after = "auth"
            [safeguards]
            model = "simulated"
            upstream = "judge"
        """
        async with house(at, dialect, more=more) as h:
            yield h, judge
        nursery.cancel_scope.cancel()


CASES = {
    '{"calls":[{"id":1,"verdict":"allow"}]}': {"type": "evaluated", "outcome": "not_flagged"},
    '{"calls":[{"id":1,"verdict":"block","reason":"no"}]}': {
        "type": "evaluated",
        "outcome": "flagged",
        "explanation": "no",
    },
    "Sure!": {"type": "unavailable", "reason": "error"},
}


@OTHERS
@STREAMS
@pytest.mark.parametrize(("verdict", "told"), CASES.items())
async def test_calls_are_judged_by_the_configured_model(
    tmp_path: Path, dialect: str, stream: bool, verdict: str, told: Any
) -> None:
    """The verdict comes at the reply's end, under the call's id; the upstream sees nothing of it."""
    async with judged(tmp_path, dialect, verdict) as (h, judge):
        answer = await post(h, body("go", stream=stream, tools=[BASH], safeguards=GUARDS), anthropic_beta=BETA)
        (result,) = ending(answer)["safeguard_results"]
        assert result["status"]["type"] == "available"
        (call,) = result["status"]["tool_uses"]
        assert result["status"]["tool_uses"][call] == told
        assert call.encode() in answer.body.split(b"safeguard_results")[0]
        assert b"safeguards" not in h.model.seen[0].body
        assert len(judge.seen) == 1
        record = next(each for each in await h.records(2) if each["operation"] == "reply")
        assert any("safeguard_results" in change["path"] for change in record["changes"])


@OTHERS
async def test_without_a_judge_the_client_is_told_that_nobody_judges(tmp_path: Path, dialect: str) -> None:
    """Never an invented verdict: it goes back to its own classifier."""
    async with house(tmp_path, dialect) as h:
        answer = await post(h, body(CALL, tools=[BASH], safeguards=GUARDS), anthropic_beta=BETA)
        unsupported = {"type": "dangerous_tool_use", "status": {"type": "unsupported"}}
        assert ending(answer)["safeguard_results"] == [unsupported]
        assert answer.headers["x-pipeline-changes"].endswith("lost=1")
