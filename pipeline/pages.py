"""Pages: memory that is here to stay is moved to large pages.

    /proc/self/maps ──▶ pieces of 2 MiB, nearly full ──▶ madvise(MADV_COLLAPSE): one page each

A request touches thousands of places in a heap of 50 MB.  In pages of 4 KiB the processor can't remember where all of
them lie, and in a virtual machine it looks each up twice: a tenth of what a small request costs.  A large page is
resident as a whole, so only what is nearly full is moved: next to nothing is taken that was not taken before.

Linux has the call since 6.1 (madvise(2)).  Elsewhere, and where the system has no such page to give, nothing is moved.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import trio

LARGE = 2 * 2**20  # bytes: a large page, where small ones have 4 KiB
SMALL = 4096  # bytes
NEARLY = 0.9  # of a piece that is moved, so much at least is resident before
_COLLAPSE = 25  # of linux/mman.h


async def gather() -> None:
    """Move what this process has.  In a thread, since exchanges run meanwhile: it takes some 10 ms of CPU."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.madvise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
        library.mincore.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p]
        with suppress(FileNotFoundError):  # where /proc is not mounted
            await trio.to_thread.run_sync(_move, library)


def _move(library: ctypes.CDLL) -> None:
    there = ctypes.create_string_buffer(LARGE // SMALL)  # a byte for each small page
    for piece in pieces(Path("/proc/self/maps").read_text()):
        # What was unmapped meanwhile is an error of either call, and one of madvise changes nothing.
        if library.mincore(piece, LARGE, there) == 0 and there.raw.count(b"\1") >= NEARLY * len(there):
            library.madvise(piece, LARGE, _COLLAPSE)


def pieces(maps: str) -> Iterator[int]:
    """Addresses at which a large page could lie in memory of this process alone: proc_pid_maps(5).

    ``7f0000000000-7f0000500000 rw-p 00000000 00:00 0`` has two.
    """
    for line in maps.splitlines():
        span, access, _, _, file, *_ = line.split(maxsplit=5)
        if access == "rw-p" and file == "0":
            start, end = (int(address, 16) for address in span.split("-"))
            yield from range(-(-start // LARGE) * LARGE, end - LARGE + 1, LARGE)
