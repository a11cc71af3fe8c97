"""Real client programs: installed from their registry once, at pinned versions, and run headless."""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import ROOT, clean_environment

CLIENTS = ROOT / ".clients"


@contextmanager
def alone(at: Path) -> Iterator[None]:
    """No other process of the tests installs at *at* meanwhile; makes the folder."""
    at.mkdir(parents=True, exist_ok=True)
    with (at / ".lock").open("w") as lock:  # closed, it is let go
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def installed(package: str, version: str, program: str) -> Path:
    """The program of an npm package, below ``.clients``; *program* is a glob below ``node_modules``.

    Skips the test, with a reason, where there is no npm or no program for this platform.
    """
    if shutil.which("npm") is None:
        pytest.skip(f"there is no npm to install {package} with")
    at = CLIENTS / package.replace("/", "-").lstrip("@")
    manifest = at / "node_modules" / package / "package.json"
    with alone(at):
        if not manifest.exists() or json.loads(manifest.read_text())["version"] != version:
            install = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(at), f"{package}@{version}"]
            subprocess.run(install, check=True, capture_output=True, timeout=600)
    found = sorted((at / "node_modules").glob(program))
    if not found:
        pytest.skip(f"{package} has no program for this platform")
    return found[0]


def run(command: list[str], at: Path, **environment: str) -> list[dict[str, Any]]:
    """Run *command* headless in folder *at*, which is its home as well; the JSON lines it printed."""
    done = subprocess.run(
        command,
        cwd=at,
        env=clean_environment(at, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=100,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    assert lines, (done.stdout + done.stderr).decode(errors="replace")[-2000:]
    return lines
