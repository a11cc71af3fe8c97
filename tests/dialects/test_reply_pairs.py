"""Replies of every pair: what the vendors' accumulators make of the client's stream is what the whole reply says.

reply ─▶ upstream's stream ─▶ Translation.stream ─▶ client's SDK ─┐
      └▶ upstream's body   ─▶ Translation.whole  ────────────────┴▶ the same blocks, end and tokens
"""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response

from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Finished,
    InputDelta,
    Started,
    Stop,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    Usage,
)
from pipeline.prompt import Prompt
from stages.translation import DIALECTS, Translation, translate_request
from tests.dialects import anthropic_oracle, chat_replies, responses_oracle

Body = dict[str, Any]

PAIRS = [(client, upstream) for client in DIALECTS for upstream in DIALECTS]
TALK = [{"role": "user", "content": "Hi"}]
ASKED: dict[str, Body] = {
    "anthropic": {"model": "claude-opus-5", "max_tokens": 9000, "messages": TALK, "thinking": {"type": "adaptive"}},
    "chat": {"model": "gpt-5.2", "messages": TALK, "reasoning_effort": "high"},
    "responses": {"model": "gpt-5.2", "input": TALK, "reasoning": {"effort": "high", "summary": "auto"}},
}
STREAMED: dict[str, Body] = {"chat": {"stream_options": {"include_usage": True}}}

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
counts = st.integers(0, 10**6)
usages = st.builds(Usage, counts, counts, counts, st.just(0), counts, counts)


@st.composite
def replies(draw: st.DrawFn) -> Batch:
    """A reply that every protocol can tell: a thought, words, calls; any of them may be missing."""
    spoken: list[tuple[Any, str]] = []
    if draw(st.booleans()):
        spoken.append((Thinking(), draw(words)))
    if draw(st.booleans()):
        spoken.append((Text(), draw(words)))
    calls = draw(st.lists(st.dictionaries(words, words, max_size=2), max_size=3))
    spoken += [
        (ToolUse(f"call_{number}", f"f{number}"), msgspec.json.encode(given).decode())
        for number, given in enumerate(calls)
    ]
    events: Batch = [Started("reply_1", "m")]
    for index, (block, said) in enumerate(spoken):
        cuts = sorted({0, len(said), *draw(st.lists(st.integers(0, len(said)), max_size=3))})
        kind = {Text: TextDelta, Thinking: ThinkingDelta, ToolUse: InputDelta}[type(block)]
        events += [
            BlockStarted(index, block),
            *(kind(index, said[a:b]) for a, b in pairwise(cuts)),
            BlockStopped(index),
        ]
    stop: Stop = "tool_use" if calls else draw(st.sampled_from(["end_turn", "max_tokens"]))
    return [*events, Finished(stop, usage=draw(usages))]


def responded(stream: bytes) -> Any:
    """What the helper makes of *stream*; a response that is incomplete it leaves as its last frame tells it."""
    return responses_oracle.accumulate(stream) or Response(**responses_oracle.told(stream)[-1]["response"])


ACCUMULATED = {
    "anthropic": anthropic_oracle.accumulate,
    "chat": chat_replies.accumulated,
    "responses": responded,
}


def asked(client: str, upstream: str, *, stream: bool) -> Translation:
    more = {"stream": True, **STREAMED.get(client, {})} if stream else {}
    return translate_request({**ASKED[client], **more}, source=client, target=upstream)


def streamed(events: Batch, client: str, upstream: str) -> Body:
    """What the client's SDK makes of the stream that it gets."""
    translation = asked(client, upstream, stream=True)
    data = DIALECTS[upstream].stream_encoder(Prompt.parse(upstream, translation.body)).feed(events)
    reply = translation.stream()
    made = ACCUMULATED[client](reply.feed(data) + reply.close())
    return made.to_dict(mode="json")  # type: ignore[no-any-return]


def whole(events: Batch, client: str, upstream: str) -> Body:
    """The body that the client gets."""
    translation = asked(client, upstream, stream=False)
    data = DIALECTS[upstream].whole_encoder(Prompt.parse(upstream, translation.body)).feed(events)
    reply = translation.whole()
    return msgspec.json.decode(reply.feed(data) + reply.close())  # type: ignore[no-any-return]


# -- what a body says -------------------------------------------------------------------------------------------------


def in_messages(body: Body) -> tuple[list[Any], Any]:
    """Blocks and the reason of the end."""
    found: list[Any] = []
    for block in body["content"]:
        match block["type"]:
            case "text":
                found.append(block["text"])
            case "thinking":
                found.append(("thought", block["thinking"]))
            case "tool_use":
                found.append((block["id"], block["name"], block["input"]))
    return found, body["stop_reason"]


def in_chat(body: Body) -> tuple[list[Any], Any]:
    """The same of a completion."""
    (choice,) = body["choices"]
    said = choice["message"]
    found: list[Any] = [("thought", said["reasoning_content"])] if said.get("reasoning_content") else []
    found += [said["content"]] if said.get("content") else []
    for call in said.get("tool_calls") or ():
        found.append((call["id"], call["function"]["name"], msgspec.json.decode(call["function"]["arguments"])))
    return found, choice["finish_reason"]


def in_responses(body: Body) -> tuple[list[Any], Any]:
    """The same of a response."""
    found: list[Any] = []
    for item in body["output"]:
        match item["type"]:
            case "message":
                found += [part["text"] for part in item["content"]]
            case "reasoning":
                found.append(("thought", "".join(part["text"] for part in item["summary"])))
            case "function_call":
                found.append((item["call_id"], item["name"], msgspec.json.decode(item["arguments"])))
    return found, (body["status"], (body.get("incomplete_details") or {}).get("reason"))


SAID = {"anthropic": in_messages, "chat": in_chat, "responses": in_responses}
ENDS: dict[str, dict[str, Any]] = {
    "anthropic": {"end_turn": "end_turn", "max_tokens": "max_tokens", "tool_use": "tool_use"},
    "chat": {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"},
    "responses": {
        "end_turn": ("completed", None),
        "max_tokens": ("incomplete", "max_output_tokens"),
        "tool_use": ("completed", None),
    },
}


def told(events: Batch) -> list[Any]:
    """What a body says of *events*."""
    found: list[Any] = []
    for block, said in chat_replies.blocks(events):
        match block:
            case ToolUse():
                found.append((block.id, block.name, msgspec.json.decode(said)))
            case Thinking():
                found.append(("thought", said))
            case _:
                found.append(said)
    return found


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@given(events=replies())
def test_the_stream_adds_up_to_the_whole(client: str, upstream: str, events: Batch) -> None:
    """Both say what the model said, in every pair."""
    finished = events[-1]
    assert isinstance(finished, Finished)
    expected = told(events), ENDS[client][finished.stop]
    assert SAID[client](whole(events, client, upstream)) == expected
    assert SAID[client](streamed(events, client, upstream)) == expected


def counted(body: Body) -> dict[str, int]:
    """The tokens that a body tells, by the arithmetic of its vendor; every class is disjoint."""
    usage = body["usage"]
    if "input_tokens_details" in usage or "prompt_tokens_details" in usage:
        into = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
        out = usage.get("output_tokens_details") or usage.get("completion_tokens_details")
        prompt, output = usage.get("input_tokens", usage.get("prompt_tokens")), usage.get("output_tokens")
        output = usage["completion_tokens"] if output is None else output
        assert usage["total_tokens"] == prompt + output
        read, written, thoughts = into["cached_tokens"], into["cache_write_tokens"], out["reasoning_tokens"]
        return {"fresh": prompt - read - written, "read": read, "written": written, "output": output, "of it": thoughts}
    if made := usage.get("cache_creation"):  # the end of a stream has no place for it
        assert sum(made.values()) == usage["cache_creation_input_tokens"]
    return {
        "fresh": usage["input_tokens"],
        "read": usage["cache_read_input_tokens"],
        "written": usage["cache_creation_input_tokens"],
        "output": usage["output_tokens"],
        "of it": usage["output_tokens_details"]["thinking_tokens"],
    }


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@given(usage=usages)
def test_every_token_is_told_once(client: str, upstream: str, usage: Usage) -> None:
    """Fresh, read and written input, output and the thoughts among it: the same numbers on both sides of a pair."""
    events: Batch = [Started("reply_1", "m"), BlockStarted(0, Text()), TextDelta(0, "x"), BlockStopped(0)]
    events.append(Finished(usage=usage))
    expected = {
        "fresh": usage.input,
        "read": usage.cache_read,
        "written": usage.cache_write_5m,
        "output": usage.produced,
        "of it": usage.reasoning,
    }
    assert counted(whole(events, client, upstream)) == expected
    assert counted(streamed(events, client, upstream)) == expected


@pytest.mark.parametrize("said", [["", "words"], ["words", ""], [""], []])
def test_a_text_without_words_is_no_block_for_clients_that_send_it_back(said: list[str]) -> None:
    """Messages of the Responses API may be empty; as history the Messages API refuses such a text."""
    part = {"type": "output_text", "annotations": [], "logprobs": []}
    items = [
        {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed",
         "content": [{**part, "text": text}]}
        for number, text in enumerate(said)
    ]  # fmt: skip
    began = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
    frames: list[Body] = [{"type": "response.created", "response": began}]
    for number, item in enumerate(items):
        where = {"output_index": number, "item_id": item["id"], "content_index": 0}
        frames += [
            {"type": "response.output_item.added", **where, "item": {**item, "content": []}},
            {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
            *({"type": "response.output_text.delta", **where, "delta": letter} for letter in said[number]),
            {"type": "response.output_item.done", **where, "item": item},
        ]
    frames.append({"type": "response.completed", "response": {**began, "status": "completed", "output": items}})
    stream = b"".join(b"data: %b\n\n" % msgspec.json.encode(frame) for frame in frames)
    reply = asked("anthropic", "responses", stream=True).stream()
    message = anthropic_oracle.accumulate(reply.feed(stream) + reply.close())
    assert [block.model_dump()["text"] for block in message.content] == [text for text in said if text]
