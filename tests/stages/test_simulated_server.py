"""Over a real socket: the vendors' own clients against the simulated model, and the model as a program."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anthropic
import httpx2
import openai
import pytest
import trio
from pydantic import BaseModel

from stages.simulated import Settings, Simulated, serve

T = TypeVar("T")
BASH: Any = {"name": "Bash", "input_schema": {"type": "object"}}
FUNCTION: Any = {"type": "function", "function": {"name": "Bash", "parameters": {"type": "object"}}}


@asynccontextmanager
async def served(dialect: str, **settings: Any) -> AsyncIterator[tuple[str, Simulated]]:
    """A model on a loopback socket; a bug in it fails the test."""
    model, crashes = Simulated(dialect, Settings(**{"remember": 8, **settings})), list[BaseException]()
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(serve, model=model, on_crash=crashes.append)), model
        nursery.cancel_scope.cancel()
    assert crashes == []


async def claude(url: str, ask: Callable[[anthropic.Anthropic], T], **options: Any) -> T:
    """What *ask* gets from the real client, run in a thread."""

    def run() -> T:
        with anthropic.Anthropic(base_url=url, api_key="k", **{"max_retries": 0, "timeout": 10, **options}) as client:
            return ask(client)

    return await trio.to_thread.run_sync(run)


async def chatgpt(url: str, ask: Callable[[openai.OpenAI], T], **options: Any) -> T:
    """The same with the other vendor's."""

    def run() -> T:
        with openai.OpenAI(base_url=url + "/v1", api_key="k", **{"max_retries": 0, "timeout": 10, **options}) as client:
            return ask(client)

    return await trio.to_thread.run_sync(run)


def message(client: anthropic.Anthropic, said: Any, **fields: Any) -> Any:
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
    return client.messages.create(**{"model": "claude-opus-5-5", "max_tokens": 500, "messages": messages, **fields})


def completion(client: openai.OpenAI, said: Any, **fields: Any) -> Any:
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
    return client.chat.completions.create(**{"model": "gpt-6-sol", "messages": messages, **fields})


# -- the Messages API -------------------------------------------------------------------------------------------------


async def test_anthropics_client_holds_a_conversation() -> None:
    """The SDK streams a thought and a call, answers it, and gets the next turn; the signature holds."""

    def talk(client: anthropic.Anthropic) -> str:
        thinking: Any = {"type": "adaptive", "display": "summarized"}
        common: Any = {"model": "claude-opus-5-5", "max_tokens": 500, "tools": [BASH], "thinking": thinking}
        history: Any = [{"role": "user", "content": '[[call Bash {"command":"ls"}]] [[then]] [[echo]]'}]
        with client.messages.stream(messages=history, **common) as stream:
            said = stream.get_final_message()
        assert [block.type for block in said.content] == ["thinking", "tool_use"]
        assert said.content[1].input == {"command": "ls"}
        result = {"type": "tool_result", "tool_use_id": said.content[1].id, "content": "a file"}
        history += [{"role": "assistant", "content": said.content}, {"role": "user", "content": [result]}]
        answer = client.messages.create(messages=history, **common)
        assert answer.content[0].type == "thinking"
        return str(answer.content[1].text)

    async with served("anthropic") as (url, model):
        assert await claude(url, talk) == "a file"
        assert [seen.ended for seen in model.seen] == ["in good order"] * 2
        assert (b"anthropic-version", b"2026-10-21") in model.seen[0].headers


async def test_anthropics_client_raises_its_own_errors() -> None:
    """Statuses and errors in the stream become the SDK's exceptions, with type and request id."""

    def provoke(client: anthropic.Anthropic) -> None:
        with pytest.raises(anthropic.OverloadedError) as overloaded:
            message(client, "[[fault 529]]")
        assert (overloaded.value.request_id or "").startswith("req_")
        with pytest.raises(anthropic.RateLimitError):
            message(client, "[[fault quota]]")
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 1000001 tokens > 1000000 maximum"):
            message(client, "[[fault overflow]]")
        with pytest.raises(anthropic.InternalServerError):
            message(client, "[[html 502]]")
        with pytest.raises(anthropic.APIStatusError) as late:
            list(message(client, "[[say half]] [[error overloaded_error]]", stream=True))
        assert (late.value.status_code, late.value.type) == (200, "overloaded_error")

    async with served("anthropic") as (url, _):
        await claude(url, provoke)
    async with served("anthropic", key="another") as (url, _):
        with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
            await claude(url, lambda client: message(client, "hi"))


async def test_anthropics_client_retries_what_wears_off() -> None:
    """A fault with times is met by the client's own retry."""
    async with served("anthropic") as (url, model):
        said = await claude(
            url, lambda client: message(client, "[[fault 529 times=1 retry-after-ms=1]] [[say ok]]"), max_retries=2
        )
        assert said.content[0].text == "ok"
        assert len(model.seen) == 2


async def test_other_questions_of_anthropics_client() -> None:
    """Models, counts, batches and files go through the SDK."""

    def ask(client: anthropic.Anthropic) -> None:
        names = [model.id for model in client.models.list(limit=2)]  # pages until there are no more
        assert len(names) == len(set(names)) > 2
        assert client.models.retrieve("claude-opus-5-5").capabilities.thinking.types.adaptive.supported  # type: ignore[union-attr]  # it has them
        counted = client.messages.count_tokens(model="claude-opus-5-5", messages=[{"role": "user", "content": "hello"}])
        assert counted.input_tokens == 2
        assert list(client.messages.batches.list()) == []
        batch = client.messages.batches.create(requests=[])
        assert client.messages.batches.retrieve(batch.id).processing_status == "ended"
        assert client.files.upload(file=("a.txt", b"abc", "text/plain")).type == "file"

    async with served("anthropic") as (url, _):
        await claude(url, ask)


# -- Chat Completions -------------------------------------------------------------------------------------------------


async def test_openais_client_holds_a_conversation() -> None:
    """The SDK streams parallel calls with usage, answers them, and gets the next turn."""

    def talk(client: openai.OpenAI) -> str:
        history: Any = [{"role": "user", "content": '[[calls Bash {"n":1} Bash {"n":2}]] [[then]] [[echo]]'}]
        common: Any = {"model": "gpt-6-sol", "tools": [FUNCTION]}
        with client.chat.completions.stream(
            messages=history, stream_options={"include_usage": True}, **common
        ) as stream:
            said = stream.get_final_completion()
        calls = said.choices[0].message.tool_calls or []
        assert [call.function.arguments for call in calls] == ['{"n":1}', '{"n":2}']
        assert said.usage is not None
        made = [{"id": c.id, "type": "function", "function": {"name": "Bash", "arguments": "{}"}} for c in calls]
        results = [{"role": "tool", "tool_call_id": call.id, "content": f"file {n}"} for n, call in enumerate(calls)]
        history += [{"role": "assistant", "content": None, "tool_calls": made}, *results]
        return str(client.chat.completions.create(messages=history, **common).choices[0].message.content)

    async with served("chat") as (url, _):
        assert await chatgpt(url, talk) == "file 1"


async def test_openais_client_raises_its_own_errors() -> None:
    """Statuses and errors in the stream become the SDK's exceptions, with code and param."""

    def provoke(client: openai.OpenAI) -> None:
        with pytest.raises(openai.RateLimitError) as limited:
            completion(client, "[[fault 429 retry-after=2]]")
        assert (limited.value.code, limited.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "2")
        with pytest.raises(openai.BadRequestError) as long:
            completion(client, "[[fault overflow]]")
        assert (long.value.code, long.value.param) == ("context_length_exceeded", "messages")
        with pytest.raises(openai.BadRequestError) as old:
            completion(client, "hi", max_tokens=5)
        assert (old.value.code, old.value.param) == ("unsupported_parameter", "max_tokens")
        with pytest.raises(openai.APIError, match="overloaded") as late:
            list(completion(client, "[[say half]] [[error server_is_overloaded]]", stream=True))
        assert late.value.code == "server_is_overloaded"

    async with served("chat") as (url, _):
        await chatgpt(url, provoke)
        assert "simulated" in [model.id for model in await chatgpt(url, lambda client: list(client.models.list()))]


# -- Responses --------------------------------------------------------------------------------------------------------

TOOL: Any = {"type": "function", "name": "Bash", "parameters": {"type": "object"}, "strict": False}


def response(client: openai.OpenAI, said: Any, **fields: Any) -> Any:
    return client.responses.create(**{"model": "gpt-6-sol", "input": said, **fields})


async def test_openais_client_holds_a_conversation_of_items() -> None:
    """The SDK streams reasoning and parallel calls, brings back what it was given, and gets the next turn."""

    def talk(client: openai.OpenAI) -> str:
        items: Any = [{"role": "user", "content": '[[calls Bash {"n":1} Bash {"n":2}]] [[then]] [[echo]]'}]
        common: Any = {"model": "gpt-6-sol", "tools": [TOOL], "reasoning": {"effort": "low", "summary": "auto"}}
        with client.responses.stream(input=items, store=False, **common) as stream:
            events = [event.type for event in stream]
            said = stream.get_final_response()
        assert events[:2] == ["response.created", "response.in_progress"]
        assert [item.type for item in said.output] == ["reasoning", "function_call", "function_call"]
        assert said.usage is not None
        assert said.usage.output_tokens_details.reasoning_tokens > 0
        kept = [item.to_dict() for item in said.output]
        for item in kept:
            item.pop("parsed_arguments", None)  # the SDK's own
        ids = [item["call_id"] for item in kept if item["type"] == "function_call"]
        results = [{"type": "function_call_output", "call_id": x, "output": f"file {n}"} for n, x in enumerate(ids)]
        return str(response(client, [*items, *kept, *results], store=False, **common).output_text)

    async with served("responses") as (url, _):
        assert await chatgpt(url, talk) == "file 1"


async def test_openais_client_raises_for_responses_too() -> None:
    """Statuses become the SDK's exceptions with code and param; an error in the stream an event or an exception."""

    def provoke(client: openai.OpenAI) -> None:
        with pytest.raises(openai.BadRequestError) as old:
            response(client, "hi", max_output_tokens=5)
        assert (old.value.code, old.value.param) == ("integer_below_min_value", "max_output_tokens")
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve("resp_1")
        with pytest.raises(openai.RateLimitError):
            response(client, "[[fault 429]]")
        script = '[[say half]] [[error context_length_exceeded form=nested message="too long"]]'
        with pytest.raises(openai.APIError, match="too long") as late:
            list(response(client, script, stream=True))
        assert late.value.code == "context_length_exceeded"
        events = list(response(client, "[[say half]] [[error server_error]]", stream=True))
        assert (events[-1].type, events[-1].response.error.code) == ("response.failed", "server_error")
        for script in ("[[say half]] [[eof]]", "[[say half]] [[stop max_tokens]]"):
            with client.responses.stream(model="gpt-6-sol", input=script) as stream, pytest.raises(RuntimeError):
                stream.get_final_response()

    async with served("responses") as (url, _):
        await chatgpt(url, provoke)


async def test_openais_client_counts_and_parses() -> None:
    """Counting goes through the SDK, and a structured answer is an instance of the class it was asked for."""

    class Answer(BaseModel):
        ok: bool

    def ask(client: openai.OpenAI) -> None:
        assert client.responses.input_tokens.count(model="gpt-6-sol", input="hello").input_tokens == 2
        parsed = client.responses.parse(model="gpt-6-sol", input="go", text_format=Answer)
        assert parsed.output_parsed == Answer(ok=False)
        assert "gpt-6-sol" in [model.id for model in client.models.list()]

    async with served("responses") as (url, _):
        await chatgpt(url, ask)


@pytest.mark.parametrize("directive", ["[[bytes 1]]", "[[crlf]]", "[[burst 1]]", "[[pause 0.2 every=0.05]]"])
async def test_any_manner_of_a_response_is_understood(directive: str) -> None:
    """However the bytes are cut and the silence is filled, the client hears the same."""

    def hear(client: openai.OpenAI) -> str:
        with client.responses.stream(model="gpt-6-sol", input=f"{directive} [[say hé llo]]") as stream:
            return stream.get_final_response().output_text

    async with served("responses") as (url, _):
        assert await chatgpt(url, hear) == "hé llo"


# -- the connection ---------------------------------------------------------------------------------------------------


async def test_breaks_are_seen_as_breaks() -> None:
    """[[cut]] and [[reset]] break the connection, [[eof]] does not; the next request is served on a new one."""

    def provoke(client: anthropic.Anthropic) -> None:
        for said in ("[[reset]]", "[[say half]] [[cut]]"):
            with pytest.raises(anthropic.APIConnectionError):
                message(client, said)
        with pytest.raises((anthropic.APIConnectionError, httpx2.RemoteProtocolError)):
            list(message(client, "[[say half]] [[cut]]", stream=True))
        names = [event.type for event in message(client, "[[say half]] [[eof]]", stream=True)]
        assert names[-1] == "content_block_delta"
        assert message(client, "[[say ok]]").content[0].text == "ok"

    async with served("anthropic") as (url, _):
        await claude(url, provoke)


async def test_a_client_that_leaves_is_noticed() -> None:
    """[[hang]] and a paced stream end when the client goes."""
    async with served("anthropic") as (url, model):
        with pytest.raises(anthropic.APITimeoutError):
            await claude(url, lambda client: message(client, "[[hang]]"), timeout=0.1)

        def leave(client: anthropic.Anthropic) -> None:
            with client.messages.create(
                model="m",
                max_tokens=9000,
                stream=True,
                messages=[{"role": "user", "content": "[[rate 1]] [[tokens 9]]"}],
            ) as stream:
                next(iter(stream))

        await claude(url, leave)
        with trio.fail_after(5):
            for seen in model.seen:
                await seen.over.wait()
        assert [seen.ended for seen in model.seen] == ["left", "left"]


@pytest.mark.parametrize("directive", ["[[bytes 1]]", "[[crlf]]", "[[burst 1]]"])
async def test_any_manner_is_understood(directive: str) -> None:
    """However the bytes are cut, both clients hear the same."""

    def hear(client: anthropic.Anthropic) -> str:
        fields: Any = {"model": "m", "max_tokens": 500}
        with client.messages.stream(
            messages=[{"role": "user", "content": f"{directive} [[say hé llo]]"}], **fields
        ) as stream:
            return stream.get_final_text()

    def also(client: openai.OpenAI) -> str:
        chunks = completion(client, f"{directive} [[say hé llo]]", stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    async with served("anthropic") as (url, _), served("chat") as (other, _):
        assert await claude(url, hear) == "hé llo"
        assert await chatgpt(other, also) == "hé llo"


# -- as a program -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ("chat", lambda client: completion(client, "hi").choices[0].message.content),
        ("responses", lambda client: response(client, "hi").output_text),
    ],
)
async def test_the_model_is_a_program(dialect: str, words: Callable[[openai.OpenAI], str]) -> None:
    """It prints its URL, serves the dialect asked for, and ends on SIGTERM without a word."""
    command = [sys.executable, "-m", "stages.simulated", "--dialect", dialect, "--script", "[[say always]]"]
    async with trio.open_nursery() as nursery:
        start = partial(trio.run_process, command, stdout=subprocess.PIPE, capture_stderr=True, check=False)
        process = await nursery.start(start)
        with trio.fail_after(20):
            url = (await process.stdout.receive_some(100)).decode().strip()
            assert await chatgpt(url, words) == "always"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


async def test_the_program_explains_its_words() -> None:
    """--words prints the language of scripts."""
    told = await trio.run_process([sys.executable, "-m", "stages.simulated", "--words"], capture_stdout=True)
    assert b"[[fault 429 retry-after=2" in told.stdout
