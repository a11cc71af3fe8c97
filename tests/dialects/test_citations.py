"""Pages that an answer cites: noted beside its words, by each dialect in its own way."""

from typing import Any

import msgspec
import pytest

from pipeline.events import Opaque
from stages.dialects.citations import cited, nested
from stages.translation import translate_request
from tests.dialects import chat_replies, responses_oracle
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
