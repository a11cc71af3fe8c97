"""The TypeScript SDKs, whose stream readers are written anew: what they make of a stream equals the whole answer."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import alone
from tests.e2e.running import ROOT, Gateway, running

PINNED = {"@anthropic-ai/sdk": "1.11.0", "openai": "6.49.0", "openai-7": "npm:openai@7.57.0"}
ASKING = ["anthropic", "chat", "responses", "chat-7", "responses-7"]
SCRIPTS = {
    "text": "[[say Hello, wörld]] [[tokens 50]]",
    "thinking": "[[think let me see]] [[say I have seen]]",
    "tools": '[[say I look.]] [[call get_weather {"city":"A"} get_weather {"city":"B"}]]',
    "pings": "[[ping]] [[say a]] [[ping]] [[say b]]",
}
SILENT = (
    "[[think let me]] [[wait 0.5]] [[say I look.]] [[wait 0.5]] [[block]] [[say Again.]] "
    '[[call get_weather {"city":"A"}]] [[wait 0.5]] [[call get_weather {"city":"B"}]] [[wait 0.5]]'
)

pytestmark = [pytest.mark.client, pytest.mark.slow]


@pytest.fixture(scope="session")
def sdks() -> Path:
    """Where they are installed, from their registry: of OpenAI's two majors, which read streams each in its own way."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("there is no node to run the TypeScript SDKs with")
    at = ROOT / ".clients" / "sdks"
    wanted = [f"{name}@{version}" for name, version in PINNED.items()]
    with alone(at):
        if not all((at / "node_modules" / name).is_dir() for name in PINNED):
            install = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(at), *wanted]
            subprocess.run(install, check=True, capture_output=True, timeout=300)
    return at


def ask(sdks: Path, gateway: Gateway, dialect: str, script: str) -> Any:
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("sdk.mjs")), gateway.url, dialect, script],
        env={**os.environ, "SDKS": str(sdks)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("dialect", ASKING)
def test_streamed_equals_whole(sdks: Path, gateway: Gateway, dialect: str, script: str) -> None:
    """Every block, every call, the reason it stopped."""
    told = ask(sdks, gateway, dialect, script)
    assert "said" in told, told
    whole, streamed = told["said"]
    assert streamed == whole
    assert whole[1]


@pytest.mark.parametrize("upstream", ["anthropic", "chat", "responses"])
def test_silence_between_blocks_and_within_them(sdks: Path, tmp_path: Path, upstream: str) -> None:
    """Our own signs of life change nothing of what any reader makes of the stream."""
    with running(tmp_path, dialect=upstream, server="ping = 0.1") as gateway, ThreadPoolExecutor() as asking:
        for told in asking.map(lambda dialect: ask(sdks, gateway, dialect, SILENT), ASKING):
            assert "said" in told, told
            whole, streamed = told["said"]
            assert streamed == whole


@pytest.mark.parametrize("dialect", ASKING)
def test_a_stream_that_breaks_is_an_error(sdks: Path, gateway: Gateway, dialect: str) -> None:
    """Never a shorter answer."""
    assert "error" in ask(sdks, gateway, dialect, "[[say begun]] [[cut]]")
