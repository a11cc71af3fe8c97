"""An opener whose program is the fake CLI, and what that was told."""

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from pipeline.events import Event
from stages.claude_cli import Opener, Settings
from stages.dialects.claude_cli import stream_decoder
from transports.pool import Pool, open_pool
from transports.upstream import USUAL, Call, Timers

PROGRAM = Path(__file__).with_name("fake_cli.py")
COMMAND = (sys.executable, "-S", str(PROGRAM))


@attrs.define
class Cli:
    """The fake CLI behind an opener and a pool."""

    opener: Opener
    pool: Pool
    log: Path

    def heard(self) -> list[dict[str, Any]]:
        """What all programs put down, in order."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def starts(self) -> list[dict[str, Any]]:
        """How programs were started, those that were asked for the login apart."""
        return [entry for entry in self.heard() if "arguments" in entry and "auth" not in entry["arguments"]]

    def turns(self) -> list[tuple[str, str]]:
        """Who said what to the last program."""
        told: list[tuple[str, str]] = []
        for entry in self.heard():
            if "arguments" in entry:
                told = []
            elif "line" in entry and "message" in entry["line"]:
                told.append((entry["line"]["type"], entry["line"]["message"]["content"][0]["text"]))
        return told

    async def ask(self, *words: str, timers: Timers = USUAL, **fields: Any) -> list[Event]:
        """The events of the reply to *words*, the user's and the assistant's in turns."""
        async with self.pool.send(self.opener.origin, call(*words, **fields), timers) as reply:
            assert reply.head.status == 200
            decoder, events = stream_decoder(None), []
            while not (events and events[-1].terminal):
                data = await reply.receive()
                events += decoder.feed(data) if data else decoder.close()
        return events

    async def idle(self) -> None:
        """Returns when no program runs any more."""
        with trio.fail_after(5):
            while self.pool.busy:  # noqa: ASYNC110  # the pool tells nobody
                await trio.sleep(0.01)


def call(*words: str, caller: str = "ada", session: str = "", **fields: Any) -> Call:
    """A call that asks for the reply to *words*."""
    messages = [
        {"role": "assistant" if number % 2 else "user", "content": [{"type": "text", "text": text}]}
        for number, text in enumerate(words)
    ]
    headers = [(b"x-pipeline-caller", caller.encode())]
    if session:
        headers.append((b"x-pipeline-session", session.encode()))
    body = msgspec.json.encode({"model": "sonnet", "messages": messages, **fields})
    return Call(method="POST", target="/reply", headers=headers, body=body)


def opener(at: Path, environment: dict[str, str] | None = None, **settings: Any) -> Opener:
    """An opener of the fake CLI that keeps everything in *at*."""
    told = {"FAKE_LOG": str(at / "log.ndjson"), **(environment or {})}
    command = settings.pop("command", COMMAND)
    return Opener(name="cli", settings=Settings(command=command, environment=told, **settings), home=at / "home")


@asynccontextmanager
async def cli(at: Path, environment: dict[str, str] | None = None, **settings: Any) -> AsyncIterator[Cli]:
    """The fake CLI, ready to be asked."""
    async with opener(at, environment, **settings) as made, open_pool(made) as pool:
        yield Cli(made, pool, at / "log.ndjson")


@contextmanager
def nothing_left(found: Cli) -> Iterator[None]:
    """Afterwards none of the programs lives, not even as a zombie."""
    yield
    assert [entry["pid"] for entry in found.heard() if "pid" in entry and lives(entry["pid"])] == []


def lives(process: int) -> bool:
    """Whether there is such a process, and be it a zombie."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
