"""A gateway whose upstream is a CLI, in this process; a model for the CLI to ask; and who asks the gateway."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from pipeline.reading import read
from pipeline.serving import Running, serve
from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.e2e.house import Answer, Wire


@attrs.define
class CliHouse:
    """Both ends, and the key of the gateway's owner."""

    model: Simulated
    running: Running
    key: str

    @property
    def port(self) -> int:
        return int(self.running.urls[0].rsplit(":", 1)[1])

    async def ask(self, dialect: str, *words: Any, stream: bool = False, **fields: Any) -> Answer:
        """The answer to *words*, the user's and the assistant's in turns."""
        async with Wire(self.port) as wire:
            await self.send(wire, dialect, *words, stream=stream, **fields)
            return await wire.answer(30)

    async def send(self, wire: Wire, dialect: str, *words: Any, stream: bool = False, **fields: Any) -> None:
        """Send a prompt over *wire*."""
        messages = [{"role": "assistant" if n % 2 else "user", "content": said} for n, said in enumerate(words)]
        named = {name: fields.pop(name) for name in ("x_session_id",) if name in fields}
        body = {"model": "sonnet", "messages": messages, "stream": stream, **fields}
        path = "/v1/messages" if dialect == "anthropic" else "/v1/chat/completions"
        if dialect == "anthropic":
            body = {"max_tokens": 4000, **body}
        await wire.post(path, json.dumps(body).encode(), x_api_key=self.key, **named)

    def prompts(self) -> list[dict[str, Any]]:
        """What the CLI has asked the model, in order."""
        return [json.loads(seen.body) for seen in self.model.seen if seen.body]


@asynccontextmanager
async def cli_house(
    at: Path, monkeypatch: pytest.MonkeyPatch, *command: str, settings: str = "", environment: str = ""
) -> AsyncIterator[CliHouse]:
    """The gateway, until the block is left; *at* is the home of all that runs."""
    await trio.Path(at).mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HOME", str(at))
    monkeypatch.setenv("XDG_DATA_HOME", str(at / "data"))
    model = Simulated("anthropic", Settings(remember=100, seed=7))
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve_model, model=model))
        text = f"""
            [server]
            port = 0
            [upstreams.cli]
            preset = "claude_cli"
            [upstreams.cli.settings]
            command = {json.dumps(command)}
            {settings}
            [upstreams.cli.settings.environment]
            ANTHROPIC_BASE_URL = "{url}"
            ANTHROPIC_API_KEY = "dummy"
            {environment}
        """
        config = at / "pipeline.toml"
        config.write_text(text)  # small, local
        running = await nursery.start(partial(serve, read(config, environ={})))
        yield CliHouse(model, running, (at / "data" / "pipeline" / "key").read_text().strip())
        nursery.cancel_scope.cancel()


def words(dialect: str, answer: Answer, *, stream: bool) -> str:
    """What the model said in *answer*."""
    return "".join(piece for kind, piece in pieces(dialect, answer, stream=stream) if kind == "text")


def thoughts(dialect: str, answer: Answer, *, stream: bool) -> str:
    """What it thought."""
    return "".join(piece for kind, piece in pieces(dialect, answer, stream=stream) if kind == "thinking")


def pieces(dialect: str, answer: Answer, *, stream: bool) -> Iterator[tuple[str, str]]:
    """Kind and text of every piece of *answer*."""
    if stream:
        for event in events(answer):
            if dialect == "anthropic":
                delta = event.get("delta", {})
                yield from ((kind, delta[kind]) for kind in ("text", "thinking") if kind in delta)
            else:
                for choice in event["choices"]:
                    yield "text", choice["delta"].get("content") or ""
                    yield "thinking", choice["delta"].get("reasoning_content") or ""
    elif dialect == "anthropic":
        for block in json.loads(answer.body)["content"]:
            yield from ((kind, block[kind]) for kind in ("text", "thinking") if kind in block)
    else:
        message = json.loads(answer.body)["choices"][0]["message"]
        yield "text", message["content"]
        yield "thinking", message.get("reasoning_content") or ""


def events(answer: Answer) -> list[dict[str, Any]]:
    """The events of a stream."""
    lines = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]
