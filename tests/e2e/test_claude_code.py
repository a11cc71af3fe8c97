"""Claude Code, the real program, works through the gateway: tools, several turns, to a correct end."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import installed
from tests.e2e.running import Gateway, clean_environment, two

VERSION = "2.1.329"
TASK = (
    "Please do what the words in brackets say. "
    '[[think I should run it first]] [[call Bash {"command":"echo result-$((6*7))"}]] '
    '[[then]] [[say Now the file.]] [[call Read {"file_path":"%s"}]] '
    "[[then]] [[say All is done: the end.]]"
)

pytestmark = [pytest.mark.client, pytest.mark.slow]


@pytest.fixture(scope="session")
def claude() -> Path:
    """The program of the pinned version, installed from its registry."""
    return installed("@anthropic-ai/claude-code", VERSION, "@anthropic-ai/claude-code-*/claude")


def run(claude: Path, gateway: Gateway, at: Path, prompt: str, *more: str, **environment: str) -> list[dict[str, Any]]:
    """Run Claude Code headless on *prompt*; the messages it printed."""
    done = subprocess.run(
        [
            str(claude),
            "-p",
            prompt,
            "--output-format",
            "stream-json",
            "--verbose",
            "--allowedTools",
            "Bash,Read",
            *more,
        ],
        cwd=at,
        env=clean_environment(
            at,
            ANTHROPIC_BASE_URL=gateway.url,
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
            DISABLE_AUTOUPDATER="1",
            IS_SANDBOX="1",
            **(environment or {"ANTHROPIC_API_KEY": "dummy"}),
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=100,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    assert messages, done.stderr.decode()
    return messages


def results(messages: list[dict[str, Any]]) -> str:
    """All that tools answered."""
    return json.dumps([message["message"]["content"] for message in messages if message["type"] == "user"])


def test_a_model_of_the_list_reaches_the_upstream_that_lists_it(claude: Path, tmp_path: Path) -> None:
    """The second of two; the file says nothing of the models of either."""
    noted = tmp_path / "noted.txt"
    noted.write_text("a line to be read\n")
    with two(tmp_path / "gateway", "chat", "anthropic") as gateway:
        model = next(name for name in gateway.listed() if name.startswith("claude-opus-"))
        last = run(claude, gateway, tmp_path, TASK % noted, "--model", model)[-1]
        assert (last["subtype"], last["result"]) == ("success", "All is done: the end.")
        assert gateway.asked_of(model) == {"second"}


@pytest.mark.parametrize("credential", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
def test_a_task_that_needs_tools_is_finished(claude: Path, gateway: Gateway, tmp_path: Path, credential: str) -> None:
    """Runs a command, reads a file, says its last word: through pass-through and through translation."""
    noted = tmp_path / "noted.txt"
    noted.write_text("a line to be read\n")
    messages = run(claude, gateway, tmp_path, TASK % noted, **{credential: "dummy"})
    last = messages[-1]
    assert (last["type"], last["subtype"], last["is_error"]) == ("result", "success", False)
    assert last["result"] == "All is done: the end."
    assert last["num_turns"] == 3
    assert "result-42" in results(messages)
    assert "a line to be read" in results(messages)


def test_an_overloaded_upstream_is_tried_again_by_the_client(claude: Path, gateway: Gateway, tmp_path: Path) -> None:
    """The true status reaches it before the stream begins: it waits and goes on."""
    messages = run(claude, gateway, tmp_path, "[[fault 529 times=1]] [[say well again]]")
    assert messages[-1]["result"] == "well again"


def test_a_broken_stream_is_not_taken_for_an_answer(claude: Path, gateway: Gateway, tmp_path: Path) -> None:
    """Cut in the middle once: the client notices, asks again and gets the whole."""
    messages = run(claude, gateway, tmp_path, "[[say begun]] [[cut times=1]] [[say and finished]]")
    assert messages[-1]["subtype"] == "success"
    assert "finished" in messages[-1]["result"]


def test_a_prompt_that_does_not_fit_sets_off_compaction(claude: Path, gateway: Gateway, tmp_path: Path) -> None:
    """Whatever the upstream calls it: the client sums up, and goes on in the new context."""
    task = '[[call Bash {"command":"echo result-$((6*7))"}]] [[then]] [[fault overflow times=1]] [[say summed up]]'
    messages = run(claude, gateway, tmp_path, task)
    (boundary,) = [message for message in messages if message.get("subtype") == "compact_boundary"]
    assert boundary["compact_metadata"]["trigger"] == "auto"
    assert (messages[-1]["type"], messages[-1]["subtype"], messages[-1]["is_error"]) == ("result", "success", False)
