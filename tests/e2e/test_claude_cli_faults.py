"""A CLI that does what it should not, behind a whole gateway: both protocols, streamed and whole."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.e2e.cli_house import CliHouse, cli_house, events, words
from tests.e2e.house import Wire
from tests.stages.fake_clis import COMMAND, lives

both = pytest.mark.parametrize("dialect", ["anthropic", "chat"])
ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@asynccontextmanager
async def fake_house(at: Path, monkeypatch: pytest.MonkeyPatch, settings: str = "") -> AsyncIterator[CliHouse]:
    """A gateway before the fake CLI, which puts down what it hears."""
    log = f'FAKE_LOG = "{at / "log.ndjson"}"'
    async with cli_house(at, monkeypatch, *COMMAND, settings=settings, environment=log) as found:
        yield found


def heard(at: Path) -> list[dict[str, object]]:
    """What the programs put down."""
    return [json.loads(line) for line in (at / "log.ndjson").read_text().splitlines()]


async def process(at: Path, word: str) -> int:
    """The id that a program has put down as *word*."""
    with trio.fail_after(5):
        while not (  # noqa: ASYNC110  # it is another process that writes
            found := [
                entry[word] for entry in heard(at) if word in entry and entry.get("arguments") != ["auth", "status"]
            ]
        ):
            await trio.sleep(0.01)
    assert isinstance(found[-1], int)
    return found[-1]


@both
@ways
async def test_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str, stream: bool) -> None:
    """As from any other upstream."""
    async with fake_house(tmp_path, monkeypatch) as found:
        answer = await found.ask(dialect, "hello there", stream=stream)
    assert (answer.status, answer.whole) == (200, True)
    assert words(dialect, answer, stream=stream) == "you said hello there "


@both
@ways
@pytest.mark.parametrize(
    ("does", "status", "said"),
    [
        ("[exit 1]", 502, "exit status 1"),
        ("[silent]", 502, "without an answer"),
        ("[secrets]", 502, "exit status 3"),
        ("[broken]", 502, "no JSON"),
        ("[huge]", 502, "bytes"),
        ("[signed-out]", 502, "not logged in"),
        ("[limit]", 429, "hit your limit"),
        ("[overflow]", 400, "rompt is too long"),
    ],
)
async def test_what_fails_before_the_answer_is_told_with_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str, stream: bool, does: str, status: int, said: str
) -> None:
    """In the caller's protocol; never as the model's words, never with what it wrote to stderr."""
    async with fake_house(tmp_path, monkeypatch) as found:
        answer = await found.ask(dialect, f"hello {does}", stream=stream)
    assert answer.status == status
    assert said in json.loads(answer.body)["error"]["message"]
    assert b"sk-ant" not in answer.body
    if does == "[limit]":
        assert 3500 < int(answer.headers["retry-after"]) <= 3600


@both
async def test_what_fails_in_the_middle_is_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    """The stream tells the error, and no success after it; a whole reply is one error."""
    async with fake_house(tmp_path, monkeypatch) as found:
        streamed = await found.ask(dialect, "hello [midway]", stream=True)
        whole = await found.ask(dialect, "hello [midway]")
    assert streamed.status == 200
    assert "error" in events(streamed)[-1]
    assert b"[DONE]" not in streamed.body
    assert b"message_stop" not in streamed.body
    assert whole.status == 502


@both
@ways
@pytest.mark.parametrize("does", ["[hang]", "[stubborn]"])
async def test_a_client_that_goes_takes_everything_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str, stream: bool, does: str
) -> None:
    """Within a second: the program, what it has started, and no zombie stays behind."""
    async with fake_house(tmp_path, monkeypatch) as found:
        async with Wire(found.port) as wire:
            await found.send(wire, dialect, f"hello {does}", stream=stream)
            program = await process(tmp_path, "pid")
            started = [await process(tmp_path, "child")] if does == "[stubborn]" else []
            if stream:
                await wire.until(b"said")
        began = time.monotonic()
        with trio.fail_after(1):
            while lives(program):  # noqa: ASYNC110  # nobody tells
                await trio.sleep(0.005)
        assert time.monotonic() - began < 1
        with trio.fail_after(5):
            while any(map(lives, started)):  # noqa: ASYNC110  # orphans: the system collects them
                await trio.sleep(0.005)


async def test_nobody_comes_in_without_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on loopback, not with any other, not for the list of models; and no program is started."""
    async with fake_house(tmp_path, monkeypatch) as found:
        key, found.key = found.key, "any"
        for dialect in ("anthropic", "chat"):
            assert (await found.ask(dialect, "hello")).status == 401
        async with Wire(found.port) as wire:
            await wire.stream.send_all(b"GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert (await wire.answer()).status == 401
        found.key = key
        assert [entry for entry in heard(tmp_path) if entry.get("arguments") != ["auth", "status"]] == []
        assert (await found.ask("chat", "hello")).status == 200


async def test_what_is_lost_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the count on the reply, and to a strict caller as a refusal."""
    async with fake_house(tmp_path, monkeypatch) as found:
        answer = await found.ask("anthropic", "hello", temperature=0.5, tools=[{"name": "t", "input_schema": {}}])
        assert "lost=2" in answer.headers["x-pipeline-changes"]
        forced = await found.ask("anthropic", "hello", tool_choice={"type": "any"})
        assert forced.status == 400


async def test_a_gateway_that_stops_leaves_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled in the middle of an answer."""
    async with fake_house(tmp_path, monkeypatch) as found, Wire(found.port) as wire:
        await found.send(wire, "chat", "hello [stubborn]", stream=True)
        await wire.until(b"said")
        program = await process(tmp_path, "pid")
    assert not lives(program)
