"""The pid file: which gateway runs here, and where it is reached.

    /run/user/1000/pipeline/pipeline.pid      locked as long as its process lives
        4711                                  whom to signal, for scripts that read a number
        {"urls": […], "log": …, "began": …}   the same for us

The lock says whether it runs, never the number: a process that was killed leaves a file and no lock, and its number may
be another's by now.  The file is left in place when it ends: removing it would let two processes lock two files.

What stands in it is signalled, and shown keys; without a runtime directory it lies among everybody's temporary files.
So a file or a folder of another user's, and a link, are neither written nor believed.
"""

import errno
import fcntl
import os
import time
import warnings
from pathlib import Path
from types import TracebackType

import attrs
import msgspec
import platformdirs
from msgspec.structs import replace

from pipeline.loaded import Outcome


class AlreadyRuns(Exception):
    """Another process holds the file."""


class Entry(msgspec.Struct, omit_defaults=True):
    """What stands in the file about the process that holds it."""

    pid: int
    began: float = 0.0  # seconds since 1970
    urls: list[str] = []  # msgspec copies it for each
    log: str = ""
    read: int = 0  # how often the configuration was read anew
    said: str = ""  # what came of the last time
    refused: bool = False  # whether that was nothing


def default() -> Path:
    """Where it is if nobody says otherwise."""
    with warnings.catch_warnings(action="ignore"):  # without XDG_RUNTIME_DIR: every command says where it looked anyway
        return Path(platformdirs.user_runtime_dir("pipeline", appauthor=False)) / "pipeline.pid"


@attrs.define(eq=False)
class PidFile:
    """Held by this process from entering to leaving.  Raises AlreadyRuns, OSError (see ``opened``).

    *given*: its descriptor, from the process whose place this one takes; both hold it then, until that one ends.
    """

    path: Path
    log: str = ""
    given: int | None = None
    passed: bool = False  # another process has taken our place, and put itself down
    _fd: int = attrs.field(init=False, default=-1)
    _began: float = attrs.field(init=False, factory=time.time)
    _entry: Entry | None = attrs.field(init=False, default=None)  # what we have put down

    def __enter__(self) -> "PidFile":
        if self.given is not None:
            self._fd = self.given
            return self
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = opened(self.path, os.O_RDWR | os.O_CREAT)
        if not locked(self._fd):
            os.close(self._fd)
            raise AlreadyRuns(f"{self.path} is held by a gateway that runs")
        self.tell([])
        return self

    @property
    def descriptor(self) -> int:
        """For whoever takes our place."""
        return self._fd

    def tell(self, urls: list[str]) -> None:
        """Put down where this process is reached."""
        self._put(Entry(os.getpid(), self._began, urls, self.log))

    def answer(self, outcome: Outcome) -> None:
        """Put down what came of reading the configuration anew, for whoever asked for it."""
        if self._entry is not None and not self.passed:
            read = self._entry.read + 1
            self._put(replace(self._entry, read=read, said=outcome.text, refused=bool(outcome.problems)))

    def _put(self, entry: Entry) -> None:
        self._entry = entry
        text = b"%d\n%s\n" % (entry.pid, msgspec.json.encode(entry))
        os.pwrite(self._fd, text, 0)  # before the rest goes: the file is never empty while it is held
        os.ftruncate(self._fd, len(text))

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entry is not None and not self.passed:
            os.ftruncate(self._fd, 0)
        os.close(self._fd)


def locked(fd: int) -> bool:
    """Whether the lock could be had; whoever only looks has it for a moment as well."""
    for pause in (0.02, 0.05, 0.0):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause)
        else:
            return True
    return False


def opened(path: Path, flags: int) -> int:
    """A descriptor of the file at *path*.  Raises OSError where it can't be had, and where it is not ours or root's."""
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise PermissionError(errno.ELOOP, "it is a symbolic link, and may lead anywhere", str(path)) from None
    if not {os.fstat(fd).st_uid, path.parent.stat().st_uid} <= {os.geteuid(), 0}:
        os.close(fd)
        raise PermissionError(errno.EACCES, "it, or its folder, is another user's", str(path))
    return fd


def look(path: Path) -> Entry | None:
    """Who holds the file at *path*; None: nobody does.  Raises OSError (see ``opened``)."""
    try:
        file = os.fdopen(opened(path, os.O_RDONLY), "rb")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return understood(file.read())
    return None


def understood(text: bytes) -> Entry | None:
    """The entry in *text*; None while it is being written."""
    number, _, rest = text.partition(b"\n")
    try:
        return msgspec.json.decode(rest, type=Entry)
    except msgspec.DecodeError:
        return Entry(int(number)) if number.isdigit() else None
