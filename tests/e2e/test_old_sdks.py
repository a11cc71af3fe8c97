"""One old major of each Python SDK: installed bases differ in headers, versions and readers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import alone
from tests.e2e.running import ROOT, Gateway

OLD = ["anthropic==0.125.0", "openai==2.54.0"]  # x-api-key and 2023-06-01; httpx

pytestmark = [pytest.mark.client, pytest.mark.slow]


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python of an environment that has them."""
    at = ROOT / ".clients" / "old"
    python = at / "bin" / "python"
    with alone(at):
        if not (at / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", str(at)], check=True, capture_output=True, timeout=120)
            install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *OLD]
            done = subprocess.run(install, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                pytest.skip(f"the old SDKs can't be installed: {done.stderr[-200:]}")
            (at / "installed").write_text(" ".join(OLD))
    return python


def ask(python: Path, gateway: Gateway, dialect: str, script: str) -> tuple[Any, Any]:
    """What the old SDK makes of the whole answer, and of the stream."""
    command = [str(python), str(Path(__file__).with_name("old_sdk.py")), gateway.url, dialect, script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    version, whole, streamed = json.loads(done.stdout)
    assert version in str(OLD)
    return whole, streamed


@pytest.mark.parametrize("script", ["[[say Hello]] [[tokens 30]]", "[[think hm]] [[say seen]]"])
@pytest.mark.parametrize("dialect", ["anthropic", "chat", "responses"])
def test_streamed_equals_whole(python: Path, gateway: Gateway, dialect: str, script: str) -> None:
    """The old reader makes the same of the stream as of the whole answer."""
    whole, streamed = ask(python, gateway, dialect, script)
    assert streamed == whole
