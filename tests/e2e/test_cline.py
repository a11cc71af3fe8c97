"""Cline's command line, the real program, works through the gateway over all three protocols."""

import json
from pathlib import Path

import pytest

from tests.e2e.clients import installed, run
from tests.e2e.running import Gateway, two

TASK = (
    '[[say First.]] [[call run_commands {"commands":["echo result-$((6*7))"]}]] [[then]] [[say All is done: the end.]]'
)
PROVIDERS = {"anthropic": "claude-opus-5-5", "openai-compatible": "gpt-4.1", "openai-native": "gpt-6-sol"}

pytestmark = [pytest.mark.client, pytest.mark.slow]


@pytest.fixture(scope="session")
def cline() -> Path:
    return installed("cline", "3.0.65", "@cline/cli-linux-*/bin/cline")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_task_that_needs_a_tool_is_finished(cline: Path, gateway: Gateway, tmp_path: Path, provider: str) -> None:
    """Runs a command and says its last word."""
    done(cline, gateway, tmp_path, provider, PROVIDERS[provider])


@pytest.mark.parametrize(
    ("provider", "dialects"), [("anthropic", ("chat", "anthropic")), ("openai-compatible", ("anthropic", "chat"))]
)
def test_a_model_of_the_list_reaches_the_upstream_that_lists_it(
    cline: Path, tmp_path: Path, provider: str, dialects: tuple[str, str]
) -> None:
    """The second of two; the file says nothing of the models of either."""
    with two(tmp_path / "gateway", *dialects) as gateway:
        model = next(name for name in gateway.listed() if name == PROVIDERS[provider])
        done(cline, gateway, tmp_path, provider, model)
        assert gateway.asked_of(model) == {"second"}


def done(cline: Path, gateway: Gateway, tmp_path: Path, provider: str, model: str) -> None:
    """Run the task with *model* of *provider*, to its end."""
    settings = {"provider": provider, "apiKey": "any", "model": model, "baseUrl": f"{gateway.url}/v1"}
    entry = {"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"}
    home = tmp_path / ".cline" / "data" / "settings"
    home.mkdir(parents=True)
    providers = {"version": 1, "lastUsedProvider": provider, "modes": {}, "providers": {provider: entry}}
    (home / "providers.json").write_text(json.dumps(providers))
    command = [str(cline), "--json", "-c", str(tmp_path), "-P", provider, "-m", model, TASK]
    last = run(command, tmp_path, CLINE_SESSION_BACKEND_MODE="local")[-1]
    assert (last["type"], last["finishReason"]) == ("run_result", "completed"), last
    assert "All is done: the end." in last["text"]
