"""Route, from a terminal: what a request would become, and who says so."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main

CONFIG = """
[store]
file = "pipeline.db"
pepper = "p"
[upstreams.up]
preset = "simulated"
models = ["simulated*"]
[upstreams.spare]
preset = "simulated"
dialect = "chat"
models = ["simulated*"]
[model_map]
big = "simulated-big"
rules = [
  { headers = { x-agent = "sub-*" }, model = "simulated-sub", upstreams = ["spare"], set = { top_p = 1 } },
  { match = "claude-*", keys = ["team-*"], model = "simulated-team" },
]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file with some rules, and a store of its own."""
    path = tmp_path / "pipeline.toml"
    path.write_text(CONFIG)
    return path


def run(config: Path, *words: str) -> Result:
    """``python -m pipeline`` with *words*."""
    return CliRunner().invoke(main, ["-c", str(config), *words], catch_exceptions=False)


def test_the_rule_that_chooses_is_shown(config: Path) -> None:
    """By name, by key, by field; with whom would be asked, and what would be changed there."""
    assert run(config, "route", "claude-opus-5").stdout.splitlines()[:3] == [
        "claude-opus-5 ─▶ simulated-big",
        '  by  big ("*opus*")',
        "  at  up, spare",
    ]
    assert "claude-opus-5 ─▶ simulated-team" in run(config, "route", "claude-opus-5", "--key", "team-1").stdout
    sub = run(config, "route", "claude-opus-5(high)", "--dialect", "anthropic", "--header", "X-Agent: sub-1").stdout
    assert 'by  rules[0] ("*")\n  at  spare\n' in sub
    assert "top_p added: rules[0] sets it (model_map)" in sub
    assert "by  no rule: the name passes" in run(config, "route", "simulated").stdout


def test_a_whole_request_can_be_shown_and_what_the_store_lists_holds(config: Path, tmp_path: Path) -> None:
    """Its own model, or another; a model that was listed comes before any rule."""
    body = tmp_path / "request.json"
    body.write_text(
        json.dumps({"model": "claude-opus-5", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}]})
    )
    assert "─▶ simulated-big" in run(config, "route", "--body", str(body), "--dialect", "anthropic").stdout
    run(config, "models", "add", "claude-opus-5", "--target", "simulated-listed")
    shown = run(config, "route", "--body", str(body), "--dialect", "chat").stdout
    assert '─▶ simulated-listed\n  by  models ("claude-opus-5")' in shown
    assert "simulated ─▶ simulated" in run(config, "route", "simulated", "--body", str(body)).stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nobody-has-it",), 1, "refused: no upstream has the model 'nobody-has-it'"),
        ((), 2, "a model, or --body"),
        (("m", "--dialect", "chta"), 2, "did you mean chat?"),
        (("m", "--dialect", "claude_cli"), 2, "unknown dialect; known: anthropic, chat, responses"),
        (("m", "--header", "odd"), 2, "expected NAME: VALUE"),
    ],
)
def test_what_is_refused_or_said_wrongly(config: Path, words: tuple[str, ...], code: int, says: str) -> None:
    """1: as a request would be; 2: as it was typed."""
    result = run(config, "route", *words)
    assert (result.exit_code, says in result.stderr) == (code, True)


def test_a_file_that_is_no_request(config: Path, tmp_path: Path) -> None:
    """Neither JSON, nor one that names a model."""
    body = tmp_path / "request.json"
    for text in ("no", "{}"):
        body.write_text(text)
        result = run(config, "route", "--body", str(body))
        assert (result.exit_code, "request.json" in result.stderr) == (2, True)
