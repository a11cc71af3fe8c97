"""A gateway as its users run it: the program, its own process, real sockets."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"(https?)://(?:127\.0\.0\.1|localhost):(\d+)")

SIMULATED = """
[server]
port = 0
{server}
[upstreams.up]
preset = "simulated"
dialect = "{dialect}"
{upstream}
[meter]
ledger = "{ledger}"
{more}
"""


TWO = """
[server]
port = 0
[upstreams.first]
preset = "simulated"
dialect = "{first}"
[upstreams.second]
preset = "simulated"
dialect = "{second}"
[meter]
ledger = "{ledger}"
"""


@attrs.define
class Gateway:
    """A running gateway: where it is, what it wrote."""

    url: str
    process: "subprocess.Popen[bytes]"
    ledger: Path
    output: Path

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def records(self, *, wait_for: int = 0, seconds: float = 5) -> list[dict[str, Any]]:
        """The ledger's records, once there are *wait_for* of them: they are written behind the reply."""
        until = time.monotonic() + seconds
        while True:
            lines = self.ledger.read_bytes().splitlines() if self.ledger.exists() else []
            if len(lines) >= wait_for or time.monotonic() > until:
                return [json.loads(line) for line in lines]
            time.sleep(0.02)

    def listed(self) -> list[str]:
        """The models that it offers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/v1/models?limit=1000")
            return [model["id"] for model in json.load(connection.getresponse())["data"]]
        finally:
            connection.close()

    def asked_of(self, model: str) -> set[str]:
        """The upstreams that were asked for *model*."""
        return {record["upstream"] for record in self.records(wait_for=1) if record["model"] == model}


@attrs.frozen
class Door:
    """A gateway that runs, ours or not: where it is, and what it is asked with."""

    url: str
    key: str = "any"
    model: str = ""  # none: the first that it lists


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment with nothing of ours in it, and a home of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        **more,
    }


@contextmanager
def running(
    at: Path,
    *,
    dialect: str = "anthropic",
    server: str = "",
    upstream: str = "",
    more: str = "",
    text: str | None = None,
) -> Iterator[Gateway]:
    """A gateway before a simulated model of *dialect*, in folder *at*; drained and ended when the block is left."""
    at.mkdir(parents=True, exist_ok=True)
    config, ledger, output = at / "pipeline.toml", at / "usage.jsonl", at / "output.txt"
    filled = SIMULATED.format(dialect=dialect, server=server, upstream=upstream, ledger=ledger, more=more)
    config.write_text(filled if text is None else text)
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "--config", str(config)],
            cwd=at,
            env=clean_environment(at, PYTHONPATH=str(ROOT)),
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Gateway(address(process, output), process, ledger, output)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def two(at: Path, first: str, second: str) -> Iterator[Gateway]:
    """A gateway before simulated models of two dialects, each with a list of its own, and no models configured."""
    with running(at, text=TWO.format(first=first, second=second, ledger=at / "usage.jsonl")) as gateway:
        yield gateway


def address(process: "subprocess.Popen[bytes]", output: Path, seconds: float = 20) -> str:
    """What the gateway printed as its address."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = ADDRESS.search(output.read_text(errors="replace"))
        if found:
            return found.group()
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(f"the gateway did not start:\n{output.read_text(errors='replace')}")
