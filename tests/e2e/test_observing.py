"""A gateway as its users run it, looked at from outside: figures, lines, captures, and a replay of one."""

import json
import os
import re
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import ROOT, Gateway, clean_environment, running

KEY = "sk-caller-0123456789abcdef"
ASKED = {"model": "claude-simulated", "max_tokens": 50, "messages": [{"role": "user", "content": "open, sesame"}]}


def ask(gateway: Gateway, body: bytes | None = None, path: str = "/v1/messages") -> tuple[int, bytes]:
    """Over a connection of its own, so that any worker may take it."""
    fields = {"x-api-key": KEY, "content-type": "application/json"}
    request = urllib.request.Request(gateway.url + path, body, fields)  # noqa: S310  # ours
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the same
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def counted(gateway: Gateway) -> dict[str, float]:
    """Requests by worker, as /metrics tells them."""
    _, text = ask(gateway, path="/metrics")
    found: dict[str, float] = {}
    for line in text.decode().splitlines():
        if line.startswith("pipeline_requests_total{") and 'operation="reply"' in line:
            worker = re.search(r'worker="(\w+)"', line)
            name = worker[1] if worker else ""
            found[name] = found.get(name, 0) + float(line.rpartition(" ")[2])
    return found


@pytest.mark.parametrize("workers", [1, 3])
def test_figures_are_right_across_workers(tmp_path: Path, workers: int) -> None:
    """Whoever is asked tells all, every time."""
    body = json.dumps(ASKED).encode()
    with running(tmp_path, server=f"workers = {workers}") as gateway:
        for _ in range(30):
            assert ask(gateway, body)[0] == 200
        seen = [counted(gateway) for _ in range(6)]
    assert [sum(each.values()) for each in seen] == [30] * 6
    assert all((set(each) == {""}) is (workers == 1) for each in seen)


def test_a_capture_is_replayed(tmp_path: Path) -> None:
    """What came through once goes through again, and differs where the configuration does; no secret is anywhere."""
    folder = tmp_path / "captures"
    more = f'[capture]\nenabled = true\nfolder = "{folder}"\n'
    with running(tmp_path, more=more) as gateway:
        assert ask(gateway, json.dumps(ASKED | {"stream": True}).encode())[0] == 200
    (file,) = folder.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"sesame" in file.read_bytes()
    assert KEY.encode() not in file.read_bytes()
    lines = [json.loads(line) for line in gateway.output.read_text().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["id"], line["status"], line["route"]) == (file.stem, 200, "POST /v1/messages")
    assert "sesame" not in gateway.output.read_text()
    assert replayed(tmp_path, file.stem).returncode == 0
    other = tmp_path / "new.toml"
    entry = '[[stages]]\nuse = "stages.examples.cap_tokens:stage"\nafter = "auth"\nmost = 10\n'
    other.write_text((tmp_path / "pipeline.toml").read_text() + entry)
    done = replayed(tmp_path, file.stem, "--diff", config=other)
    assert (done.returncode, "sent: differs\n" in done.stdout, "told: the same\n" in done.stdout) == (1, True, True)


def replayed(at: Path, name: str, *words: str, config: Path | None = None) -> "subprocess.CompletedProcess[str]":
    command: list[Any] = [sys.executable, "-m", "pipeline", "replay", name, *words]
    command += ["--config", config or at / "pipeline.toml"]
    environment = clean_environment(at, PYTHONPATH=str(ROOT), PATH=os.environ["PATH"])
    return subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, timeout=60)
