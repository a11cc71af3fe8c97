"""A model that is silent for longer than its client waits: the gateway's own signs of life keep the client there.

Every client is told to give up after a second without one; the model says nothing for two.  Where the gateway says
nothing either, the client gives up: so the signs are what holds it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.e2e.clients import installed, run
from tests.e2e.running import Gateway, running
from tests.e2e.test_claude_code import claude as claude
from tests.e2e.test_claude_code import run as claude_code
from tests.e2e.test_codex import CONFIG
from tests.e2e.test_old_sdks import ask as old_sdk
from tests.e2e.test_old_sdks import python as python

PATIENCE = 1.0  # seconds
SILENT = "[[think let me]] [[wait 2]] [[say I look.]] [[wait 2]] [[say So.]]"
ASKED: dict[str, Any] = {"model": "claude-opus-4-5", "messages": [{"role": "user", "content": SILENT}]}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def beating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, float], Gateway]]:
    """By the upstream's dialect, and the seconds after which the gateway shows that it is alive."""
    at = tmp_path_factory.mktemp("beating")
    with ExitStack() as exits:

        def started(dialect: str, ping: float) -> Gateway:
            return exits.enter_context(running(at / f"{dialect}-{ping}", dialect=dialect, server=f"ping = {ping}"))

        yield cache(started)


def messages(url: str) -> Any:
    """What a Messages client makes of the stream."""
    with (
        anthropic.Anthropic(base_url=url, api_key="any", max_retries=0, timeout=PATIENCE) as client,
        client.messages.stream(**ASKED, max_tokens=4000) as stream,
    ):
        return stream.get_final_text()


def chat(url: str) -> Any:
    """The same of a Chat client."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=PATIENCE) as client:
        said = list(client.chat.completions.create(**ASKED, stream=True))
    return "".join(choice.delta.content or "" for chunk in said for choice in chunk.choices)


def responses(url: str) -> Any:
    """The same of a Responses client."""
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=PATIENCE) as client,
        client.responses.stream(model=ASKED["model"], input=SILENT) as stream,
    ):
        return stream.get_final_response().output_text


CLIENTS = {"messages": messages, "chat": chat, "responses": responses}


@pytest.mark.parametrize("upstream", ["anthropic", "chat", "responses"])
@pytest.mark.parametrize("client", CLIENTS)
def test_an_sdk_waits_as_long_as_the_gateway_beats(
    beating: Callable[[str, float], Gateway], client: str, upstream: str
) -> None:
    """Whoever is silent: all of the answer arrives."""
    assert CLIENTS[client](beating(upstream, 0.2).url) == "I look.So."


@pytest.mark.parametrize("client", CLIENTS)
def test_an_sdk_gives_up_where_nothing_comes(beating: Callable[[str, float], Gateway], client: str) -> None:
    """So the test above says something."""
    with pytest.raises((httpx2.ReadTimeout, openai.APITimeoutError)):  # each SDK has its own word for it
        CLIENTS[client](beating("anthropic", 60).url)


@pytest.mark.client
@pytest.mark.parametrize("upstream", ["anthropic", "chat", "responses"])
def test_codex_waits_as_long_as_the_gateway_beats(
    beating: Callable[[str, float], Gateway], tmp_path: Path, upstream: str
) -> None:
    """It counts events, not bytes: a comment would not hold it."""
    assert "All is done." in codex(beating(upstream, 0.2), tmp_path)


@pytest.mark.client
def test_codex_gives_up_where_nothing_comes(beating: Callable[[str, float], Gateway], tmp_path: Path) -> None:
    """So the test above says something."""
    assert "idle timeout" in codex(beating("anthropic", 60), tmp_path)


def codex(gateway: Gateway, at: Path) -> str:
    """All that Codex prints of a task whose model is silent."""
    program = installed("@openai/codex", "0.169.0", "@openai/codex/bin/codex.js")
    home = at / "codex"
    home.mkdir()
    patience = f"stream_idle_timeout_ms = {int(PATIENCE * 1000)}\nstream_max_retries = 0\nrequest_max_retries = 0\n"
    (home / "config.toml").write_text(CONFIG.format(url=gateway.url) + patience)
    task = '[[think hm]] [[wait 2]] [[say "All is "]] [[wait 2]] [[say done.]]'
    command = ["node", str(program), "exec", "--json", "--skip-git-repo-check", "-C", str(at), task]
    return json.dumps(run(command, at, CODEX_HOME=str(home), GATEWAY_KEY="any"))


@pytest.mark.client
@pytest.mark.parametrize(("ping", "asked"), [(0.2, 1), (60, 2)])
def test_claude_code_asks_once_where_the_gateway_beats(claude: Path, tmp_path: Path, ping: float, asked: int) -> None:
    """Where nothing comes for ten seconds, the least that can be set, it asks again, and whole."""
    watched = {"CLAUDE_ENABLE_BYTE_WATCHDOG": "1", "CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS": "10000"}
    with running(tmp_path / "gateway", dialect="chat", server=f"ping = {ping}") as gateway:
        task = "[[think hm]] [[wait 12]] [[say All is done.]]"
        messages = claude_code(claude, gateway, tmp_path, task, ANTHROPIC_API_KEY="dummy", **watched)
        assert messages[-1]["result"] == "All is done."
        assert len(gateway.records(wait_for=asked)) == asked


@pytest.mark.client
@pytest.mark.parametrize("dialect", ["anthropic", "chat", "responses"])
def test_an_old_reader_takes_the_beats(python: Path, beating: Callable[[str, float], Gateway], dialect: str) -> None:
    """They change nothing of what it makes of the stream."""
    whole, streamed = old_sdk(
        python, beating("anthropic", 0.2), dialect, "[[wait 0.7]] [[say a]] [[wait 0.7]] [[say b]]"
    )
    assert streamed == whole
