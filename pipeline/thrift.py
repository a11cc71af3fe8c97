"""Thrift: memory that requests leave behind is kept while more come, and goes back to the system when nobody asks.

    requests ──▶ LOOK seconds without one that ends ──▶ malloc_trim: pages on which nothing is go back
                                                        gather: what is left, on large ones (pages)

Left alone, the C library gives the buffers of each large prompt back and takes them anew for the next, page by page:
250 pages for a prompt of 560 KB, a quarter of its CPU.  So it is told to keep KEPT bytes at the top of the heap, and
prompts in the heap.  What it keeps, there and between things that stay, goes back in the first quiet moment: that takes
milliseconds, so it is done when nobody asks, and once after what has passed.  Only glibc has the calls (mallopt(3),
malloc_trim(3)); with any other library nothing is done.  What the start leaves is gathered whether anybody asks or not.
"""

import ctypes
from collections.abc import Awaitable, Callable

import trio

from pipeline.live import Live

LOOK = 5.0  # seconds
KEPT = 64 * 2**20  # bytes
APART = 32 * 2**20  # bytes: a buffer from here on is mapped by itself, and goes back at once; the most that glibc takes
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h


def keep() -> None:
    """Have the C library of this process keep what is freed, if it has a way to."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, APART)


def trimming() -> Callable[[], object] | None:
    """What gives free memory back; None where the C library has no way to."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of what this process is linked with
    if trim is None:
        return None
    trim.argtypes = [ctypes.c_size_t]
    return lambda: trim(0)  # 0: at the top of the heap, too, nothing is kept


async def thrift(live: Live, trim: Callable[[], object] | None, gather: Callable[[], Awaitable[object]]) -> None:
    """Task: *gather* soon after the start; *trim* and *gather* in each quiet moment that follows exchanges."""
    await trio.sleep(LOOK)
    await gather()
    seen, trimmed = live.ended, 0
    while trim is not None:
        await trio.sleep(LOOK)
        if seen != live.ended:
            seen = live.ended
        elif trimmed != seen:
            trim()
            await gather()
            trimmed = seen
