"""Pages that an answer cites: noted beside its words, by each dialect in its own way."""

from typing import Any

import msgspec
import pytest

from pipeline.events import Opaque
from stages.dialects.citations import cited, nested
from stages.translation import translate_request
from tests.dialects import anthropic_oracle, chat_replies, responses_oracle
from tests.dialects.chat_replies import frame

PAGE = {"url": "https://e.com/w", "title": "Weather", "start_index": 0, "end_index": 9}
FLAT = {"type": "url_citation", **PAGE}
NESTED = {"type": "url_citation", "url_citation": PAGE}
ASKED: dict[str, dict[str, Any]] = {
    "chat": {"model": "gpt-5.2", "messages": [{"role": "user", "content": "Hi"}]},
    "responses": {"model": "gpt-5.2", "input": "Hi"},
}
PART: dict[str, Any] = {"type": "output_text", "text": "It rains.", "annotations": [FLAT], "logprobs": []}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [PART],
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m",
    "output": [MESSAGE],
}
ADDED = "response.output_text.annotation.added"


@pytest.mark.parametrize(
    ("note", "pages"),
    [
        (Opaque("chat", "annotations", [NESTED, 5, {"type": "file"}]), [FLAT]),
        (Opaque("responses", ADDED, {"annotation": FLAT}), [FLAT]),
        (Opaque("responses", ADDED, {"annotation": {"type": "file_citation", "file_id": "f"}}), []),
        (
            Opaque("anthropic", "citations_delta",
                   {"citation": {"type": "web_search_result_location", "url": PAGE["url"], "title": "Weather"}}),
            [FLAT],
        ),
        (Opaque("anthropic", "citations_delta", {"citation": {"type": "char_location"}}), []),
        (Opaque("chat", "audio", {}), []),
    ],
)  # fmt: skip
def test_pages(note: Opaque, pages: Any) -> None:
    """Those on the web, as Responses has them; others are their own dialect's alone."""
    assert cited(note, 9) == pages


def test_nested() -> None:
    """As Chat has one."""
    assert nested(FLAT) == NESTED


def asked(source: str, target: str, *, stream: bool) -> Any:
    return translate_request({**ASKED[source], "stream": stream}, source=source, target=target)


def test_a_chat_answer_cites_for_a_responses_client() -> None:
    """In a stream as frames of the part, and in the part; in a whole reply in the part."""
    upstream = frame({"role": "assistant", "content": "It rains."}) + frame({"annotations": [{"index": 0, **NESTED}]})
    reply = asked("responses", "chat", stream=True).stream()
    stream = reply.feed(upstream + frame(finish="stop") + chat_replies.DONE) + reply.close()
    added = [value for value in responses_oracle.check_stream(stream) if value["type"] == ADDED]
    assert [value["annotation"] for value in added] == [FLAT]
    message: dict[str, Any] = {"role": "assistant", "content": "It rains.", "annotations": [NESTED]}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    whole = asked("responses", "chat", stream=False).whole()
    made = msgspec.json.decode(whole.feed(msgspec.json.encode(body)) + whole.close())
    assert made["output"][0]["content"][0]["annotations"] == [FLAT]


def test_a_response_cites_for_a_chat_client() -> None:
    """Its helper puts them together by index."""
    body = msgspec.json.encode(RESPONSE)
    upstream = responses_oracle.write(responses_oracle.bare(responses_oracle.read_whole(body)))
    reply = asked("chat", "responses", stream=True).stream()
    streamed: Any = chat_replies.accumulated(reply.feed(upstream) + reply.close()).to_dict()
    whole = asked("chat", "responses", stream=False).whole()
    made = msgspec.json.decode(whole.feed(body) + whole.close())
    (noted,) = made["choices"][0]["message"]["annotations"]
    assert noted == NESTED
    assert streamed["choices"][0]["message"]["annotations"] == [{"index": 0, **NESTED}]


def searched(*texts: dict[str, Any]) -> dict[str, Any]:
    """What Claude answers after a search."""
    found: list[dict[str, Any]] = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "weather"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    ]
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [*found, *texts]}
    return {**message, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}


@pytest.mark.parametrize("tools", [[], [{"type": "function", "function": {"name": "a.b"}}]])
def test_what_claude_cites_is_a_span_of_a_chat_answer(tools: list[Any]) -> None:
    """Of all the texts together, as a Chat client reads them; streamed and whole; of documents there is nothing."""
    page = {"type": "web_search_result_location", "url": PAGE["url"], "title": PAGE["title"], "encrypted_index": "E",
            "cited_text": "rain"}  # fmt: skip
    document = {"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None,
                "start_char_index": 0, "end_char_index": 1}  # fmt: skip
    body = msgspec.json.encode(
        searched(
            {"type": "text", "text": "I looked: "},
            {"type": "text", "text": "It rains.", "citations": [page, document, page]},
            {"type": "text", "text": " Take care.", "citations": [page]},
        )
    )
    spans = [(10, 19), (10, 19), (19, 30)]
    wanted = [{**PAGE, "start_index": start, "end_index": end} for start, end in spans]
    prompt = {**ASKED["chat"], "web_search_options": {}, "tools": tools}
    upstream = anthropic_oracle.write(anthropic_oracle.bare(anthropic_oracle.read_whole(body)))
    streaming, whole = (
        translate_request({**prompt, "stream": stream}, source="chat", target="anthropic") for stream in (True, False)
    )
    reply = streaming.stream()
    streamed: Any = chat_replies.accumulated(reply.feed(upstream) + reply.close()).to_dict()
    told = streamed["choices"][0]["message"]
    assert told["content"] == "I looked: It rains. Take care."
    assert told["annotations"] == [
        {"index": number, "type": "url_citation", "url_citation": one} for number, one in enumerate(wanted)
    ]
    folding = whole.whole()
    made = msgspec.json.decode(folding.feed(body) + folding.close())
    assert [one["url_citation"] for one in made["choices"][0]["message"]["annotations"]] == wanted
