"""Advances: what this process holds of a busy key's windows ahead of the requests that will need it.

    a reservation ─▶ its transaction takes an advance along ─▶ requests of the next second are granted from memory
                                              a second later, or when it is too little for one: broken up
    broken up ─▶ each request that still runs holds its own part · the rest is free again · a new one, if there is need

In the database an advance is a lease like any other, whose id begins with AHEAD; until it is broken up it holds all
that it was taken for, also for requests that have ended since.  So nobody can use more than there is, whatever happens
to this process.  What it does not need is free again after a second; who is refused meanwhile because another process
has one asks again (``Refused.ahead``), and this process breaks up its own before it refuses anybody: what fits is
admitted.

Everything here happens in memory; what becomes of it in the database is done by ``transact``.  A grant takes all its
claims together, a column at a time: it is what is done for each request of a busy key.
"""

import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import itemgetter, mul, sub
from typing import Any

import attrs
from msgspec.structs import astuple

from pipeline.store.record import AHEAD, AT_ONCE, Claim, Granted, Lease, Record, Standing

LIFE = 1_000  # ms until one is broken up
BRISK = 1_000  # ms between two reservations of a key, at most, for one to be taken
LEAST = 50  # ms: in less nothing is learned of how fast requests come
GROWTH = 2  # times as much as the last one's speed needs: it may grow, and lives until a transaction is due
FIRST = 8  # times as much as the requests that ask, where there was none before
KEYS = 1_000  # of which it is known when they asked last

Place = tuple[str, str]  # glob of models, kind: a window of a key
Amounts = dict[Place, int]
Wanted = tuple[Lease, list[Claim]]

_LIMIT = Standing.__struct_fields__.index("limit")
_KIND, _OF_TOKENS = itemgetter(1), "tokens_minute".__eq__  # of what is held


@attrs.define(eq=False)
class Advance:
    """One of them: the *lease* of all of it, how its windows stood when it had been taken, and what is *left*."""

    lease: Lease
    standings: dict[Place, Standing]
    left: Amounts
    parts: dict[str, Lease] = attrs.field(factory=dict)  # what requests that run hold of it, by their ids
    over: Amounts = attrs.field(factory=dict)  # what requests that ended were granted of tokens, and did not use
    rows: dict[Place, tuple[Any, ...]] = attrs.field(init=False)  # the standings' fields, and in which ``left`` counts
    until: float = attrs.field(init=False)  # when the first of its windows ends

    def __attrs_post_init__(self) -> None:
        self.rows = {
            place: (*astuple(each), each.kind in AT_ONCE, each.kind not in AT_ONCE)
            for place, each in self.standings.items()
        }
        self.until = min([each.ends for each in self.standings.values() if each.ends], default=math.inf)

    def grant(self, id: str, claims: Sequence[Claim], now: int) -> Granted | None:  # noqa: A002  # the request's
        """Let the request *id* hold a part, as it *claims*; None: not all of it is here, or windows are others now.

        There are *claims*, no two of them for the same window.
        """
        kinds, limits, amounts, models, ends = zip(*map(astuple, claims), strict=True)
        places = list(zip(models, kinds, strict=True))
        unused = list(map(sub, map(self.left.get, places, repeat(-1)), amounts))
        if min(unused) < 0 or now >= self.until:
            return None
        columns = tuple(zip(*map(self.rows.__getitem__, places), strict=True))
        if columns[_LIMIT] != limits or (any(ends) and self._moved(claims, now)):
            return None
        self.left.update(zip(places, unused, strict=True))
        lease, holds = self.lease, list(zip(models, kinds, amounts, strict=True))
        self.parts[id] = Lease(id=id, instance=lease.instance, at=max(now, lease.at), key=lease.key, holds=holds)
        return Granted(stood(columns, unused))

    def _moved(self, claims: Iterable[Claim], now: int) -> bool:
        """Whether one of the windows of *claims* ends at another moment, by now."""
        ends = [(claim.ends, self.standings[claim.models, claim.kind].ends) for claim in claims]
        return any(told is not None and told > now and told != known for told, known in ends)

    def needed(self, now: int) -> Amounts:
        """What the speed at which it was used until *now* needs in LIFE."""
        age = max(LEAST, now - self.lease.at)
        return {
            (models, kind): (amount - self.left[models, kind]) * LIFE // age
            for models, kind, amount in self.lease.holds
        }


@attrs.frozen
class Broken:
    """An advance that has ended: its *parts* go on as leases, and *back* of what counts at once was not used."""

    id: str
    parts: list[Lease]
    back: Amounts


class Advances:
    """Those of the process *instance*."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._of: dict[str, Advance] = {}  # by key
        self._giver: dict[str, Advance] = {}  # by request that holds a part
        self._asked: dict[str, int] = {}  # when a key last had to ask the database; the latest last

    def __bool__(self) -> bool:
        return bool(self._of)

    @property
    def ids(self) -> frozenset[str]:
        """Of their leases in the database."""
        return frozenset(advance.lease.id for advance in self._of.values())

    # -- for a request ------------------------------------------------------------------------------------------------

    def grant(self, id: str, key: str, claims: Sequence[Claim], now: int) -> Granted | None:  # noqa: A002  # the request's
        """All *claims* of *key* for the request *id*, which holds nothing yet; None: the database must be asked."""
        advance = self._of.get(key)
        if advance is None or (granted := advance.grant(id, claims, now)) is None:
            return None
        self._giver[id] = advance
        return granted

    def release(self, id: str) -> bool:  # noqa: A002  # the request's
        """Take back what the request *id* holds, which was never sent; False: it is no part of an advance."""
        advance = self._giver.pop(id, None)
        if advance is None:
            return False
        for models, kind, amount in advance.parts.pop(id).holds:
            advance.left[models, kind] += amount
        return True

    def settle(self, records: Mapping[str, Record], now: int) -> None:
        """The requests of *records* have ended: their parts are free when the advances are broken up."""
        for name in self._giver.keys() & records.keys():
            advance = self._giver.pop(name)
            holds = advance.parts.pop(name).holds
            for models, kind, amount in compress(holds, map(_OF_TOKENS, map(_KIND, holds))):
                if now < advance.standings[models, kind].ends:
                    over = advance.over.get((models, kind), 0) + amount - records[name].tokens
                    advance.over[models, kind] = over

    # -- for a transaction --------------------------------------------------------------------------------------------

    def plan(
        self, asked: Mapping[str, list[Sequence[Claim]]], now: int, *, last: bool = False
    ) -> tuple[list[Broken], dict[str, Wanted]]:
        """The advances to break up: of the keys that have *asked*, and those that lived long enough; and what to take.

        *last*: all of them, and nothing is taken any more.
        """
        keys = dict.fromkeys([*asked, *(key for key in self._of if last or now - self._of[key].lease.at >= LIFE)])
        wanted = {} if last else {key: self._wanted(key, asked.get(key, ()), now) for key in keys}
        broken = [self._break_up(key) for key in keys if key in self._of]
        return broken, {key: each for key, each in wanted.items() if each is not None}

    def _wanted(self, key: str, asked: Sequence[Sequence[Claim]], now: int) -> Wanted | None:
        """What to take ahead for *key*, which asks for *asked* now, in the place of what it has; None: nothing."""
        before, claims = self._of.get(key), summed(asked)
        if before is not None:
            for place, amount in before.needed(now).items():
                limit = claims[place].limit if place in claims else before.standings[place].limit
                most = max(GROWTH * amount, claims[place].amount if place in claims else 0)
                claims[place] = Claim(place[1], limit, most, place[0])
        elif len(asked) < 2 and now - self._asked.get(key, 0) >= BRISK:
            claims = {}
        if asked:
            self._remember(key, now)
        wanted = [claim for claim in claims.values() if claim.amount]
        if not wanted:
            return None
        return Lease(id=f"{AHEAD}{secrets.token_hex(8)}", instance=self._instance, at=now, key=key), wanted

    def _remember(self, key: str, now: int) -> None:
        self._asked.pop(key, None)
        self._asked[key] = now
        if len(self._asked) > KEYS:
            del self._asked[next(iter(self._asked))]

    def _break_up(self, key: str) -> Broken:
        advance = self._of.pop(key)
        for name in advance.parts:
            del self._giver[name]
        back = {place: left + advance.over.get(place, 0) for place, left in advance.left.items() if place[1] in AT_ONCE}
        return Broken(advance.lease.id, list(advance.parts.values()), back)

    def took(self, lease: Lease, granted: Granted) -> None:
        """*lease*, an advance, is in the database."""
        standings = {(each.models, each.kind): each for each in granted.standings}
        left = {(models, kind): amount for models, kind, amount in lease.holds}
        self._of[lease.key] = Advance(lease, standings, left)


def stood(columns: tuple[Any, ...], unused: Sequence[int]) -> tuple[Standing, ...]:
    """How windows stand of which an advance has *unused* left; *columns* of how they stood when it had been taken.

    What is left of it is not spent where that counts at once, and not held elsewhere.
    """
    kinds, models, limits, spent, held, ends, at_once, later = columns
    spent, held = map(sub, spent, map(mul, unused, at_once)), map(sub, held, map(mul, unused, later))
    return tuple(map(Standing, kinds, models, limits, spent, held, ends))


def summed(asked: Iterable[Iterable[Claim]]) -> dict[Place, Claim]:
    """FIRST times *asked*, of each window, under the limits of the last of them."""
    sums: dict[Place, Claim] = {}
    for claims in asked:
        for claim in claims:
            place = claim.models, claim.kind
            before = sums[place].amount if place in sums else 0
            sums[place] = Claim(claim.kind, claim.limit, before + FIRST * claim.amount, claim.models)
    return sums
