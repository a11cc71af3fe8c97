"""What was written for an older gateway serves: the program, its settings, a request, through the simulated model."""

import base64
import http.client
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.e2e.running import ROOT, address, clean_environment
from tests.stages.fake_clis import COMMAND


@attrs.define
class Running:
    """A gateway, and all that it printed when it began."""

    port: int
    output: str
    home: Path

    def ask(self, method: str, path: str, body: Any = None, **fields: str) -> tuple[int, Any]:
        """Status and JSON of the answer; names of *fields* with ``_`` for ``-``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {name.replace("_", "-"): text for name, text in fields.items()}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def message(self, model: str = "claude-sonnet-4-5", **said: Any) -> tuple[int, Any]:
        """The answer to a prompt of Messages; *said* in upper case are fields of the request."""
        fields = {name.lower(): said.pop(name) for name in list(said) if name.isupper()}
        body = {"model": model, "max_tokens": 2000, "messages": [{"role": "user", "content": "Hi"}], **said}
        return self.ask("POST", "/v1/messages", body, **fields)


@contextmanager
def running(at: Path, *flags: str, **environ: str) -> Iterator[Running]:
    """The program in folder *at*, with *flags* and variables; it must end well."""
    output = at / "output.txt"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *flags],
            cwd=at,
            env=clean_environment(at, PYTHONPATH=str(ROOT), **environ),
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        url = address(process, output)
        yield Running(int(url.rsplit(":", 1)[1]), output.read_text(), at)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)
    assert code == 0, output.read_text()


@attrs.define
class Model:
    """A simulated model of the test's own, and where it is."""

    url: str
    asked: Simulated

    def models(self) -> list[str]:
        """Which models were asked for."""
        return [json.loads(seen.body)["model"] for seen in self.asked.seen if seen.body]


@pytest.fixture
async def chat(nursery: trio.Nursery) -> AsyncIterator[Model]:
    asked = Simulated("chat", Settings(remember=100, seed=7))
    yield Model(await nursery.start(partial(serve_model, model=asked)), asked)
    nursery.cancel_scope.cancel()


async def told(at: Path, *flags: str, asks: Any, **environ: str) -> Any:
    """What *asks* finds at the program, while the model answers in this process."""

    def whole() -> Any:
        with running(at, *flags, **environ) as gateway:
            return asks(gateway)

    return await trio.to_thread.run_sync(whole)


def dotenv(at: Path, text: str) -> None:
    (at / ".env").write_text(text)


async def test_anthropic_proxy_rs(tmp_path: Path, chat: Model) -> None:
    """Its .env: two models, by whether thinking is on; the client's key is nobody's business."""
    dotenv(
        tmp_path,
        f"""
        UPSTREAM_BASE_URL={chat.url}
        UPSTREAM_API_KEY=sk-or-1
        PORT=0
        REASONING_MODEL=thinker
        COMPLETION_MODEL=talker
        """.replace("        ", ""),
    )

    def asks(gateway: Running) -> None:
        assert gateway.message()[0] == 200
        status, reply = gateway.message(thinking={"type": "enabled", "budget_tokens": 1024}, X_API_KEY="whatever")
        assert (status, reply["model"]) == (200, "claude-sonnet-4-5")
        assert gateway.ask("GET", "/health")[0] == 200
        assert "settings of anthropic-proxy-rs" in gateway.output
        assert "COMPLETION_MODEL → model_map.completion_model" in gateway.output

    await told(tmp_path, asks=asks)
    assert chat.models() == ["talker", "thinker"]


async def test_claude_proxy(tmp_path: Path, chat: Model) -> None:
    """Its .env: haiku is small, whatever else is big; the one key that callers show; counting; the test for admins."""
    dotenv(
        tmp_path,
        f"""
        OPENAI_API_KEY="sk-1"
        OPENAI_BASE_URL="{chat.url}/v1"
        CLAUDE_PROXY_BIG_MODEL="large"
        CLAUDE_PROXY_SMALL_MODEL="little"
        CLAUDE_PROXY_HOST="127.0.0.1"
        CLAUDE_PROXY_PORT="0"
        CLAUDE_PROXY_LOG_LEVEL="INFO"
        CLAUDE_PROXY_REQUEST_TIMEOUT="90"
        CLAUDE_PROXY_AUTH_KEY="shown"
        PIPELINE_ADMIN__PASSWORD="a long password"
        """.replace("        ", ""),
    )

    def asks(gateway: Running) -> None:
        assert gateway.message()[0] == 401
        for model in ("claude-3-5-haiku-20241022", "claude-sonnet-4", "claude-opus-4-1", "anything"):
            status, reply = gateway.message(model, X_API_KEY="shown")
            assert (status, reply["model"]) == (200, model)
        counted = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "Hello there"}]}
        status, tokens = gateway.ask("POST", "/v1/messages/count_tokens", counted, authorization="Bearer shown")
        assert (status, tokens["input_tokens"] > 0) == (200, True)
        assert gateway.ask("GET", "/test-connection")[0] == 401
        admin = base64.b64encode(b"admin:a long password").decode()
        status, found = gateway.ask("GET", "/test-connection", authorization=f"Basic {admin}")
        assert (status, found["upstreams"]["upstream"]["ok"]) == (200, True)

    await told(tmp_path, asks=asks)
    assert chat.models()[:4] == ["little", "large", "large", "large"]


async def test_claude_proxy_that_passes_keys_on(tmp_path: Path, chat: Model) -> None:
    """Without a key of its own the caller's goes upstream; who brings none is refused as itself, not with 500."""
    environ = {"CLAUDE_PROXY_BIG_MODEL": "large", "OPENAI_BASE_URL": chat.url, "CLAUDE_PROXY_PORT": "0"}

    def asks(gateway: Running) -> None:
        assert gateway.message(X_API_KEY="mine")[0] == 200

    await told(tmp_path, asks=asks, CLAUDE_PROXY_HOST="127.0.0.1", **environ)
    [seen] = [seen for seen in chat.asked.seen if seen.body]
    assert ("authorization", "Bearer mine") in [(name.lower(), text) for name, text in pairs(seen.headers)]


def pairs(headers: Any) -> list[tuple[str, str]]:
    """Names and values, as text."""
    items = headers.items() if isinstance(headers, Mapping) else headers
    text: Any = lambda each: each.decode() if isinstance(each, bytes) else each  # noqa: E731  # both kinds of header lists
    return [(text(name), text(value)) for name, value in items]


async def test_claude_proxy_with_toml(tmp_path: Path, chat: Model) -> None:
    """Its file, found by its name; the names in it, and what it was told to drop."""
    (tmp_path / "claude-proxy.toml").write_text(
        f"""
        port = 0
        [provider]
        name = "mine"
        base_url = "{chat.url}/v1"
        api_key_env = "MINE"
        [models]
        "claude-sonnet-4-5" = "large"
        [params]
        drop = ["temperature"]
        """
    )

    def asks(gateway: Running) -> None:
        assert gateway.message(temperature=0.5)[0] == 200
        assert "claude-sonnet-4-5" in [model["id"] for model in gateway.ask("GET", "/v1/models")[1]["data"]]

    await told(tmp_path, asks=asks, MINE="k")
    [sent] = [json.loads(seen.body) for seen in chat.asked.seen if seen.body]
    assert sent["model"] == "large"
    assert "temperature" not in sent


async def test_claude_proxy_with_a_flag(tmp_path: Path, chat: Model) -> None:
    """``--provider`` alone: a preset's address and its key's variable."""
    environ = {"GROQ_API_KEY": "k", "PIPELINE_UPSTREAMS__GROQ__URL": chat.url}

    def asks(gateway: Running) -> None:
        assert gateway.message("some-model")[0] == 200

    await told(tmp_path, "--provider", "Groq", "-p", "0", asks=asks, **environ)
    assert chat.models() == ["some-model"]


async def test_claude_proxy_rs(tmp_path: Path, nursery: trio.Nursery) -> None:
    """Its .env: the page's account, nobody without a key, both protocols, a slash at the end."""
    asked = Simulated("anthropic", Settings(remember=100, seed=7))
    url = await nursery.start(partial(serve_model, model=asked))
    dotenv(
        tmp_path,
        """
        CLAUDE_PROXY_ADMIN_USERNAME=ada
        CLAUDE_PROXY_ADMIN_PASSWORD=correct horse
        CLAUDE_PROXY_HOST=127.0.0.1
        CLAUDE_PROXY_PORT=0
        CLAUDE_PROXY_CORS_ORIGINS=localhost
        CLAUDE_PROXY_CLOAK_MODE=auto
        """.replace("        ", ""),
    )
    admin = "Basic " + base64.b64encode(b"ada:correct horse").decode()

    def asks(gateway: Running) -> None:
        assert gateway.message()[0] == 401
        made = {"name": "mine"}
        status, told = gateway.ask(
            "POST", "/admin/api/keys", made, authorization=admin, content_type="application/json"
        )
        assert status == 201
        bearer = f"Bearer {told['secret']}"
        prompt = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
        for path in ("/v1/messages", "/v1/messages/", "/v1/chat/completions"):
            assert gateway.ask("POST", path, prompt, authorization=bearer)[0] == 200
        for path in ("/admin/usage/me", "/admin/usage/history/by-model"):
            assert gateway.ask("GET", path, authorization=bearer)[0] == 200
        assert gateway.ask("GET", "/admin/auth/check", authorization=admin)[0] == 200
        assert gateway.ask("GET", "/version")[0] == 200

    environ = {"PIPELINE_UPSTREAMS__ANTHROPIC__URL": url, "ANTHROPIC_API_KEY": "k"}
    await told(tmp_path, asks=asks, **environ)
    nursery.cancel_scope.cancel()


def test_claude_max_api_proxy_rs(tmp_path: Path) -> None:
    """A port in the place of a command, and ``--cwd``: the CLI answers, for its owner alone."""
    home, log = tmp_path / "home", tmp_path / "heard.jsonl"
    home.mkdir()
    settings = "PIPELINE_UPSTREAMS__CLAUDE_CLI__SETTINGS__"
    environ = {
        f"{settings}COMMAND": json.dumps(COMMAND),
        f"{settings}ENVIRONMENT": f'{{ FAKE_LOG = "{log}" }}',
    }
    with running(home, "0", "--cwd", ".", **environ) as gateway:
        assert gateway.message("claude-opus-4")[0] == 401
        key = (home / "data" / "pipeline" / "key").read_text().strip()
        for model in ("claude-opus-4", "sonnet", "claude-code-cli/haiku"):
            assert gateway.message(model, X_API_KEY=key)[0] == 200
        assert "--cwd – the CLI works in a directory only with tools that are named" in gateway.output
    words = [word for line in log.read_text().splitlines() for word in json.loads(line).get("arguments", ())]
    assert [word for word in words if word.startswith("--model=")] == [
        "--model=opus",
        "--model=sonnet",
        "--model=haiku",
    ]
    assert "bypassPermissions" not in log.read_text()


def test_in_the_background(tmp_path: Path) -> None:
    """``--daemon`` and ``--pid-file`` before no command, as one of them had it; stop and status find it."""
    dotenv(tmp_path, "UPSTREAM_BASE_URL=http://127.0.0.1:9\nPORT=0\n")
    environ = clean_environment(tmp_path, PYTHONPATH=str(ROOT), XDG_STATE_HOME=str(tmp_path))

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pipeline", *words]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)

    begun = run("--daemon", "--pid-file", "old.pid")
    try:
        assert begun.returncode == 0, begun.stderr
        assert "settings of anthropic-proxy-rs" in begun.stdout
        assert "listens on http://127.0.0.1:" in run("status", "--pid-file", "old.pid").stdout
    finally:
        ended = run("stop", "--pid-file", "old.pid")
    assert ended.returncode == 0
    assert run("status", "--pid-file", "old.pid").returncode == 1
