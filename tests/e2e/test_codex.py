"""Codex, the real program, works through the gateway: over Responses, and translated over the other two."""

import json
from pathlib import Path

import pytest

from tests.e2e.clients import installed, run
from tests.e2e.running import Gateway, two

CONFIG = """
model = "gpt-5.2"
model_provider = "gateway"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.gateway]
name = "gateway"
base_url = "{url}/v1"
env_key = "GATEWAY_KEY"
wire_api = "responses"
"""
TASK = '[[call exec_command {"cmd":"echo result-$((6*7))"}]] [[then]] [[say All is done: the end.]]'
JAVASCRIPT = 'const r = await tools.exec_command({cmd:"echo result-$((6*7))"}); text(r.output);'
LITE = f"[[call functions__exec {json.dumps({'input': JAVASCRIPT})}]] [[then]] [[say All is done: the end.]]"

pytestmark = [pytest.mark.client, pytest.mark.slow]


@pytest.fixture(scope="session")
def codex() -> Path:
    return installed("@openai/codex", "0.169.0", "@openai/codex/bin/codex.js")


def ended(codex: Path, gateway: Gateway, at: Path, task: str, model: str) -> str:
    """Run *task*; all that Codex printed."""
    home = at / "codex"
    home.mkdir()
    (home / "config.toml").write_text(CONFIG.format(url=gateway.url))
    command = ["node", str(codex), "exec", "--json", "--skip-git-repo-check", "-C", str(at), "-m", model, task]
    lines = run(command, at, CODEX_HOME=str(home), GATEWAY_KEY="any")
    assert lines[-1]["type"] == "turn.completed", lines
    return json.dumps(lines)


@pytest.mark.parametrize(("model", "task"), [("gpt-5.2", TASK), ("gpt-6-sol", LITE)], ids=["tools", "lite"])
def test_a_task_that_needs_a_tool_is_finished(
    codex: Path, gateway: Gateway, tmp_path: Path, model: str, task: str
) -> None:
    """Runs a command and says its last word, with tools in the request and with tools in its input."""
    said = ended(codex, gateway, tmp_path, task, model)
    assert "result-42" in said
    assert "All is done: the end." in said


def test_a_model_of_the_list_reaches_the_upstream_that_lists_it(codex: Path, tmp_path: Path) -> None:
    """The second of two; the file says nothing of the models of either."""
    with two(tmp_path / "gateway", "anthropic", "responses") as gateway:
        model = next(name for name in gateway.listed() if name.startswith("gpt-6-"))
        assert "All is done: the end." in ended(codex, gateway, tmp_path, LITE, model)
        assert gateway.asked_of(model) == {"second"}
