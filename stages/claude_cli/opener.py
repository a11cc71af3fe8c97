"""The opener: what stands where other upstreams have connections.

    async with Opener(name="cli", settings=settings) as opener:      is the CLI there, is it logged in?
        pool = Pool(opener, …)                                        opener(origin) ──▶ a link, one program each

It holds what all programs of one upstream share: the turns (``concurrency``), the book of sessions, and the directory
in which they work: an empty one of their own, unless the operator names another.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import platformdirs
import structlog
import trio

from pipeline.errors import Overloaded
from pipeline.problems import ConfigError
from stages.claude_cli.invocation import environment
from stages.claude_cli.link import Link
from stages.claude_cli.sessions import Book
from stages.claude_cli.settings import Settings
from stages.dialects.claude_cli.errors import LOGIN
from transports.upstream import Origin

WAITING = 64  # requests that may wait for a turn
PATIENCE = 15.0  # seconds for the CLI to tell whether it is logged in

log = structlog.get_logger("pipeline")


@attrs.define(eq=False, kw_only=True)
class Opener:
    """Starts programs.  An async context manager; what it is called with, the origin, says nothing new."""

    name: str
    settings: Settings
    home: Path = attrs.field(factory=lambda: Path(platformdirs.user_data_dir("pipeline")) / "claude_cli")
    environ: Mapping[str, str] = attrs.field(factory=lambda: dict(os.environ), repr=False)
    book: Book = attrs.field(init=False)
    _turns: trio.CapacityLimiter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.book = Book(self.home / "sessions.sqlite", self.settings.sessions)
        self._turns = trio.CapacityLimiter(self.settings.concurrency)

    @property
    def origin(self) -> Origin:
        """What is called an origin elsewhere."""
        return Origin("program", Path(self.settings.command[0]).name.lower(), 0)

    @property
    def directory(self) -> Path:
        """Where programs work."""
        return self.settings.directory or self.home / "empty"

    async def __call__(self, origin: Origin) -> Link:
        """A link; its program is started when it is asked."""
        return Link(self)

    async def __aenter__(self) -> "Opener":
        """Make sure that the CLI is there.  Raises ConfigError."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.home / "empty").mkdir(exist_ok=True, mode=0o700)
        if missing := self.missing():
            raise ConfigError(missing)
        if not await self._logged_in(environment(self.settings, self.environ, [])):
            log.warning(LOGIN, upstream=self.name)
        return self

    async def __aexit__(self, *raised: Any) -> None:
        """Nothing is left: programs belong to links, and links to the pool."""

    def missing(self) -> list[str]:
        """See ``upstream.Opener``: the directory of its tools, the CLI itself."""
        place, directory, program = f"upstreams.{self.name}.settings", self.settings.directory, self.settings.command[0]
        found = []
        if directory is not None and not directory.is_dir():
            found.append(f"{place}.directory: there is no directory {directory}")
        if shutil.which(program, path=environment(self.settings, self.environ, []).get("PATH")) is None:
            found.append(f"{place}.command: there is no program {program}: install the CLI, or say where it is")
        return found

    async def enter(self, link: Link) -> None:
        """Wait for a turn.  Raises Overloaded if too many do, or if it does not come in time."""
        most = self.settings.concurrency
        running = f"{self.name}: {'one program is' if most == 1 else f'{most} programs are'} running"
        if self._turns.statistics().tasks_waiting >= WAITING:
            raise Overloaded(f"{running}, and {WAITING} requests wait for one to end")
        with trio.move_on_after(self.settings.patience):
            await self._turns.acquire_on_behalf_of(link)
            return
        raise Overloaded(f"{running}, and none has ended within {self.settings.patience:g} s")

    def leave(self, link: Link) -> None:
        """Pass the turn of *link* on."""
        self._turns.release_on_behalf_of(link)

    async def _logged_in(self, made: Mapping[str, str]) -> bool:
        """What the CLI says of its login; also where it can't say."""
        command = [*self.settings.command, "auth", "status"]
        try:
            with trio.fail_after(PATIENCE):
                done = await trio.run_process(
                    command,
                    env=made,
                    cwd=self.directory,
                    check=False,
                    capture_stdout=True,
                    capture_stderr=True,
                    stdin=subprocess.DEVNULL,
                )
        except (OSError, trio.TooSlowError) as error:
            log.warning("the CLI can't be asked for its login", upstream=self.name, why=type(error).__name__)
            return True
        return done.returncode == 0
