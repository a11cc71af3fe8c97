"""Replaying, from a terminal."""

import json
from pathlib import Path

import pytest

from pipeline.observe.archive import found, written
from pipeline.observe.captured import Body, Captured, Message, Turn, Who, encoded
from pipeline.observe.recording import LEFT
from tests.pipeline.commands.conftest import Run

PROMPT = {"model": "claude-simulated", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
REPLY = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-simulated",
    "content": [{"type": "text", "text": "good day"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 2, "output_tokens": 3},
}
CAP = '[[stages]]\nuse = "stages.examples.cap_tokens:stage"\nafter = "auth"\nmost = 10\n'


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """One that was captured by a gateway without any cache breakpoints."""
    asked, reply = Body.of(json.dumps(PROMPT).encode()), Body.of(json.dumps(REPLY).encode())
    media = [("content-type", "application/json")]
    captured = Captured(
        id="req_1",
        at=1,
        caller=Who("ada", "k1"),
        dialect="anthropic",
        operation="reply",
        streamed=False,
        request=Message([*media, ("x-team", "sk-ant-api03-" + "a1B2" * 8)], asked, "POST", "/v1/messages"),
        turns=[
            Turn("up", "anthropic", Message(media, asked, "POST", "/v1/messages"), Message(media, reply, status=200))
        ],
        answer=Message(media, reply, status=200),
        line={"asked": "claude-simulated"},
    )
    config = tmp_path / "pipeline.toml"
    text = config.read_text().replace('preset = "simulated"', 'preset = "simulated"\nstages = []')
    config.write_text(f'[capture]\nfolder = "captures"\n{text}')
    (tmp_path / "captures").mkdir()
    file = tmp_path / "captures" / "req_1.json"
    written(file, encoded(captured))
    return file


def test_the_same_is_the_same(run: Run, capture: Path) -> None:
    """Exit code 0, by id or by file; what each stage did is shown."""
    for name in ("req_1", str(capture)):
        done = run("replay", name)
        assert (done.exit_code, done.stdout.splitlines()[-2:]) == (0, ["sent: the same", "told: the same"])
        assert done.stdout.startswith(
            "req_1  POST /v1/messages  claude-simulated  as ada\nleft out: auth, limits, meter\n"
        )
        assert "model_map" in done.stdout


def test_what_differs_is_shown(run: Run, capture: Path) -> None:
    """By stage, and in what is sent; exit code 1."""
    other = capture.parents[1] / "new.toml"
    other.write_text((capture.parents[1] / "pipeline.toml").read_text() + CAP)
    done = run("replay", "req_1", "--config", str(other), "--diff")
    assert done.exit_code == 1
    stage, _, rest = done.stdout.partition("cap_tokens ")[2].partition("sent: differs")
    assert "set max_tokens: replies are limited to 10 tokens here" in stage
    for text in (stage, rest):
        assert '"max_tokens": 50' in text
        assert '"max_tokens": 10' in text
    assert done.stdout.endswith("told: the same\n")
    assert '- "max_tokens": 50' not in run("replay", "req_1", "--config", str(other)).stdout.partition("sent:")[0]


def test_an_answer_that_nobody_read_is_not_compared(run: Run, capture: Path) -> None:
    """There is no end of it to compare with."""
    captured = found(capture.parent, "req_1")
    captured.answer = Message(error=LEFT, status=200)
    written(capture, encoded(captured))
    done = run("replay", "req_1")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "sent: the same")


def test_a_fixture_is_nobodys(run: Run, capture: Path) -> None:
    """No name, no secret; it can be replayed like its original."""
    case = capture.parents[1] / "case.json"
    assert run("replay", "req_1", "--export", str(case)).exit_code == 0
    assert b"sk-ant" in capture.read_bytes()
    assert b"sk-ant" not in case.read_bytes()
    assert b"ada" not in case.read_bytes()
    assert found(capture.parent, str(case)).caller == Who("caller", "caller")
    assert run("replay", str(case)).exit_code == 0


def test_live_asks_the_upstream(run: Run, capture: Path) -> None:
    """Other words in the same form are no difference."""
    done = run("replay", "req_1", "--live")
    assert (done.exit_code, done.stdout.splitlines()[-2:]) == (0, ["sent: the same", "told: the same"])
    captured = found(capture.parent, "req_1")
    captured.answer.body = Body.of(json.dumps(REPLY | {"stop_reason": "max_tokens"}).encode())
    written(capture, encoded(captured))
    done = run("replay", "req_1", "--live")
    assert (done.exit_code, '-   "stop": "max_tokens"' in done.stdout) == (1, True)


def test_what_can_not_be_replayed_is_said(run: Run, capture: Path) -> None:
    """In a line, with exit code 2."""
    done = run("replay", "req_2")
    assert (done.exit_code, "req_2.json can't be read" in done.stderr) == (2, True)
    capture.write_text("{}")
    assert "is no capture" in run("replay", "req_1").stderr
