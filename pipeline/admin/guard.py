"""Guard: how often somebody may be wrong.

    an attempt ──▶ counted before it is looked at, forgiven when it was right
    10 of one account from one address, 50 from one address, in 15 minutes  ──▶  429, and when to come back

Counted beforehand, so that a thousand attempts at once are still ten.  In memory, of this process, bounded.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from pipeline.admin.refusal import Refused

WITHIN = 15 * 60.0  # seconds
OF_ACCOUNT = 10
OF_ADDRESS = 50
MOST = 10_000  # names that are remembered; the one that was quiet longest is forgotten


class Guard:
    """Counts what went wrong, by account and address."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[tuple[str, ...], list[float]] = OrderedDict()

    def attempt(self, account: str, address: str) -> None:
        """Count an attempt.  Raises Refused (429) if there were too many."""
        now = self._clock()
        counted = [
            (name, most, self._recent(name, now))
            for name, most in (((account, address), OF_ACCOUNT), ((address,), OF_ADDRESS))
        ]
        for _, most, times in counted:
            if len(times) >= most:
                wait = math.ceil(times[-most] + WITHIN - now)
                fields = [(b"retry-after", b"%d" % max(1, wait))]
                raise Refused(429, "too_many_attempts", "too many attempts; wait, then try again", fields=fields)
        for name, _, times in counted:
            self._wrong[name] = [*times, now]
            self._wrong.move_to_end(name)
        while len(self._wrong) > MOST:
            self._wrong.popitem(last=False)

    def forgive(self, account: str, address: str) -> None:
        """The last attempt was right: those before it count no more for this account."""
        self._wrong.pop((account, address), None)
        of_address = self._wrong.get((address,), [])
        del of_address[-1:]

    def _recent(self, name: tuple[str, ...], now: float) -> list[float]:
        return [at for at in self._wrong.get(name, ()) if now - at < WITHIN]
