"""Pauses: what would stop the loop for milliseconds while many streams run, and is arranged for beforehand.

    seat     the kernel's table of descriptors has its size from the start
    settle   what is here when a gateway listens is spared by Python's collector, for it stays; threads take short turns
    spare    what runs is no reason for the collector to look: ROOM objects that nobody can account for are

Each was found in the first words of one stream in a hundred.  In a process with threads the kernel doubles the table,
at descriptors 256, 512, 1024 …, only after each processor has passed a point of rest: 5 to 18 ms (expand_fdtable).
Hardly anything of a gateway is ever in a cycle (tests/e2e/test_collector.py), and a look at the objects of two hundred
streams takes 10 ms.  Python looks when so many more have come than gone; so what exchanges hold, as many as have been
open at one time, is added to that number, and only what is left behind reaches it.
"""

import fcntl
import gc
import os
import resource
import sys
from contextlib import suppress

import trio

from pipeline.live import Live

SEATS = 16_384  # descriptors for which there is room from the start: 8,000 streams, 130 KiB
ROOM = 25_000  # objects that came and did not go
EACH = 300  # objects that an open exchange holds: 250 of a stream's, its connections included
OLDER = (20, 20)  # looks, until one is at what has been looked at before
LOOK = 0.5  # seconds; what begins meanwhile has ROOM
TURN = 0.0005  # seconds; of Python's own 5 ms a thread that is back from the disk waits for each while the loop is busy


def seat() -> None:
    """Have the kernel make room for SEATS descriptors, or as many as may be; before there is a second thread."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open(os.devnull, "rb") as one, suppress(OSError):  # the table never shrinks
        os.close(fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, min(SEATS, allowed) - 1))


def settle() -> None:
    """Spare the collector what is here, a tenth of a small request; shorten the turns of threads."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ROOM, *OLDER)
    sys.setswitchinterval(TURN)


async def spare(live: Live) -> None:
    """Task: let the collector rest while the exchanges of *live* account for what is there, now or at the busiest."""
    most = 0  # their connections stay when they end
    while True:
        most = max(most, len(live.exchanges))
        gc.set_threshold(ROOM + EACH * most, *OLDER)
        await trio.sleep(LOOK)
