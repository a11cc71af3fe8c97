"""The command line: flags, commands, exit codes, signals."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pipeline import __version__
from pipeline.cli import main
from pipeline.flags import OPTIONS

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"listens on http://(127\.0\.0\.1|\[::1\]):(\d+)")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


# -- commands ---------------------------------------------------------------------------------------------------------


def test_version(here: Path) -> None:
    """As a command and as a flag."""
    assert run("version").output == f"pipeline {__version__}\n"
    assert __version__ in run("-V").output
    assert __version__ in run("--version").output


def test_every_command_is_found_by_its_name(here: Path) -> None:
    """Also those that are imported when they are asked for; another name is none."""
    context = click.Context(main)
    assert {"serve", "start", "keys", "usage", "replay"} <= {*main.list_commands(context)}
    assert [
        name for name in main.list_commands(context) if getattr(main.get_command(context, name), "name", "") != name
    ] == []
    assert main.get_command(context, "nothing") is None


def test_check_shows_what_was_resolved_and_the_line(here: Path) -> None:
    """Exit code 0, secrets masked."""
    (here / "pipeline.toml").write_text('[upstreams.a]\npreset = "openai"\nkey = "hunter2"\n[server]\nport = 1')
    result = run("check", "--port", "2", "-H", "::1")
    assert result.exit_code == 0
    assert 'host = "::1"\nport = 2\n' in result.output
    assert 'key = "***"' in result.output
    assert "client ◀─ reencode ◀═ channel ═◀ [ limits ◀ meter ◀ forward ]" in result.output
    assert "hunter2" not in result.output


def test_check_looks_for_what_an_upstream_needs_of_this_machine(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program, and a directory for its tools: serving would be refused with the same lines."""
    monkeypatch.setenv("PATH", str(here))
    settings = "[upstreams.cli.settings]\ndirectory = 'gone'\ntools = ['Read']\n"
    (here / "pipeline.toml").write_text(f'[upstreams.cli]\npreset = "claude_cli"\n{settings}')
    lines = [
        "upstreams.cli.settings.directory: there is no directory gone",
        "upstreams.cli.settings.command: there is no program claude: install the CLI, or say where it is",
    ]
    for command in ("check", "doctor"):
        result = run(command)
        assert (result.exit_code, result.output.splitlines()) == (2, lines)
    (here / "gone").mkdir()
    (here / "claude").touch(0o700)
    assert run("check").exit_code == 0


def test_check_refuses_with_a_line_for_each_problem(here: Path) -> None:
    """On stderr, exit code 2, no traceback."""
    (here / "pipeline.toml").write_text('[upstreams.a]\npreset = "openai"\nmodls = []')
    result = run("-p", "x", "check")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        'command line: --port: expected a whole number, got "x"',
        (
            "pipeline.toml: upstreams.a.key: preset openai takes its key from the environment variable OPENAI_API_KEY, "
            "which is not set"
        ),
        "pipeline.toml: upstreams.a.modls: unknown key; did you mean models?",
    ]


def test_explain_draws_the_line(here: Path) -> None:
    """Of the configuration that is in force."""
    result = run("explain", "--upstream", "simulated")
    assert result.exit_code == 0
    assert "forward at simulated: translate ─▶ client_identity ─▶ cache_breakpoints ─▶ anthropic" in result.output


def test_flags_stand_before_or_behind_the_command(here: Path) -> None:
    """The one behind wins."""
    assert "port = 5" in run("-p", "5", "check").output
    assert "port = 5" in run("check", "-p", "5").output
    assert "port = 6" in run("-p", "5", "check", "-p", "6").output


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["-d"], 'level = "debug"'),
        (["--debug"], 'level = "debug"'),
        (["-d", "--log-level", "error"], 'level = "error"'),
        (["-v"], "bodies = true"),
        (["--verbose"], "bodies = true"),
        (["--log-file", "x.log"], 'file = "x.log"'),
        (["--host", "localhost"], 'host = "localhost"'),
    ],
)
def test_a_flag_is_a_setting(here: Path, flags: list[str], line: str) -> None:
    """Above everything else."""
    assert line in run("check", *flags).output


def test_every_flag_has_help() -> None:
    """In --help, of the group and of each command that takes flags."""
    for arguments in (["--help"], ["serve", "-h"], ["check", "--help"], ["explain", "--help"]):
        text = run(*arguments).output
        for option in (
            "--config",
            "--host",
            "--port",
            "--upstream",
            "--debug",
            "--verbose",
            "--log-level",
            "--log-file",
            "--legacy",
            "--provider",
            "--cwd",
        ):
            assert option in text
    assert len(OPTIONS) == 14


def test_the_search_order_is_shown(here: Path) -> None:
    """Where it is looked for, what is there, what is used."""
    (here / "pipeline.toml").touch()
    (here / ".env").touch()
    assert run("--show-config-paths").output.splitlines() == [
        "configuration, the first one counts:",
        "  used     ./pipeline.toml",
        f"  –        {here}/own/pipeline/pipeline.toml",
        "  –        /etc/pipeline/pipeline.toml",
        ".env, likewise:",
        "  used     ./.env",
        f"  –        {here}/own/pipeline/.env",
        "  –        /etc/pipeline/.env",
        "settings of another gateway, where there are none of ours:",
        "  –        ./claude-proxy.toml",
        f"  –        {here}/own/claude-proxy/config.toml",
        f"  –        {here}/own/.config/claude-proxy/config.toml",
        f"  –        {here}/own/.claude-proxy.toml",
        f"  –        {here}/own/.anthropic-proxy.env",
        "  –        /etc/anthropic-proxy/.env",
    ]
    assert "  –        other.toml" in run("--show-config-paths", "-c", "conf/../other.toml").output.replace(
        "conf/../", ""
    )


def test_a_log_file_that_can_not_be_written_is_one_line(here: Path) -> None:
    """Told before anything is opened."""
    result = run("--log-file", "no/such/place")
    assert (result.exit_code, result.stderr) == (
        2,
        "command line: --log-file: no/such/place: No such file or directory\n",
    )


def test_settings_of_another_gateway_are_told_apart(here: Path) -> None:
    """As comments, above what came out of them; a flag of ours still wins."""
    (here / ".env").write_text("UPSTREAM_BASE_URL=http://127.0.0.1:9\nPORT=3001\n")
    result = run("check", "-p", "5")
    assert result.exit_code == 0
    assert result.output.startswith("# settings of anthropic-proxy-rs (")
    assert "#   PORT → server.port = 3001, but command line: --port wins\n" in result.output
    assert "\nport = 5\n" in result.output
    assert "settings of" not in run("check", "--legacy", "none").output


def test_a_number_in_the_place_of_a_command_is_a_port(here: Path) -> None:
    """What is none is still no command."""
    assert run("70000").stderr == "command line: --port: expected a port from 0 to 65535, got 70000\n"
    assert "No such command 'nonsense'" in run("nonsense").stderr


def test_the_document_of_the_admins_api_needs_nothing(here: Path) -> None:
    """Neither a configuration that is right nor a database."""
    (here / "pipeline.toml").write_text("nonsense")
    result = run("--openapi")
    assert result.exit_code == 0
    assert "/admin/api/keys" in json.loads(result.output)["paths"]
    assert list(here.iterdir()) == [here / "pipeline.toml"]


# -- serving ----------------------------------------------------------------------------------------------------------


@contextmanager
def serving(here: Path, *arguments: str) -> "Iterator[tuple[subprocess.Popen[str], str, int]]":
    """The program, its first line, and its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "-p", "0", *arguments],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            found = ADDRESS.search(first)
            assert found, first
            yield process, first, int(found[2])
        finally:
            process.kill()


def ask(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_ends_well(
    here: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    """With no configuration; says where it is and what to paste; a stray PORT changes nothing; exit code 0."""
    monkeypatch.setenv("PORT", "1")
    with serving(here) as (process, first, port):
        assert ask(port, "/health") == 200
        process.send_signal(sent)
        assert process.stdout is not None
        assert process.stderr is not None
        rest, errors = process.stdout.read(), process.stderr.read()
        process.wait(20)
    assert process.returncode == 0
    assert errors == ""
    assert first.startswith(f"pipeline {__version__} listens on")
    assert "upstreams  simulated (anthropic, http://127.0.0.1:" in rest
    assert "[ translate → client_identity → cache_breakpoints ] → forward, back through reencode" in rest
    for client in ("Claude Code", "Cline", "Codex", "OpenAI SDK", "curl"):
        assert f"\n{client}" in rest
    assert f"ANTHROPIC_BASE_URL=http://127.0.0.1:{port} ANTHROPIC_API_KEY=any claude" in rest


@pytest.mark.slow
def test_the_second_signal_hurries(here: Path) -> None:
    """The first lets what runs go on for [server] drain; the second does not."""
    body = b'{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"[[say a]] [[wait 600]]"}]}'
    with serving(here) as (process, _, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": "any"}
        connection.request("POST", "/v1/messages", body, headers)
        response = connection.getresponse()
        assert response.read1(10).startswith(b"event:")
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        connection.close()
    assert process.returncode == 0


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_line(here: Path) -> None:
    """Exit code 2, no traceback."""
    with serving(here) as (_, _, port):
        result = run("-p", str(port))
    assert result.exit_code == 2
    assert result.stderr == f"command line: --port: can't listen on 127.0.0.1, port {port}: Address already in use\n"
