"""Programs under measurement: started, watched through /proc, ended.

CPU is user + system time of the process from ``/proc/PID/stat``; memory is RSS from ``/proc/PID/status``.  Both are the
kernel's figures for that one process, whatever else the machine does.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from typing import IO

import attrs

ROOT = Path(__file__).parents[1]
TICK = os.sysconf("SC_CLK_TCK")
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}  # as installed: modules are not compiled anew at each start
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@attrs.define
class Program:
    """A running server."""

    name: str
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU used so far, by the program and the processes it started."""
        return sum(self.shares().values())

    def shares(self) -> dict[int, float]:
        """The same of each of them, by its process id."""
        fields = {pid: Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split() for pid in self._family()}
        return {pid: (int(each[11]) + int(each[12])) / TICK for pid, each in fields.items()}

    def rss(self) -> int:
        """Resident memory in KiB, what is swapped included, of all of them."""
        return sum(
            int(line.split()[1])
            for pid in self._family()
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith(("VmRSS:", "VmSwap:"))
        )

    def _family(self) -> list[int]:
        family = [self.pid]
        for pid in family:
            for task in Path(f"/proc/{pid}/task").iterdir():
                family += map(int, (task / "children").read_text().split())
        return family


@contextmanager
def started(name: str, command: list[str], root: Path = ROOT) -> Iterator[Program]:
    """Run *command*, a module of *root*'s, until the block is left; it must print its address."""
    with tempfile.TemporaryFile() as output, running(command, output, {"PYTHONPATH": str(root)}, root) as process:
        yield Program(name, _port(process, output), process.pid)


@contextmanager
def listening(
    name: str, command: list[str], port: int, environment: Mapping[str, str] | None = None, *, seconds: float = 20
) -> Iterator[Program]:
    """Run *command*, which is to listen on *port* within *seconds*, until the block is left."""
    with tempfile.TemporaryFile() as output, running(command, output, environment or {}) as process:
        until = time.monotonic() + seconds
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                said = os.pread(output.fileno(), 65536, 0)[-2000:].decode(errors="replace")
                raise RuntimeError(f"{name} did not start: {said}")
            time.sleep(0.05)
        yield Program(name, port, process.pid)


@contextmanager
def running(
    command: list[str], output: IO[bytes], environment: Mapping[str, str], folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of its own group, until the block is left; in *folder*, or where this one is."""
    process = subprocess.Popen(
        command,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **COMPILED, **environment},
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind


def free_port() -> int:
    """A port that nobody has, and that the system gives to nobody who connects somewhere (ip_local_port_range)."""
    while True:
        port = SystemRandom().randrange(20_000, 30_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _port(process: "subprocess.Popen[bytes]", output: IO[bytes]) -> int:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        text = os.pread(output.fileno(), 65536, 0).decode(errors="replace")
        if found := ADDRESS.search(text):
            return int(found.group(1))
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not start: {os.pread(output.fileno(), 65536, 0)!r}")


def simulated(dialect: str) -> AbstractContextManager[Program]:
    """The upstream: the project's simulated model, lenient, in a process of its own."""
    return started(f"upstream {dialect}", [sys.executable, "-m", "stages.simulated", "--dialect", dialect, "--lenient"])


def gateway(
    upstream: Program, dialect: str, folder: Path, *, top: str = "", more: str | None = None, root: Path = ROOT
) -> AbstractContextManager[Program]:
    """*root*'s gateway before *upstream*, with its default line and a ledger; *top* and *more* in place of that."""
    if more is None:
        more = f'[meter]\nledger = "{folder / dialect}.jsonl"'
    config = folder / f"{dialect}.toml"
    config.write_text(
        f"""
{top}
[server]
port = 0
[log]
level = "error"
[upstreams.up]
dialect = "{dialect}"
url = "http://127.0.0.1:{upstream.port}"
key = "bench"
[store]
file = "{folder / dialect}.db"
{more}
"""
    )
    return started(f"gateway {dialect}", [sys.executable, "-m", "pipeline", "--config", str(config)], root)
