"""What every gateway that runs must do, whatever it is configured for: ``pytest --gateway URL``, or one of our own.

The vendors' SDKs ask it, in the three protocols, streamed and whole, with a key and a model that it knows.
"""

from collections.abc import Iterator

import anthropic
import httpx2
import openai
import pytest

from tests.e2e.running import Door

ASKED = {"role": "user", "content": "Say one word."}


@pytest.fixture
def messages(door: Door) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=door.url, api_key=door.key, timeout=60) as client:
        yield client


@pytest.fixture
def chat(door: Door) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{door.url}/v1", api_key=door.key, timeout=60) as client:
        yield client


@pytest.fixture
def model(door: Door, chat: openai.OpenAI) -> str:
    """What is asked for: what the command line says, else the first that the gateway lists."""
    return door.model or chat.models.list().data[0].id


def test_it_is_well(door: Door) -> None:
    """Health and readiness need no key."""
    for path in ("/health", "/health/liveness", "/health/readiness", "/version"):
        assert httpx2.get(door.url + path, timeout=60).status_code == 200, path


def test_messages(messages: anthropic.Anthropic, model: str) -> None:
    """A whole answer and a stream, both with an end and with tokens."""
    whole = messages.messages.create(model=model, max_tokens=2000, messages=[ASKED])
    with messages.messages.stream(model=model, max_tokens=2000, messages=[ASKED]) as stream:
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert (message.model, message.stop_reason) == (model, "end_turn")
        assert any(block.type == "text" and block.text for block in message.content)
        assert message.usage.output_tokens > 0


def test_chat(chat: openai.OpenAI, model: str) -> None:
    """The same in Chat Completions; a stream tells its tokens if it is asked to."""
    told = {"include_usage": True}
    whole = chat.chat.completions.create(model=model, messages=[ASKED])
    with chat.chat.completions.stream(model=model, messages=[ASKED], stream_options=told) as stream:
        streamed = stream.get_final_completion()
    for completion in (whole, streamed):
        (choice,) = completion.choices
        assert (completion.model, choice.finish_reason) == (model, "stop")
        assert choice.message.content
        assert completion.usage is not None
        assert completion.usage.completion_tokens > 0


def test_responses(chat: openai.OpenAI, model: str) -> None:
    """The same in Responses."""
    whole = chat.responses.create(model=model, input=[ASKED], store=False)
    with chat.responses.stream(model=model, input=[ASKED], store=False) as stream:
        streamed = stream.get_final_response()
    for response in (whole, streamed):
        assert (response.model, response.status) == (model, "completed")
        assert response.output_text
        assert response.usage is not None
        assert response.usage.output_tokens > 0


def test_tokens_are_counted(messages: anthropic.Anthropic, model: str) -> None:
    """Before anything is asked."""
    counted = messages.messages.count_tokens(model=model, messages=[ASKED])
    assert counted.input_tokens > 0


def test_a_refusal_speaks_the_caller_s_protocol(messages: anthropic.Anthropic, chat: openai.OpenAI) -> None:
    """What is wrong with a request is told as its vendor would, so that the SDKs raise what their users catch."""
    with pytest.raises(anthropic.BadRequestError):
        messages.post("/v1/messages", body={"model": 7}, cast_to=object)
    with pytest.raises(openai.BadRequestError):
        chat.post("/chat/completions", body={"model": 7}, cast_to=object)
