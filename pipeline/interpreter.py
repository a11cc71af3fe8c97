"""Interpreter: how Python is set for a gateway: when its collector looks, and how soon threads take turns.

    settle   what is here now is spared from now on, for it stays to the end
    spare    what runs is no reason to look: ROOM objects that nobody can account for are

Hardly anything of a gateway is ever in a cycle (tests/e2e/test_collector.py), and looking stops the loop: 10 ms for the
objects of two hundred streams that have begun, most of what the first word of one in a hundred waited for.  Python
looks when so many more objects have come than gone.  So what each open exchange holds is added to that number, and
only what is left behind reaches it.
"""

import gc
import sys

import trio

from pipeline.live import Live

ROOM = 25_000  # objects that came and did not go
EACH = 300  # objects that an open exchange holds: 250 of a stream's, its connections included
OLDER = (20, 20)  # looks, until one is at what has been looked at before
LOOK = 0.5  # seconds; what begins meanwhile has ROOM
TURN = 0.0005  # seconds; of Python's own 5 ms a thread that is back from the disk waits for each while the loop is busy


def settle() -> None:
    """Spare the collector what is here, a tenth of a small request; shorten the turns of threads."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ROOM, *OLDER)
    sys.setswitchinterval(TURN)


async def spare(live: Live) -> None:
    """Task: let the collector rest while the exchanges of *live* account for what is there."""
    while True:
        gc.set_threshold(ROOM + EACH * len(live.exchanges), *OLDER)
        await trio.sleep(LOOK)
