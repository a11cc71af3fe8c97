"""The real CLI as an upstream: started by the gateway, asking a simulated model, for clients of both protocols."""

import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import trio

from tests.e2e.cli_house import CliHouse, cli_house, thoughts, words
from tests.e2e.house import Wire
from tests.e2e.test_claude_code import claude as claude  # a fixture: the program, installed

both = pytest.mark.parametrize("dialect", ["anthropic", "chat"])
ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
pytestmark = [pytest.mark.client, pytest.mark.slow]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Real:
    """The real CLI behind a gateway, in a folder of its own."""

    def __init__(self, claude: Path, at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.claude, self.at, self.monkeypatch = claude, at, monkeypatch

    @asynccontextmanager
    async def house(self, settings: str = "") -> AsyncIterator[CliHouse]:
        async with cli_house(self.at, self.monkeypatch, str(self.claude), settings=settings) as found:
            yield found
        assert programs(self.claude) == []


def programs(claude: Path) -> list[int]:
    """The programs that run from *claude* and are ours; and zombies of them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() and entry.joinpath("comm").read_text().strip() == claude.name:
                    found.append(int(entry.name))
            except (OSError, ValueError):
                continue
    return found


@pytest.fixture
def real(claude: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Real:
    return Real(claude, tmp_path / "home", monkeypatch)


def said_by(prompt: dict[str, Any], role: str) -> list[str]:
    """The texts of *role* in a prompt that the model got, without what the CLI says of its environment."""
    return [
        block["text"]
        for message in prompt["messages"]
        if message["role"] == role and isinstance(message["content"], list)
        for block in message["content"]
        if block["type"] == "text"
    ]


@both
@ways
async def test_thoughts_and_words(real: Real, dialect: str, stream: bool) -> None:
    """Come through in the client's protocol, from the model that a short name stands for."""
    async with real.house() as found:
        answer = await found.ask(dialect, "[[think let me see]] [[say Hello, wörld 🌍.]]", stream=stream)
        assert (answer.status, answer.whole) == (200, True)
        assert words(dialect, answer, stream=stream) == "Hello, wörld 🌍."
        assert thoughts(dialect, answer, stream=stream) == "let me see"
        (prompt,) = found.prompts()
        assert prompt["model"] == "claude-sonnet-5-5"
        assert prompt.get("tools", []) == []


@ways
async def test_responses_too(real: Real, stream: bool) -> None:
    """The third protocol has the same events behind it: an end, the words, and their count."""
    async with real.house() as found, Wire(found.port) as wire:
        body = {"model": "sonnet", "input": "[[think let me see]] [[say Hello.]]", "stream": stream}
        await wire.post("/v1/responses", json.dumps(body).encode(), x_api_key=found.key)
        answer = await wire.answer(30)
        assert (answer.status, answer.whole) == (200, True)
        told = answer.body.split(b"event: response.completed\ndata: ")[-1]
        whole = json.loads(told.partition(b"\n")[0])
        response = whole["response"] if stream else whole
        assert response["status"] == "completed"
        assert [piece["text"] for item in response["output"] for piece in item.get("content") or []] == ["Hello."]
        assert response["usage"]["output_tokens"] > 0


@both
async def test_words_come_while_they_are_written(real: Real, dialect: str) -> None:
    """Not at the end: the first is here while the model is still silent."""
    async with real.house() as found, Wire(found.port) as wire:
        await found.send(wire, dialect, "[[say early]] [[wait 30]] [[say tardy]]", stream=True)
        assert b"tardy" not in await wire.until(b"early", 10)


async def test_the_sdks_read_it(real: Real) -> None:
    """The vendors' own clients: streams with their usage, whole replies, the list of models."""

    def ask(url: str, key: str) -> None:
        with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0) as client:
            asked: Any = [{"role": "user", "content": "[[think hm]] [[say one two]]"}]
            with client.messages.stream(model="claude-haiku-5-5", max_tokens=4000, messages=asked) as stream:
                message = stream.get_final_message()
            assert [block.type for block in message.content] == ["thinking", "text"]
            assert message.stop_reason == "end_turn"
            assert message.usage.input_tokens > 0
            assert message.usage.output_tokens > 0
            assert "opus" in {model.id for model in client.models.list()}
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as chat:
            chunks = [*chat.chat.completions.create(
                model="claude-code-cli/opus", messages=asked, stream=True, stream_options={"include_usage": True}
            )]  # fmt: skip
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two"
            assert chunks[-1].usage is not None
            assert chunks[-1].usage.completion_tokens > 0
            whole = chat.chat.completions.create(model="opus", messages=asked)
            assert (whole.model, whole.choices[0].message.content) == ("claude-opus-5-5", "one two")

    async with real.house() as found:
        await trio.to_thread.run_sync(ask, found.running.urls[0], found.key)


async def test_what_a_caller_writes_is_text_and_nothing_else(real: Real) -> None:
    """The CLI expands "@file" even without tools, and knows commands; from here they reach the model as they are."""
    secret = real.at.parent / "secret.txt"
    secret.write_text("nobody may read this")
    asked = f"@{secret} @/etc/hostname [[say no]]"
    async with real.house() as found:
        assert words("chat", await found.ask("chat", asked), stream=False) == "no"
        assert (await found.ask("anthropic", "/cost", "never mind", f"/clear {asked}")).status == 200
        assert (await found.ask("anthropic", "--dangerously-skip-permissions [[say x]]")).status == 200
        one, two, three = found.prompts()
        assert said_by(one, "user") == [asked]
        assert said_by(two, "user") == ["/cost", f"/clear {asked}"]
        assert said_by(three, "user") == ["--dangerously-skip-permissions [[say x]]"]
        assert not any(b"nobody may read this" in seen.body for seen in found.model.seen)


async def test_history_system_prompt_and_pictures(real: Real) -> None:
    """Reach the model in their places; the system prompt stands after the CLI's own line, in place of its own."""
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    async with real.house() as found:
        asked: list[Any] = ["q1", "a1", "q2", "a2", [picture, {"type": "text", "text": "what is it? [[say a pixel]]"}]]
        answer = await found.ask("anthropic", *asked, system=[{"type": "text", "text": "You are terse."}])
        assert words("anthropic", answer, stream=False) == "a pixel"
        (prompt,) = found.prompts()
    assert said_by(prompt, "user") == ["q1", "q2", "what is it? [[say a pixel]]"]
    assert said_by(prompt, "assistant") == ["a1", "a2"]
    assert picture["source"] in [block.get("source") for m in prompt["messages"] for block in m["content"]]
    assert prompt["system"][-1]["text"] == "You are terse."
    assert [message["role"] for message in prompt["messages"] if message["role"] != "system"] == [
        "user", "assistant", "user", "assistant", "user"
    ]  # fmt: skip


async def test_how_much_to_think(real: Real) -> None:
    """A budget for models that have one, an effort for the others, none where none is asked for or can be."""
    old, new = "claude-haiku-4-5-20251001", "claude-sonnet-5-5"
    async with real.house() as found:
        for model, fields in (
            (old, {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            (old, {}),
            (new, {"output_config": {"effort": "max"}}),
            (f"{new}(low)", {}),
        ):
            assert (await found.ask("anthropic", "[[say x]]", model=model, **fields)).status == 200
        one, two, three, four = found.prompts()
    assert (one["thinking"]["budget_tokens"], one["max_tokens"]) == (2000, 4000)
    assert two["thinking"] == {"type": "disabled"}
    assert (three["output_config"]["effort"], four["output_config"]["effort"]) == ("max", "low")


async def test_a_limit_of_tokens(real: Real) -> None:
    """Is kept, and ends the reply; the CLI is not left to go on."""
    async with real.house() as found:
        answer = await found.ask("chat", "[[think x]] [[say one two three four five six seven]]", max_tokens=5)
        choice = json.loads(answer.body)["choices"][0]
        assert (choice["finish_reason"], choice["message"]["content"].split()[0]) == ("length", "one")
        assert found.prompts()[0]["max_tokens"] == 5


async def test_a_stop_sequence(real: Real) -> None:
    """The CLI knows none: the gateway watches for it."""
    async with real.house() as found:
        answer = await found.ask("anthropic", "[[say one two END three]]", stop_sequences=["END"])
    reply = json.loads(answer.body)
    assert (reply["stop_reason"], reply["stop_sequence"]) == ("stop_sequence", "END")
    assert words("anthropic", answer, stream=False) == "one two "


@both
@ways
@pytest.mark.parametrize(
    ("does", "status"),
    [("[[fault 429]]", 429), ("[[fault 529]]", {"anthropic": 529, "chat": 503}), ("[[fault overflow]]", 400)],
)
async def test_errors_of_the_api(
    real: Real, dialect: str, stream: bool, does: str, status: int | dict[str, int]
) -> None:
    """Come at once, with the API's status and in the caller's protocol; the CLI does not try again by itself."""
    async with real.house() as found:
        answer = await found.ask(dialect, does, stream=stream)
        assert answer.status == (status[dialect] if isinstance(status, dict) else status)
        assert len(found.prompts()) == 1


async def test_a_refusal(real: Real) -> None:
    """Is the reply, once: the CLI would ask again with words of its own."""
    async with real.house() as found:
        answer = await found.ask("anthropic", "[[refuse no]]", stream=True)
        assert b'"stop_reason":"refusal"' in answer.body
        assert b"can't help with this" not in answer.body


async def test_a_conversation_is_resumed(real: Real) -> None:
    """The second turn says only what is new, and the CLI still knows its thoughts; so does a gateway started later."""
    asked = "[[think deep thoughts]] [[say alpha]]"
    async with real.house() as found:
        first = await found.ask("anthropic", asked, x_session_id="mine")
        said = json.loads(first.body)["content"]
        await settled(real)
        second = await found.ask("anthropic", asked, said, "[[say beta]]", x_session_id="mine")
        assert words("anthropic", second, stream=False) == "beta"
        one, *_, two = found.prompts()
        await settled(real)
    async with real.house() as found:
        more = json.loads(second.body)["content"]
        third = await found.ask("anthropic", asked, said, "[[say beta]]", more, "[[say gamma]]", x_session_id="mine")
        assert words("anthropic", third, stream=False) == "gamma"
        *_, three = found.prompts()
    names = [json.loads(prompt["metadata"]["user_id"])["session_id"] for prompt in (one, two, three)]
    assert len(set(names)) == 1
    assert said_by(two, "user")[-1] == "[[say beta]]"
    assert said_by(two, "assistant") == ["alpha"]
    assert said_by(three, "assistant") == ["alpha", "beta"]


async def settled(real: Real) -> None:
    """Returns when the conversation is in the book: its program has ended, and what it put down is complete."""
    [file] = (real.at / "data").rglob("sessions.sqlite")
    with trio.fail_after(20), closing(sqlite3.connect(file)) as book:
        while not book.execute("SELECT count(*) FROM sessions").fetchone()[0]:  # noqa: ASYNC110  # nobody tells
            await trio.sleep(0.01)


@both
@pytest.mark.parametrize("when", ["before", "during"])
async def test_a_client_that_goes_takes_the_program_with_it(real: Real, dialect: str, when: str) -> None:
    """Within a second, whether it has begun to answer or not; and the model is left, too."""
    async with real.house() as found:
        async with Wire(found.port) as wire:
            said = "[[late 30]]" if when == "before" else "[[say begun]] [[wait 30]]"
            await found.send(wire, dialect, said, stream=True)
            if when == "during":
                await wire.until(b"begun", 10)
            with trio.fail_after(10):
                while not found.model.seen:  # noqa: ASYNC110  # it is another process that asks
                    await trio.sleep(0.01)
            assert len(programs(real.claude)) == 1
        began = time.monotonic()
        while programs(real.claude):  # nobody tells
            await trio.sleep(0.005)
            assert time.monotonic() - began < 1


async def test_tools_of_the_operators(real: Real) -> None:
    """The CLI runs what is on the list, in the directory; what is not is denied; permissions are never bypassed."""
    work = real.at / "work"
    work.mkdir(parents=True)
    settings = f'directory = "{work}"\ntools = ["Bash(echo *)"]'
    async with real.house(settings) as found:
        script = '[[call Bash {"command":"echo result-$((6*7))"}]] [[then]] [[echo]]'
        answer = await found.ask("anthropic", script, stream=True)
        assert "result-42" in words("anthropic", answer, stream=True)
        assert b"tool_use" not in answer.body
        denied = '[[call Bash {"command":"touch stolen"}]] [[then]] [[say denied]]'
        assert words("chat", await found.ask("chat", denied), stream=False) == "denied"
        offered = {tool["name"] for tool in found.prompts()[0]["tools"]}
        assert offered - {"DeferredToolPlaceholder"} == {"Bash"}  # one of the CLI's own, which does nothing
    assert list(work.iterdir()) == []
