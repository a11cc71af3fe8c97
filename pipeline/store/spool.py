"""The spool: what is known and not yet in the database, in files that survive a kill -9 at any moment.

    append ──▶ segment (written, zero-filled before) ──sync──▶ on the disk ──applied──▶ free again
    <spool>/<instance>/  lock   00000001  00000002 …            each process has a folder, and holds its lock

An entry is written, not buffered: from then on only the machine's failing can lose it, and after ``sync`` not even
that.  What the database has taken is free to be overwritten; each entry bears a number that only grows, so that what
is left of earlier entries is never taken for a later one.  Segments are filled with zeros when they are made: writing
needs no new block then, works on a full disk, and syncs without touching the file system's own journal.  They are
filled a piece at a time: Linux keeps in one what was written in one, and looks through all of it at each entry.

When entries come faster than the database takes them, segments are added, up to a bound; the last quarter of it is for
requests that already run.  Nothing here waits, but ``sync`` blocks and belongs in a thread; it may run while entries
are appended.
"""

import errno
import fcntl
import os
import secrets
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import attrs

SEGMENT = 1 << 20  # bytes
PIECE = 1 << 14  # bytes; of 1 MiB at once ext4 made one folio, and an entry took three times as long
LEAST = 2  # segments that are there before they are needed
HEAD = struct.Struct("<QII")  # number, length, checksum of all the rest
LOCK = "lock"
Entry = tuple[int, bytes]  # number and payload


class SpoolFull(OSError):
    """As much waits for the database as may wait."""


@attrs.define(eq=False)
class Segment:
    """One file of entries."""

    path: Path
    fd: int
    end: int = 0  # of its entries
    last: int = 0  # number of the last one
    dirty: bool = False  # something was written since the last sync


class Spool:
    """The entries of this process."""

    def __init__(self, root: Path, limit: int) -> None:
        """Make a folder for this process below *root*, for *limit* bytes at most.  Raises OSError."""
        self.instance = f"{os.getpid()}-{secrets.token_hex(6)}"
        self.folder = root / self.instance
        self.appended = 0  # number of the last entry
        self.synced = 0  # that of the last one that is on the disk
        self._most = max(2 * LEAST, limit // SEGMENT)
        self._files = 0  # made so far
        self._unapplied: list[bytes] = []  # the last of them, as they are written
        self._full: deque[Segment] = deque()  # in the order they were filled
        self._free: list[Segment] = []
        self._lock = made(root, self.folder)
        self._active = self._create()
        while self._files < LEAST:
            self._free.append(self._create())

    @property
    def room(self) -> bool:
        """Whether another request may begin: a segment is left for the ends of those that run."""
        return bool(self._free) and len(self._full) < self._most - self._most // 4

    @property
    def waiting(self) -> int:
        """Entries that are not in the database yet."""
        return len(self._unapplied)

    def append(self, payload: bytes) -> int:
        """Write *payload*; gives its number.  Raises SpoolFull, or OSError when it can't be written."""
        number = self.appended + 1
        entry = framed(number, payload)
        self._write(number, entry)
        self.appended = number
        self._unapplied.append(entry)
        return number

    def applied(self, number: int) -> None:
        """All entries up to *number* are in the database, and on its disk."""
        del self._unapplied[: max(0, len(self._unapplied) - (self.appended - number))]
        while self._full and self._full[0].last <= number:
            self._free.append(self._full.popleft())

    def _write(self, number: int, entry: bytes) -> None:
        """Write *entry* where the last one ends, in another segment if this one has no room."""
        end = self._active.end + len(entry)
        if end > SEGMENT:
            self._turn(len(entry))
            end = len(entry)
        segment = self._active
        os.pwrite(segment.fd, entry, segment.end)
        segment.end, segment.last, segment.dirty = end, number, True

    def _turn(self, length: int) -> None:
        """Go on in another segment."""
        if length > SEGMENT:
            raise SpoolFull(f"an entry of {length} bytes is larger than a segment")
        following = self._free.pop() if self._free else self._create()
        self._full.append(self._active)
        following.end, self._active = 0, following
        if not self._free:
            with suppress(OSError):  # there is no room then, until the database has taken something
                self._free.append(self._create())

    def _create(self) -> Segment:
        if len(self._full) + 1 >= self._most:
            raise SpoolFull("as much waits for the database as may wait")
        self._files += 1
        path = self.folder / f"{self._files:08}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for start in range(0, SEGMENT, PIECE):
                if os.pwrite(fd, bytes(PIECE), start) < PIECE:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        except OSError:
            os.close(fd)
            path.unlink()
            raise
        return Segment(path, fd, dirty=True)

    def sync(self) -> None:
        """Put what was appended until now on the disk; blocks.  Raises OSError; then ``renew`` before the next try."""
        upto = self.appended
        for segment in [*self._full, self._active]:
            if segment.dirty:
                segment.dirty = False
                os.fdatasync(segment.fd)
        self.synced = max(self.synced, upto)

    def renew(self) -> None:
        """Write all that is not in the database into new files.  Raises OSError.

        For after a sync that failed: it must not be tried again on the same file, because the system may have dropped
        what it could not write, and would call the second try a success.
        """
        old = self._full, self._free, self._active
        self._full, self._free = deque(), []
        try:
            self._active = self._create()
            self._free.append(self._create())
            for number, entry in enumerate(self._unapplied, self.appended - len(self._unapplied) + 1):
                self._write(number, entry)
        except OSError:
            self._discard(segment for segment in self._segments() if segment is not old[2])
            self._full, self._free, self._active = old
            raise
        self._discard((*old[0], *old[1], old[2]))

    def _segments(self) -> list[Segment]:
        return [*self._full, *self._free, self._active]

    def _discard(self, segments: Iterable[Segment]) -> None:
        for segment in segments:
            os.close(segment.fd)
            segment.path.unlink()

    def close(self) -> None:
        """Let go of the folder; it is removed if the database has everything, else whoever starts next adopts it."""
        for segment in self._segments():
            os.close(segment.fd)
        if not self._unapplied:
            with suppress(OSError):  # it is gone, or its disk fails: what stays is adopted, and tells nothing new
                remove(self.folder)
        os.close(self._lock)


def framed(number: int, payload: bytes) -> bytes:
    """The entry as it is written."""
    length = len(payload)
    return _HEAD(number, length, crc32(payload, crc32(_NUMBER(number, length)))) + payload


_HEAD, _NUMBER = HEAD.pack, struct.Struct("<QI").pack


# -- folders ----------------------------------------------------------------------------------------------------------


def made(root: Path, folder: Path) -> int:
    """Make *folder*, with its lock held: nobody sees it before it is.  Gives the lock's descriptor."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    hidden = root / f".{folder.name}"
    hidden.mkdir(mode=0o700)
    lock = os.open(hidden / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    hidden.rename(folder)
    sync_folder(root)
    return lock


def sync_folder(folder: Path) -> None:
    """Put the names in *folder* on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove(folder: Path) -> None:
    """Remove *folder*; its lock last, so that nobody takes half of it for a whole one."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name == LOCK):
        path.unlink()
    folder.rmdir()


@attrs.frozen(eq=False)
class Orphan:
    """The folder of a process that has died; its lock is ours until ``close``."""

    folder: Path
    lock: int

    @property
    def instance(self) -> str:
        """The process that left it."""
        return self.folder.name

    def entries(self) -> list[Entry]:
        """All entries, in the order they were written, also those that the database had taken."""
        found: dict[int, bytes] = {}
        for path in self.folder.iterdir():
            if path.name != LOCK:
                found.update(read(path.read_bytes()))
        return sorted(found.items())

    def close(self, *, done: bool) -> None:
        """Let go of it; *done*: the database has everything, and the folder goes."""
        if done:
            remove(self.folder)
        os.close(self.lock)


def orphans(root: Path) -> Iterator[Orphan]:
    """Those of *root* whose process is gone; each is locked."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() and not folder.name.startswith("."):
            with suppress(OSError):  # another process is quicker, or still alive
                lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.fstat(lock).st_nlink == 0:
                        raise FileNotFoundError(folder)
                except OSError:
                    os.close(lock)
                    raise
                yield Orphan(folder, lock)


def read(segment: bytes) -> Iterator[Entry]:
    """The entries at the beginning of *segment*; what follows them is torn, or left of earlier ones."""
    position, before = 0, 0
    while position + HEAD.size <= len(segment):
        number, length, checksum = HEAD.unpack_from(segment, position)
        payload = segment[position + HEAD.size : position + HEAD.size + length]
        if number <= before or len(payload) < length or checksum != crc32(payload, crc32(_NUMBER(number, length))):
            return
        yield number, payload
        position, before = position + HEAD.size + length, number
