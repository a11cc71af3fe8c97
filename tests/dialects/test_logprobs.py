"""Log probabilities go from Chat to Responses and back, in streams and whole replies, each in its own form."""

from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from pipeline.events import Event, TextDelta
from stages.dialects import chat
from stages.dialects.logprobs import brief, spelled, tokens
from tests.dialects.responses_oracle import (
    accumulate,
    bare,
    check_body,
    check_stream,
    read,
    read_whole,
    write,
    write_whole,
)
from tests.doubles import asking

SAID = ["Hel", "lo", "é"]


def token(text: str) -> dict[str, Any]:
    one = {"token": text, "bytes": list(text.encode()), "logprob": -0.5}
    return {**one, "top_logprobs": [one, {"token": "no", "bytes": [110, 111], "logprob": -2.0}]}


WEIGHED = [token(text) for text in SAID]


def chat_stream() -> bytes:
    """Three words with their tokens, as Chat streams them."""
    same = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.5"}
    deltas: list[tuple[Any, Any, Any]] = [({"role": "assistant", "content": ""}, None, None)]
    deltas += [({"content": one["token"]}, {"content": [one], "refusal": None}, None) for one in WEIGHED]
    deltas += [({}, None, "stop")]
    chunks = [
        {**same, "choices": [{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]}
        for delta, logprobs, finish in deltas
    ]
    return b"".join(b"data: %b\n\n" % msgspec.json.encode(chunk) for chunk in chunks) + b"data: [DONE]\n\n"


def chat_whole() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "".join(SAID)}, "finish_reason": "stop"}
    choice["logprobs"] = {"content": WEIGHED, "refusal": None}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5.5", "choices": [choice]}
    return msgspec.json.encode(body)


def decoded(decoder: Any, raw: bytes) -> list[Event]:
    return [*decoder.feed(raw), *decoder.close()]


def weights(events: list[Event]) -> list[Any]:
    return [one for event in events if isinstance(event, TextDelta) for one in event.logprobs or ()]


def test_a_stream_of_chat_is_a_stream_of_responses() -> None:
    """In each delta, at the end of the text, and in the item, strictly as the vendor's types have them."""
    events = decoded(chat.stream_decoder(None), chat_stream())
    stream = write(events)
    values = check_stream(stream)
    deltas = [value for value in values if value["type"] == "response.output_text.delta"]
    assert [value["logprobs"] for value in deltas] == [brief([one]) for one in WEIGHED]
    (done,) = (value for value in values if value["type"] == "response.output_text.done")
    assert done["logprobs"] == brief(WEIGHED)
    assert accumulate(stream).output[0].content[0].to_dict()["logprobs"] == WEIGHED


def test_a_stream_of_responses_is_a_stream_of_chat() -> None:
    """Each token in the chunk of its words; its bytes are those of its text."""
    events = read(write(decoded(chat.stream_decoder(None), chat_stream())))
    assert weights(events) == WEIGHED
    out = chat.stream_encoder(asking("m")).feed(events)
    chunks = [msgspec.json.decode(line[6:]) for line in out.split(b"\n\n") if line.startswith(b"data: {")]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    told = [chunk["choices"][0] for chunk in chunks if chunk["choices"] and chunk["choices"][0]["logprobs"]]
    assert [choice["delta"] for choice in told] == [{"content": text} for text in SAID]
    assert [one for choice in told for one in choice["logprobs"]["content"]] == WEIGHED


def test_whole_replies_both_ways() -> None:
    """In the part of the message there, in the choice here."""
    body = write_whole(decoded(chat.whole_decoder(), chat_whole()))
    said = check_body(msgspec.json.decode(body))
    assert said["output"][0]["content"][0]["logprobs"] == WEIGHED
    events = read_whole(body)
    assert weights(events) == WEIGHED
    again = msgspec.json.decode(chat.whole_encoder(asking("m")).feed(events))
    ChatCompletion.model_validate(again, strict=True)
    assert again["choices"][0]["logprobs"] == {"content": WEIGHED, "refusal": None}


@pytest.mark.parametrize("place", range(3, 9))
def test_a_stream_that_is_changed_in_its_midst_keeps_them(place: int) -> None:
    """What passed before counts in the item at the end."""
    events = read(write(decoded(chat.stream_decoder(None), chat_stream())))
    stream = write([*events[:place], *bare(events[place:])])
    assert accumulate(stream).output[0].content[0].to_dict()["logprobs"] == WEIGHED


def test_words_that_a_stage_changed_have_none() -> None:
    """They were another text's."""
    events = decoded(chat.stream_decoder(None), chat_stream())
    changed = [event.replace(piece="x", logprobs=None) if isinstance(event, TextDelta) else event for event in events]
    assert b'"logprobs":null' in chat.stream_encoder(asking("m")).feed(changed)
    assert b'"token"' not in chat.stream_encoder(asking("m")).feed(changed)


def test_a_refusals_are_its_own() -> None:
    """Chat keeps them apart; Responses has none of refusals."""
    raw = chat_stream().replace(b'"delta":{"content":"Hel"', b'"delta":{"refusal":"Hel"')
    raw = raw.replace(b'"logprobs":{"content":', b'"logprobs":{"refusal":', 1).replace(b',"refusal":null}', b"}", 1)
    events = decoded(chat.stream_decoder(None), raw)
    assert weights(events)[0] == WEIGHED[0]
    assert b'"logprobs":{"refusal":[' in chat.stream_encoder(asking("m")).feed(bare(events))
    check_stream(write(events))


@pytest.mark.parametrize("strange", [None, [], {}, "x", [None], [{"token": 1, "logprob": 0.1}], [{"token": "a"}]])
def test_what_is_no_list_of_tokens_is_left_out(strange: Any) -> None:
    """An answer is worth more than its weights."""
    assert tokens(strange) is None


def test_part_of_a_character_has_no_text_to_take_bytes_from() -> None:
    """Unknown bytes are null in Chat and empty in Responses, which demands them."""
    (one,) = tokens([{"token": "bytes:\\xf0", "logprob": 0}]) or ()
    assert (one["bytes"], one["top_logprobs"]) == (None, [])
    assert spelled([one])[0]["bytes"] == []
