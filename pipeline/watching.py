"""Watching: which of some files have changed, and no longer change.

    a look every second ──▶ different from the last time ──▶ ·· still the same a look later ──▶ changed()

Looking is a few stat(2) a second, by name: a file that is written in place, one that another is renamed over, a link
that is turned to another folder (what Kubernetes does) are all seen alike, on every file system.  Who waits until
nothing changes any more does not read half of it.
"""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import trio

LOOK = 1.0  # seconds

Mark = tuple[int, int, int]
Marks = dict[Path, Mark | None]


def mark(file: Path) -> Mark | None:
    """What tells one state of *file* from another; None while it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def marks(files: Iterable[Path]) -> Marks:
    """The marks of all *files*."""
    return {file: mark(file) for file in files}


async def afar(files: Iterable[Path]) -> Marks:
    """The marks of all *files*, taken in a thread: a disk far away may take its time."""
    return await trio.to_thread.run_sync(marks, list(files), abandon_on_cancel=True)


async def watch(
    files: Callable[[], Iterable[Path]],
    changed: Callable[[], Awaitable[None]],
    look: Callable[[Iterable[Path]], Awaitable[Marks]] = afar,
) -> None:
    """Task: call *changed* whenever one of *files* has.  A file that goes away is waited for."""
    known = pending = await look(files())
    while True:
        await trio.sleep(LOOK)
        seen = await look(files())
        still = seen == pending
        pending = seen
        if still and None not in seen.values() and seen != known:
            known = seen
            await changed()
