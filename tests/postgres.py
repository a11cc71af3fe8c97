"""A PostgreSQL of one's own: a throw-away cluster on loopback, where its programs are installed."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from bench.programs import free_port

NEEDED = "PostgreSQL's programs are not installed (Debian: postgresql)"


@attrs.define
class Cluster:
    """A running server; every ``database`` is a new one."""

    folder: Path
    port: int
    programs: Path
    user: str | None  # under which it runs, where we are root: it refuses to
    process: "subprocess.Popen[bytes] | None" = None
    made: int = 0

    def url(self, database: str = "postgres") -> str:
        """How to reach *database*."""
        return f"postgresql://pipeline@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        self.made += 1
        name = f"test{self.made}"
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "pipeline", name)
        return self.url(name)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs."""
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(command, user=self.user, cwd=self.folder, capture_output=True, timeout=60)
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    def start(self) -> None:
        """Start the server; returns when it accepts connections."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "50",
            "shared_buffers": "64MB",
        }
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *flags],
                user=self.user,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        ready = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        until = time.monotonic() + 120  # a busy machine takes its time to recover what was killed
        while subprocess.run(ready).returncode != 0:
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT at once but in order, SIGQUIT without."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None


@contextmanager
def cluster() -> Iterator[Cluster | None]:
    """A running cluster until the block is left; None where there is no PostgreSQL."""
    programs = found()
    if programs is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="postgres"))
    made = Cluster(folder, free_port(), programs, other_user())
    try:
        if made.user is not None:
            shutil.chown(folder, made.user)
        made.run("initdb", "-D", str(folder / "data"), "-U", "pipeline", "-A", "trust", "-E", "UTF8", "--no-sync")
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def found() -> Path | None:
    """Where initdb, postgres and their kin are; Debian keeps them out of the PATH."""
    if (program := shutil.which("initdb")) is not None:
        return Path(program).resolve().parent
    return next((path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)


def other_user() -> str | None:
    """Somebody who is not root, if we are."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
