"""What Gemini signs its calls with comes back to it, whichever protocol the client between speaks."""

from typing import Any

import msgspec
import pytest

from pipeline.events import BlockStarted, Event, Redacted, ToolUse
from pipeline.prompt import Prompt
from stages.dialects import anthropic, chat, responses
from stages.dialects.chat.signed import of_a_call, opened, sealed, signature
from stages.dialects.envelope import wrap
from stages.dialects.provider import SpokenChat
from stages.dialects.providers import gemini
from stages.translate import translate
from tests.doubles import asking

MODEL = "gemini-3-pro-preview"
GEMINI: Any = SpokenChat(chat, gemini.PROVIDER)
SIGNED = {"google": {"thought_signature": "CpcBAdHtim9"}}
TOOL = {"type": "object", "properties": {}}
ASKS: dict[str, Any] = {
    "anthropic": {"messages": [{"role": "user", "content": "x"}], "tools": [{"name": "f", "input_schema": TOOL}]},
    "responses": {"input": "x", "tools": [{"type": "function", "name": "f", "parameters": TOOL}]},
}


def called(*fragments: dict[str, Any]) -> bytes:
    """A stream of calls, as Gemini sends it: each in one piece, the first with its signature."""
    same = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    chunks = [
        *({"index": 0, "delta": {"role": "assistant", "tool_calls": [fragment]}} for fragment in fragments),
        {"index": 0, "delta": {}, "finish_reason": "tool_calls"},
    ]
    told = [b"data: %b\n\n" % msgspec.json.encode({**same, "choices": [chunk]}) for chunk in chunks]
    return b"".join(told) + b"data: [DONE]\n\n"


def call(number: int, **more: Any) -> dict[str, Any]:
    function = {"name": "f", "arguments": "{}"}
    return {"index": number, "id": f"function-call-{number}", "type": "function", "function": function, **more}


STREAM = called(call(0, extra_content=SIGNED), call(1))


def decoded(raw: bytes) -> list[Event]:
    decoder = chat.stream_decoder(None)
    return [*decoder.feed(raw), *decoder.close()]


def back_from_claudes(events: list[Event]) -> dict[str, Any]:
    """The next turn of a Messages client."""
    reply = msgspec.json.decode(anthropic.whole_encoder(asking("m")).feed(events))
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
        for block in reply["content"]
        if block["type"] == "tool_use"
    ]
    turns = [*ASKS["anthropic"]["messages"], {"role": "assistant", "content": reply["content"]}]
    return {**ASKS["anthropic"], "max_tokens": 100, "messages": [*turns, {"role": "user", "content": results}]}


def back_from_codex(events: list[Event]) -> dict[str, Any]:
    """The next turn of a Responses client."""
    reply = msgspec.json.decode(responses.whole_encoder(asking("m")).feed(events))
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "ok"}
        for item in reply["output"]
        if item["type"] == "function_call"
    ]
    return {**ASKS["responses"], "input": [{"role": "user", "content": "x"}, *reply["output"], *results]}


CLIENTS: Any = [(anthropic, back_from_claudes), (responses, back_from_codex)]


def sent(source: Any, body: dict[str, Any], model: str) -> tuple[list[Any], list[str]]:
    """The calls of the history, as an upstream that has *model* gets them; and where something was lost."""
    prompt = Prompt.of(source.NAME, {**body, "model": model})
    translate(prompt, source, GEMINI if "gemini" in model else chat)
    made = msgspec.json.decode(prompt.encode())
    lost = [edit.why for edit in prompt.edits if edit.lossy]
    return next(message["tool_calls"] for message in made["messages"] if "tool_calls" in message), lost


@pytest.mark.parametrize(("source", "back"), CLIENTS, ids=["messages", "responses"])
def test_the_signature_comes_back_on_its_call(source: Any, back: Any) -> None:
    """And on no other; nothing is lost."""
    (first, second), lost = sent(source, back(decoded(STREAM)), MODEL)
    assert first["extra_content"] == SIGNED
    assert "extra_content" not in second
    assert lost == []


@pytest.mark.parametrize(("source", "back"), CLIENTS, ids=["messages", "responses"])
def test_another_model_never_sees_it(source: Any, back: Any) -> None:
    """It would refuse it; that thinking was left out is told."""
    calls, lost = sent(source, back(decoded(STREAM)), "some-model")
    assert not any("extra_content" in one for one in calls)
    assert any("thinking" in why for why in lost)


def test_calls_of_another_model_pass_by_googles_word() -> None:
    """Where none of a turn's calls is signed the first gets it, and only where none is."""
    calls, _ = sent(anthropic, back_from_claudes(decoded(called(call(0), call(1)))), MODEL)
    assert [signature(one.get("extra_content")) for one in calls] == ["skip_thought_signature_validator", ""]


def test_to_chat_clients_it_goes_on_the_call() -> None:
    """As it came while nobody touches it, and on the call still where it is written anew; nowhere else."""
    events = decoded(STREAM)
    assert chat.stream_encoder(asking("m")).feed(events) == STREAM
    anew = chat.stream_encoder(asking("m")).feed([event.replace() for event in events])
    (fragment,) = (
        call
        for line in anew.split(b"\n\n")
        if b"extra_content" in line
        for call in msgspec.json.decode(line[6:])["choices"][0]["delta"]["tool_calls"]
    )
    assert (fragment["id"], fragment["extra_content"]) == ("function-call-0", SIGNED)
    assert b"reasoning" not in anew
    folded = msgspec.json.decode(chat.whole_encoder(asking("m")).feed([event.replace() for event in events]))
    message = folded["choices"][0]["message"]
    assert [one.get("extra_content") for one in message["tool_calls"]] == [SIGNED, None]
    assert "reasoning_details" not in message


def test_one_that_comes_late_is_told_when_it_comes() -> None:
    """After its call has begun; once."""
    late = {"index": 0, "extra_content": SIGNED}
    begun = [event.block for event in decoded(called(call(0), late, late)) if isinstance(event, BlockStarted)]
    assert [type(block) for block in begun] == [ToolUse, Redacted]


@pytest.mark.parametrize("strange", [None, 1, "x", {}, {"google": None}, {"google": {"thought_signature": 1}}])
def test_what_is_no_signature_is_none(strange: Any) -> None:
    """Other fields of that name are a server's own affair."""
    assert signature(strange) == ""
    assert not any(isinstance(event, BlockStarted) and isinstance(event.block, Redacted)
                   for event in decoded(called(call(0, extra_content=strange))))  # fmt: skip


def test_only_its_makers_envelope_is_opened() -> None:
    """By dialect and by family of models."""
    mine = sealed("sig", "call-1", MODEL)
    told = opened({"type": "redacted_thinking", "data": mine}, "models/gemini-3.1-flash")
    assert told is not None
    assert (told.payload, told.ref) == ("sig", "call-1")
    assert opened({"type": "thinking", "signature": mine}, "deepseek-v4") is None
    assert opened({"type": "redacted_thinking", "data": "bare"}, MODEL) is None
    theirs = wrap("responses", "gpt", "x", ref="rs_1")
    assert opened({"type": "redacted_thinking", "data": theirs}, MODEL) is None
    assert (of_a_call(mine), of_a_call(theirs), of_a_call("bare")) == (True, False, False)
