"""Thrift: memory that requests have left behind goes back to the system in the first quiet moment.

    requests ──▶ LOOK seconds without one that ends ──▶ malloc_trim: pages on which nothing is go back

The C library keeps what is freed between things that stay, for whoever asks next: some 15 MB, once a few large prompts
have passed.  Giving it back takes milliseconds, and what comes next takes its pages anew; so it is done when nobody
asks, and once after what has passed.  Only glibc has the call (malloc_trim(3)); with any other library nothing is done.
"""

import ctypes
from collections.abc import Callable

import trio

from pipeline.live import Live

LOOK = 5.0  # seconds


def trimming() -> Callable[[], object] | None:
    """What gives free memory back; None where the C library has no way to."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of what this process is linked with
    if trim is None:
        return None
    trim.argtypes = [ctypes.c_size_t]
    return lambda: trim(0)  # 0: at the top of the heap, too, nothing is kept


async def thrift(live: Live, trim: Callable[[], object] | None) -> None:
    """Task: call *trim* in each quiet moment that follows exchanges of *live*."""
    seen = trimmed = live.ended
    while trim is not None:
        await trio.sleep(LOOK)
        if seen != live.ended:
            seen = live.ended
        elif trimmed != seen:
            trim()
            trimmed = seen
