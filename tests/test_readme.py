"""The README is true: its examples run as printed, its commands are the ones CI calls."""

import json
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from pipeline.declared import misplaced
from pipeline.errors import Forbidden
from pipeline.events import TextDelta
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from pipeline.naming import load
from stages.claude_cli import Settings
from tests.doubles import Kept, Recorder, exchange, said, words

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """The code block that follows ``<!-- example: name -->``."""
    found = re.search(rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert found, f"README.md has no example {name}"
    return found.group(1)


def test_the_contents_name_every_chapter() -> None:
    """In their order, each once, by the address that the page gives it."""
    titles = re.findall(r"^## (.+)$", README, re.MULTILINE)
    listed = re.findall(r"\[([^]]+)\]\(#([a-z-]+)\)", README.partition("\n## ")[0])
    assert listed == [(title, re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-")) for title in titles]


def test_the_chapters_it_refers_to_are_there() -> None:
    """No link within the page leads nowhere."""
    titles = re.findall(r"^##+ (.+)$", README, re.MULTILINE)
    there = {re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) - there == set()


def test_the_cli_s_settings_are_told_with_their_defaults() -> None:
    """They are read by no stage, so that nothing else would notice."""
    told = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", README.partition("## The CLI upstream")[2], re.MULTILINE))
    for name, value in attrs.asdict(Settings()).items():
        assert told[name].strip("`") == ("none" if value is None else json.dumps(value)), name


@pytest.fixture
def my_stages() -> ModuleType:
    module = ModuleType("my_stages")
    exec(example("my_stages.py"), module.__dict__)  # noqa: S102  # running it is the test
    return module


async def run(stage: Any, body: bytes = b'{"model":"m"}') -> tuple[Kept, Any]:
    kept, x = Kept(), exchange(body)

    async def source(exchange: Any, out: Any) -> None:
        await out.send(words("a", "b"))

    await conduct(x, Line((("mine", stage),), source, lambda x, r: kept), Recorder(), Heart(10))
    return kept, x


async def test_the_example_that_looks_and_refuses(my_stages: Any) -> None:
    """It edits with a reason, and refuses with an error of ours."""
    kept, x = await run(my_stages.house_rules)
    assert said(kept.events) == "ab."
    assert x.prompt.get("metadata", "user_id") == "house"
    assert [edit.path for edit in x.prompt.edits] == ["metadata"]
    kept, _ = await run(my_stages.house_rules, b'{"model":"m","temperature":2}')
    assert isinstance(kept.events[-1].error, Forbidden)  # type: ignore[attr-defined]  # it failed


async def test_the_example_that_transforms(my_stages: Any) -> None:
    """Every event passes it."""
    kept, _ = await run(my_stages.shout)
    assert [event.piece for event in kept.events if isinstance(event, TextDelta)] == ["A", "B"]


async def test_the_example_that_stands_around(my_stages: Any, capsys: Any) -> None:
    """Its tail runs at the end."""
    await run(my_stages.stopwatch)
    assert capsys.readouterr().out == "x1 well\n"


async def test_the_example_that_declares() -> None:
    """It fits behind auth, and is refused before it, in the words that are printed."""
    sign = module_of("signing.py").sign
    _, x = await run(sign)
    assert x.prompt.get("metadata", "user_id") == "nobody"
    auth = ("auth", load("auth"))
    assert list(misplaced([auth, ("sign", sign)])) == []
    ((_, told),) = misplaced([("sign", sign), auth])
    assert f"*{told}*" in README


def module_of(name: str) -> ModuleType:
    """The example *name*, run as a module."""
    module = ModuleType(name.removesuffix(".py"))
    exec(example(name), module.__dict__)  # noqa: S102  # running it is the test
    return module


def test_the_example_that_translates_a_request(capsys: Any) -> None:
    """It tells where to send what, and what was lost."""
    module_of("ask.py")
    sent, *edits = capsys.readouterr().out.splitlines()
    assert sent.startswith('POST /chat/completions {"model":"gpt-5.6",')
    assert [line for line in edits if line.endswith("(lost)")] == ["inference_geo dropped no equivalent (lost)"]


def test_the_example_that_translates_a_stream(capsys: Any) -> None:
    """Frames of one protocol become those of another; the end is told, and what it took."""
    stream = (ROOT / "tests/dialects/fixtures/anthropic/replies/text.sse").read_bytes()
    sent = []

    def send(path: str, body: bytes) -> list[bytes]:
        sent.append((path, body))
        return [stream[:200], stream[200:]]

    asked = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    answer = b"".join(module_of("relay.py").relay(asked, send))
    assert sent[0][0] == "/messages"
    assert b'"object":"chat.completion.chunk"' in answer
    assert answer.endswith(b"data: [DONE]\n\n")
    assert re.fullmatch(r"tokens: \d+ in, \d+ out\n", capsys.readouterr().out)


async def test_the_example_that_serves_within_a_program(capsys: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """It listens, drains, and leaves nothing."""
    monkeypatch.chdir(tmp_path)
    await module_of("inside.py").main()
    assert capsys.readouterr().out.startswith("listening on http://127.0.0.1:")
    assert (tmp_path / "usage.db").exists()


def test_every_toml_block_is_toml() -> None:
    """As far as grammar goes; what the keys mean is tested where they are read."""
    blocks = re.findall(r"^```toml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        tomllib.loads(block)


def test_there_are_exactly_two_set_up_commands() -> None:
    """One serves, one runs the tests; each is one line, and needs only Python with venv and pip."""
    commands = re.findall(r"^<!-- (serve|test) -->\n```sh\n(.*?)\n```", README, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in commands] == ["serve", "test"]
    for _, command in commands:
        assert "\n" not in command
        assert {part.split()[0] for part in command.split(" && ")} <= {"python3", ".venv/bin/pip", ".venv/bin/python"}


def test_the_version_is_one(capsys: Any) -> None:
    """What the package says is what the build reads."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["hatch"]["version"]["path"] == "pipeline/__init__.py"
    assert "pipeline" in sys.modules
