"""The archive: a folder of captured exchanges, bounded in size.

    keep(recording) ──▶ at most WAITING of them ──▶ scrubbed and written in a thread ──▶ captures/req_….json   (0600)
                                                              └─ over *most* bytes: the oldest files go

Off unless it is configured, because what people say is in it.  Nothing waits for it: what comes too fast is not kept,
and that is logged.  The folder is its owner's alone.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import platformdirs
import structlog
import trio

from pipeline.exchange import Exchange
from pipeline.observe.captured import Captured, Scrub, cleaned, decoded, encoded
from pipeline.observe.recording import Recording
from pipeline.observe.settings import Capture
from transports.messages import Response

WAITING = 64  # captures that wait to be written
DRAIN = 5.0  # seconds that writing them may take at the end

_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)

log = structlog.get_logger("pipeline")


Waiting = tuple[Captured, set[bytes], Capture]  # what is to be written, what was shown, and the settings of then


class Absent(LookupError):
    """There is no such capture, or it can't be read; the text is the sentence."""


class Archive:
    """Keeps what *settings*, which may be replaced at any time, want kept; ``run`` is its task."""

    def __init__(self, settings: Capture, scrub: Scrub) -> None:
        self.settings, self.lost, self._scrub = settings, 0, scrub
        self._send, self._receive = trio.open_memory_channel[Waiting](WAITING)

    def prepare(self) -> None:
        """Make the folder, if there is to be one; blocks.  Raises OSError."""
        if self.settings.enabled:
            folder_of(self.settings).mkdir(parents=True, exist_ok=True, mode=0o700)

    def begin(self, exchange: Exchange, response: Response) -> Recording | None:
        """Record *exchange*, which begins; whether it is kept shows when it is over.  None: nothing is recorded."""
        return Recording(exchange, response, self.settings.each) if self.settings.enabled else None

    def keep(self, recording: Recording, exchange: Exchange, line: dict[str, Any]) -> None:
        """*exchange* is over: write it down, if it is wanted."""
        caller = exchange.caller.name if exchange.caller else ""
        if not fits(caller, self.settings.keys) or not fits(exchange.asked, self.settings.models):
            return
        try:
            self._send.send_nowait((recording.captured(line), recording.shown, self.settings))
        except trio.WouldBlock:
            self.lost += 1
            log.warning("a capture is not kept: too many wait to be written", id=exchange.id, lost=self.lost)

    def has(self, name: str) -> bool:
        """Whether there is a capture of the request *name*; blocks."""
        return _NAME.fullmatch(name) is not None and (folder_of(self.settings) / f"{name}.json").is_file()

    async def run(self) -> None:
        """Task: write until cancelled; what waits then is written, too."""
        try:
            while True:
                await self._write(*await self._receive.receive())
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + DRAIN):
                while self._receive.statistics().current_buffer_used:
                    await self._write(*self._receive.receive_nowait())

    async def _write(self, captured: Captured, shown: set[bytes], settings: Capture) -> None:
        with trio.CancelScope(shield=True):  # what was begun is finished
            await trio.to_thread.run_sync(self._written, captured, shown, settings)

    def _written(self, captured: Captured, shown: set[bytes], settings: Capture) -> None:
        """Write one file, whole or not at all; blocks."""
        folder = folder_of(settings)
        file = folder / f"{captured.id}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            written(file, encoded(cleaned(captured, shown, self._scrub)))
            sweep(folder, settings.most)
        except OSError as error:
            log.error("a capture can't be written", file=str(file), why=str(error))


def folder_of(settings: Capture) -> Path:
    """Where captures are."""
    return settings.folder or Path(platformdirs.user_data_dir("pipeline", appauthor=False)) / "captures"


def sweep(folder: Path, most: int) -> None:
    """Remove the oldest captures in *folder*, until the others are *most* bytes."""
    files = sorted(sizes(folder))
    over = sum(size for _, size, _ in files) - most
    for _, size, path in files:
        if over <= 0:
            return
        Path(path).unlink(missing_ok=True)
        over -= size


def sizes(folder: Path) -> Iterator[tuple[int, int, str]]:
    """Of each capture in *folder*: when it was written, its bytes, its path."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another worker has removed it
                if entry.name.endswith(".json"):
                    yield entry.stat().st_mtime_ns, entry.stat().st_size, entry.path


def written(file: Path, data: bytes) -> None:
    """Write *data* to *file*, for its owner's eyes; whole or not at all.  Raises OSError."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(fd, "wb") as opened:
            opened.write(data)
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def fits(name: str, globs: tuple[str, ...]) -> bool:
    """Whether one of *globs* fits *name*."""
    return any(fnmatchcase(name, glob) for glob in globs)


def found(folder: Path, name: str) -> Captured:
    """The capture *name*: an id in *folder*, or a file.  Raises Absent."""
    file = Path(name) if name.endswith(".json") else folder / f"{name}.json"
    if not name.endswith(".json") and not _NAME.fullmatch(name):
        raise Absent(f"{name!r} is no id of a request")
    try:
        return decoded(file.read_bytes())
    except OSError as error:
        raise Absent(f"{file} can't be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Absent(f"{file} is no capture: {error}") from None
