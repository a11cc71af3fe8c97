"""The vendors' SDKs as oracles: they read every reply, and each frame validates against their own types."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic.types import (
    Message,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStartEvent,
    RawMessageStopEvent,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.dialects.responses_oracle import check_body, check_stream
from tests.e2e.running import Gateway

FRAMES: dict[str, Any] = {
    "message_start": RawMessageStartEvent,
    "content_block_start": RawContentBlockStartEvent,
    "content_block_delta": RawContentBlockDeltaEvent,
    "content_block_stop": RawContentBlockStopEvent,
    "message_delta": RawMessageDeltaEvent,
    "message_stop": RawMessageStopEvent,
}

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [
    {"name": "get_weather", "description": "The weather.", "input_schema": CITY},
    {"name": "get_time", "description": "The time.", "input_schema": {"type": "object", "properties": {}}},
]
FUNCTIONS = [
    {"type": "function", "function": {"name": tool["name"], "parameters": tool["input_schema"]}} for tool in TOOLS
]

SCENARIOS = {
    "text": "[[say Hello, wörld 🌍: how are you?]]",
    "many deltas": "[[tokens 200]]",
    "thinking": "[[think let me see]] [[say I have seen]]",
    "tool": '[[say I look.]] [[call get_weather {"city":"Köln"}]]',
    "parallel tools": '[[call get_weather {"city":"A"} get_time {} get_weather {"city":"B"}]]',
    "no words": "[[stop max_tokens]]",
    "cut off": "[[say long]] [[stop max_tokens]]",
    "pings": "[[ping]] [[say a]] [[ping]] [[say b]]",
    "crlf": "[[crlf]] [[say with carriage returns]]",
    "byte by byte": "[[bytes 1]] [[say ünïcödé]]",
    "usage": "[[say x]] [[usage input=100 cache_read=40 output=7]]",
}


@pytest.fixture
def messages(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key="any", max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
def chat(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0, timeout=30) as client:
        yield client


def prompt(text: str) -> dict[str, Any]:
    return {
        "model": "claude-opus-4-5",
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": text}],
        "tools": TOOLS,
    }


def chat_prompt(text: str) -> dict[str, Any]:
    # The SDK's helper refuses a reply that is cut off where tools are offered, so they are only where they are called.
    tools = {"tools": FUNCTIONS} if "[[call" in text else {}
    return {"model": "claude-opus-4-5", "messages": [{"role": "user", "content": text}], **tools}


def responses_prompt(text: str) -> dict[str, Any]:
    tools = [{"type": "function", **one["function"], "strict": False} for one in FUNCTIONS]
    return {"model": "claude-opus-4-5", "input": text, "tools": tools, "reasoning": {"summary": "auto"}}


def content(message: Any) -> Any:
    """What is the same in both ways of asking: ids are new each time."""
    said = message.to_dict()
    return [
        {key: value for key, value in block.items() if key not in {"id", "signature"} and value is not None}
        for block in said["content"]
    ], said["stop_reason"]


@pytest.mark.parametrize("script", SCENARIOS.values(), ids=SCENARIOS)
def test_messages_streamed_equals_whole(messages: anthropic.Anthropic, script: str) -> None:
    """The SDK's accumulated stream says what the whole answer says, and the whole answer validates strictly."""
    whole = messages.messages.create(**prompt(script))
    Message.model_validate(whole.to_dict(), strict=True)
    with messages.messages.stream(**prompt(script)) as stream:
        streamed = stream.get_final_message()
    assert content(streamed) == content(whole)
    assert (whole.stop_reason == "tool_use") == any(block.type == "tool_use" for block in whole.content)
    assert whole.usage.output_tokens == streamed.usage.output_tokens


@pytest.mark.parametrize("script", SCENARIOS.values(), ids=SCENARIOS)
def test_chat_streamed_equals_whole(chat: openai.OpenAI, script: str) -> None:
    """The same through Chat Completions, with usage asked for and not."""
    whole = chat.chat.completions.create(**chat_prompt(script))
    ChatCompletion.model_validate(whole.to_dict(), strict=True)
    streamed = accumulated(chat, chat_prompt(script) | {"stream_options": {"include_usage": True}})
    one, other = whole.choices[0], streamed.choices[0]
    assert (one.message.content or "") == (other.message.content or "")
    assert one.finish_reason == other.finish_reason
    assert calls(one.message) == calls(other.message)
    assert (one.finish_reason == "tool_calls") == bool(calls(one.message))
    assert streamed.usage is not None
    assert whole.usage is not None
    assert streamed.usage.completion_tokens == whole.usage.completion_tokens


def accumulated(chat: openai.OpenAI, asked: dict[str, Any]) -> Any:
    """What the SDK's helper makes of the stream; it raises one that was cut off, and carries it."""
    try:
        with chat.chat.completions.stream(**asked) as stream:
            for _ in stream:
                pass
            return stream.get_final_completion()
    except openai.LengthFinishReasonError as cut:
        return cut.completion


def calls(message: Any) -> list[tuple[str, Any]]:
    """Names and parsed arguments of the calls in *message*."""
    return [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]


def frames(url: str, path: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Event name and payload of every frame, by a reader of its own."""
    fields = {"x-api-key": "any", "anthropic-version": "2023-06-01"} if path.endswith("messages") else {}
    with httpx2.stream("POST", url + path, json=body, headers=fields, timeout=30) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in response.iter_lines():
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                yield name, line[5:].strip()
                name = ""


@pytest.mark.parametrize("script", SCENARIOS.values(), ids=SCENARIOS)
def test_every_frame_of_messages_validates(gateway: Gateway, script: str) -> None:
    """Strictly, against the SDK's class of its type; block indexes are contiguous; the grammar holds."""
    kinds, started = [], []
    for name, payload in frames(gateway.url, "/v1/messages", prompt(script) | {"stream": True}):
        said = json.loads(payload)
        assert said["type"] == name
        if name == "ping":
            continue
        FRAMES[name].model_validate(said, strict=True)
        kinds.append(name)
        if name == "content_block_start":
            started.append(said["index"])
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert started == list(range(len(started)))
    assert kinds.count("content_block_stop") == len(started)


@pytest.mark.parametrize("usage", [True, False])
@pytest.mark.parametrize("script", SCENARIOS.values(), ids=SCENARIOS)
def test_every_frame_of_chat_validates(gateway: Gateway, script: str, usage: bool) -> None:
    """Strictly; one role, one finish, the usage chunk only for who asked, and [DONE]."""
    body = chat_prompt(script) | {"stream": True} | ({"stream_options": {"include_usage": True}} if usage else {})
    *payloads, done = [payload for _, payload in frames(gateway.url, "/v1/chat/completions", body)]
    assert done == "[DONE]"
    said = [json.loads(payload) for payload in payloads]
    for chunk in said:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    choices = [choice for chunk in said for choice in chunk["choices"]]
    assert [choice["delta"]["role"] for choice in choices if "role" in choice["delta"]] == ["assistant"]
    assert len([choice for choice in choices if choice["finish_reason"]]) == 1
    assert len([chunk for chunk in said if not chunk["choices"]]) == usage
    assert len({chunk["id"] for chunk in said}) == 1


@pytest.mark.parametrize("script", SCENARIOS.values(), ids=SCENARIOS)
def test_responses_streamed_equals_whole(chat: openai.OpenAI, script: str) -> None:
    """The same through Responses, item by item; a reply that is cut off is incomplete in both."""
    whole = chat.responses.create(**responses_prompt(script))
    check_body(whole.to_dict())
    with chat.responses.stream(**responses_prompt(script)) as stream:
        ends = [event for event in stream if event.type in ("response.completed", "response.incomplete")]
    (end,) = ends
    assert end.response.status == whole.status == ("incomplete" if "max_tokens" in script else "completed")
    assert items(end.response) == items(whole)
    assert end.response.usage == whole.usage
    assert whole.usage is not None


def items(response: Any) -> list[Any]:
    """What the items of *response* say; ids are new each time, and what is encrypted has some."""
    said = []
    for item in response.to_dict()["output"]:
        texts = [part.get("text") for part in item.get("content") or item.get("summary") or ()]
        arguments = item.get("arguments")
        said.append((item["type"], texts, item.get("name"), json.loads(arguments) if arguments else None))
    return said


@pytest.mark.parametrize("script", SCENARIOS.values(), ids=SCENARIOS)
def test_every_frame_of_responses_validates(gateway: Gateway, script: str) -> None:
    """Strictly, against the SDK's class of its type, numbered without gaps; all lifecycle frames tell one response."""
    body = responses_prompt(script) | {"stream": True}
    told = list(frames(gateway.url, "/v1/responses", body))
    kept = [(name, payload) for name, payload in told if name != "keepalive"]  # the API's own; no type has it
    stream = b"".join(f"event: {name}\ndata: {payload}\n\n".encode() for name, payload in kept)
    values = check_stream(stream, gaps=len(kept) < len(told))
    assert values[0]["type"] == "response.created"
    assert values[-1]["type"] in ("response.completed", "response.incomplete")
    assert len({value["response"]["id"] for value in values if "response" in value}) == 1
    done = [value["item"]["id"] for value in values if value["type"] == "response.output_item.done"]
    assert done == [item["id"] for item in values[-1]["response"]["output"]]


@pytest.mark.parametrize("streaming", [True, False])
def test_several_choices(shared: Any, streaming: bool) -> None:
    """From an upstream that has them; of another one, and that is told, or refused where nothing may be lost."""
    asked = chat_prompt("[[say Hello]]") | {"n": 2, "stream": streaming}
    found = {}
    for dialect in ("chat", "anthropic", "responses"):
        with openai.OpenAI(base_url=f"{shared(dialect).url}/v1", api_key="any", max_retries=0, timeout=30) as client:
            answer = client.chat.completions.with_raw_response.create(**asked)
            told = answer.parse()
            chunks = list(told) if streaming else [told]
            found[dialect] = {choice.index for chunk in chunks for choice in chunk.choices}
            lost = answer.headers.get("x-pipeline-changes", "").rpartition("lost=")[2]
            if dialect != "chat":
                assert int(lost) >= 1
                with pytest.raises(openai.BadRequestError, match="n: "):
                    client.chat.completions.create(**asked, extra_headers={"x-pipeline-fidelity": "strict"})
    assert found == {"chat": {0, 1}, "anthropic": {0}, "responses": {0}}


ERRORS = [
    ("[[fault 400]]", anthropic.BadRequestError, openai.BadRequestError),
    ("[[fault 401]]", anthropic.AuthenticationError, openai.AuthenticationError),
    ("[[fault 403]]", anthropic.PermissionDeniedError, openai.PermissionDeniedError),
    ("[[fault 404]]", anthropic.NotFoundError, openai.NotFoundError),
    ("[[fault 429 retry-after=2]]", anthropic.RateLimitError, openai.RateLimitError),
    ("[[fault 500]]", anthropic.InternalServerError, openai.InternalServerError),
    ("[[html 502]]", anthropic.InternalServerError, openai.InternalServerError),
    ("[[fault overflow]]", anthropic.BadRequestError, openai.BadRequestError),
    ("[[reset]]", anthropic.InternalServerError, openai.InternalServerError),
]


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(("script", "told", "_"), ERRORS, ids=[row[0] for row in ERRORS])
def test_an_upstreams_refusal_is_the_sdks_own_error(
    messages: anthropic.Anthropic, script: str, told: Any, _: Any, streaming: bool
) -> None:
    """Its class, with a request id and a message; the same before a stream and without one."""
    with pytest.raises(told) as caught:
        messages.messages.create(**prompt(script), stream=streaming)
    assert caught.value.request_id
    if "html" in script:  # passed as it came, or told anew
        assert b"502" in caught.value.response.content or b"api_error" in caught.value.response.content
        return
    assert caught.value.body["type"] == "error"
    if "overflow" in script:
        assert caught.value.body["error"]["message"].startswith("prompt is too long")
    if "429" in script:
        assert caught.value.response.headers["retry-after"] == "2"


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(("script", "_", "told"), ERRORS, ids=[row[0] for row in ERRORS])
def test_an_upstreams_refusal_is_the_sdks_own_error_in_chat(
    chat: openai.OpenAI, script: str, _: Any, told: Any, streaming: bool
) -> None:
    """The same through Chat Completions."""
    with pytest.raises(told) as caught:
        chat.chat.completions.create(**chat_prompt(script), stream=streaming)
    assert caught.value.request_id
    assert caught.value.message
    if "overflow" in script:
        assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    "script", ["[[say begun]] [[cut]]", "[[say begun]] [[eof]]", "[[say begun]] [[error overloaded_error]]"]
)
def test_a_stream_that_breaks_is_an_error_of_the_sdk(
    messages: anthropic.Anthropic, chat: openai.OpenAI, script: str
) -> None:
    """Never a shorter answer."""
    with pytest.raises(anthropic.APIStatusError), messages.messages.stream(**prompt(script)) as stream:
        stream.get_final_message()
    with pytest.raises(openai.APIError):
        list(chat.chat.completions.create(**chat_prompt(script), stream=True))


def test_models_are_listed_in_the_callers_shape(messages: anthropic.Anthropic, chat: openai.OpenAI) -> None:
    """And each can be asked for by name."""
    theirs = list(messages.models.list(limit=1000))
    assert theirs
    assert all(model.type == "model" and model.display_name for model in theirs)
    assert messages.models.retrieve(theirs[0].id).id == theirs[0].id
    ours = list(chat.models.list())
    assert {model.id for model in ours} == {model.id for model in theirs}
    assert chat.models.retrieve(ours[0].id).object == "model"
    with pytest.raises(anthropic.NotFoundError):
        messages.models.retrieve("no-such-model")
    with pytest.raises(openai.NotFoundError):
        chat.models.retrieve("no-such-model")


def test_tokens_are_counted(messages: anthropic.Anthropic) -> None:
    """By the upstream, or by us where it does not count."""
    body = prompt("word " * 1000)
    body.pop("max_tokens")
    assert 500 < messages.messages.count_tokens(**body).input_tokens < 5000


def test_a_conversation_with_tools_goes_on(messages: anthropic.Anthropic, chat: openai.OpenAI) -> None:
    """Calls go out and results come back, in both protocols, with the ids the client was given."""
    script = '[[call get_weather {"city":"A"} get_time {}]] [[then]] [[echo]] [[say  and done]]'
    body = prompt(script)
    first = messages.messages.create(**body)
    results: Any = [
        {"type": "tool_result", "tool_use_id": block.id, "content": f"result {number}"}
        for number, block in enumerate(first.content)
        if block.type == "tool_use"
    ]
    turns = [*body["messages"], {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = messages.messages.create(**(body | {"messages": turns}))
    assert "result" in second.content[0].text  # type: ignore[union-attr]  # it is text
    assert second.stop_reason == "end_turn"

    asked = chat_prompt(script)
    answer = chat.chat.completions.create(**asked).choices[0].message
    said = [{"role": "tool", "tool_call_id": call.id, "content": "result"} for call in answer.tool_calls or []]
    assert len(said) == 2
    again = chat.chat.completions.create(**(asked | {"messages": [*asked["messages"], answer.to_dict(), *said]}))
    assert "and done" in (again.choices[0].message.content or "")
