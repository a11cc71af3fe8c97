"""Rotation: whose turn it is among the credentials of an upstream.

    one conversation ─▶ one credential, as long as that one may be used: a prompt cache is its account's
    many             ─▶ spread evenly (rendezvous hashing: one that drops out moves its own conversations only)
    limited, refused ─▶ rests: the others take over, and give back when it has rested

Resting is advice, not a wall: where all rest, the one that has the least to go is asked, and the upstream itself says
what it has to say.  Kept in memory, per process, and for those credentials only that there are.
"""

from collections.abc import Sequence
from hashlib import blake2b

import attrs
import trio

from pipeline.credentials.credential import Credential
from pipeline.errors import (
    BudgetSpent,
    GatewayError,
    PaymentRequired,
    RateLimited,
    Unauthenticated,
    meant,
)

LIMITED = 30.0  # seconds, where the upstream does not say
SPENT = 300.0  # for quota that is gone, money that is missing
BAD = 600.0  # for a key that was refused: it may be mended at the upstream, without our hearing of it
LONGEST = 3600.0  # the most that an upstream is believed: a limit may be lifted before


@attrs.define(eq=False)
class Rotation:
    """Who rests, and until when; trio's clock."""

    _until: dict[tuple[str, int], float] = attrs.field(factory=dict)

    def choose(self, credentials: Sequence[Credential], conversation: bytes) -> Credential:
        """The one of *credentials*, which are not empty, that *conversation* shows now."""
        awake = [each for each in credentials if not self.resting(each)]
        if not awake:
            return min(credentials, key=self.resting)
        return max(awake, key=lambda each: blake2b(each.id.encode(), key=conversation, digest_size=8).digest())

    def resting(self, credential: Credential) -> float:
        """Seconds until *credential* has rested; 0: it does not rest."""
        return max(0.0, self._until.get(credential.mark, 0.0) - trio.current_time())

    def judge(self, credential: Credential, error: GatewayError) -> None:
        """Let *credential* rest if *error*, which it was answered with, is about it."""
        seconds = rest_for(error)
        if seconds:
            now = trio.current_time()
            self._until = {mark: until for mark, until in self._until.items() if until > now}
            self._until[credential.mark] = now + seconds


def rest_for(error: GatewayError) -> float:
    """For how long a credential rests that was answered with *error*: 0 if that is not about the credential."""
    match meant(error):
        case Unauthenticated():
            return BAD
        case PaymentRequired():
            return SPENT
        case BudgetSpent(retry_after=seconds):
            return min(LONGEST, SPENT if seconds is None else seconds)
        case RateLimited(retry_after=seconds):
            return min(LONGEST, LIMITED if seconds is None else max(1.0, seconds))
    return 0.0
