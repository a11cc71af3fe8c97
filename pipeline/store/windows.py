"""Windows: what a key has spent and what it holds, and whether more fits.  Arithmetic only.

    claim ──fits?──▶ held += amount ──▶ … the request … ──▶ held -= amount, spent += what it cost
              └─no──▶ Refused, and nothing has changed

A window counts for a key, for the models its glob fits, in one of the KINDS.  What a kind counts decides how:

    cost      held while the request runs; spent when it is settled, in every window of the key that fits the model
    streams   held while the request runs; never spent
    requests  spent at once; given back if the request was never sent
    tokens    spent at once, as estimated; put right when the request is settled, if the window is still the same

A window that has ended begins anew with the first request after it: spent goes to zero, held does not.  No figure ever
is negative, whatever the clock does: a moment before a window's beginning counts as within it.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import attrs
from msgspec.structs import replace

from pipeline.store.record import AHEAD, AT_ONCE, KINDS, Claim, Granted, Lease, Record, Refused, Standing, State

PART = 4  # an advance takes at most the fourth of what is free
WORTH = 8  # and at least the eighth of what is wanted, or nothing

Name = tuple[str, str, str]  # key, glob of models, kind


@attrs.define
class Window:
    """One window as it is stored; *ends* is 0 where it never does."""

    key: str
    models: str
    kind: str
    began: int
    ends: int
    spent: int = 0
    held: int = 0

    @property
    def name(self) -> Name:
        """What it is stored under."""
        return self.key, self.models, self.kind

    def roll(self, now: int, ends: int | None = None) -> None:
        """Begin anew if it has ended at *now*; *ends* is the upstream's own moment, where it is known."""
        if self.ends and now >= self.ends:
            self.began, self.ends, self.spent = now, now + 1000 * (KINDS[self.kind].seconds or 0), 0
        if ends is not None and ends > now:
            self.ends = ends

    def used(self) -> int:
        """What is no longer free."""
        return self.spent + self.held

    def standing(self, limit: int) -> Standing:
        """As others see it."""
        return Standing(self.kind, self.models, limit, self.spent, self.held, self.ends)


def opened(key: str, models: str, kind: str, now: int, spent: int = 0) -> Window:
    """A window that begins *now*."""
    seconds = KINDS[kind].seconds
    return Window(key, models, kind, now, now + 1000 * seconds if seconds else 0, spent)


class Windows:
    """The windows that one transaction looks at; ``changed`` are those to be written."""

    def __init__(self, windows: Iterable[Window] = ()) -> None:
        self._windows: dict[Name, Window] = {}
        self._of: dict[str, list[Window]] = {}  # by key
        self._changed: dict[int, Window] = {}  # by identity
        for window in windows:
            self._look_at(window)

    def _look_at(self, window: Window) -> None:
        self._windows[window.name] = window
        self._of.setdefault(window.key, []).append(window)

    @property
    def changed(self) -> list[Window]:
        """In the order of their names: every process locks them in the same one."""
        return sorted(self._changed.values(), key=lambda window: window.name)

    def missing(self, key: str, claims: Iterable[Claim]) -> list[Name]:
        """The windows that *claims* need and nobody has begun."""
        return [name for claim in claims if (name := (key, claim.models, claim.kind)) not in self._windows]

    def add(self, window: Window) -> None:
        """Look at *window* too, which is new."""
        self._look_at(window)
        self._changed[id(window)] = window

    # -- before a request ---------------------------------------------------------------------------------------------

    def reserve(self, lease: Lease, claims: Iterable[Claim], now: int) -> Granted | Refused:
        """Hold all *claims* for *lease*, or nothing; all its windows are there.

        What is granted is held from the moment of the grant, not of the question, which is earlier than a window that
        begins with it: else nobody could tell afterwards that the window is still the same.
        """
        claimed = [(claim, self._windows[lease.key, claim.models, claim.kind]) for claim in claims]
        for claim, window in claimed:
            if claim.ends is not None or now >= window.ends:
                window.roll(now, claim.ends)
            if window.used() + claim.amount > claim.limit:
                return Refused(window.standing(claim.limit))
        for claim, window in claimed:
            if claim.kind in AT_ONCE:
                window.spent += claim.amount
            else:
                window.held += claim.amount
            lease.holds.append((claim.models, claim.kind, claim.amount))
            self._changed[id(window)] = window
        lease.at = max([now, *[window.began for _, window in claimed]])  # clocks of several machines differ
        return Granted(tuple([window.standing(claim.limit) for claim, window in claimed]))

    def advance(self, lease: Lease, wanted: Sequence[Claim], now: int) -> Granted | None:
        """Hold what is *wanted* for *lease*, an advance, or less of it where little is free; None: nothing."""
        if self.missing(lease.key, wanted):
            return None
        fitting = []
        for claim in wanted:
            window = self._windows[lease.key, claim.models, claim.kind]
            amount = min(claim.amount, (claim.limit - window.used()) // PART)
            if amount * WORTH < claim.amount:
                return None
            fitting.append(replace(claim, amount=amount))
        answer = self.reserve(lease, fitting, now)
        return answer if isinstance(answer, Granted) else None

    # -- after it -----------------------------------------------------------------------------------------------------

    def release(self, lease: Lease) -> None:
        """Give back what *lease* holds: its request was never sent.

        Of an advance whose process has died nobody knows how much was used: what counts at once stays spent.
        """
        known = not lease.id.startswith(AHEAD)
        for window, kind, amount in self._held(lease):
            if kind not in AT_ONCE:
                window.held = max(0, window.held - amount)
            elif lease.at >= window.began and known:
                window.spent = max(0, window.spent - amount)

    def break_up(self, lease: Lease, back: Mapping[tuple[str, str], int], parts: Iterable[Lease]) -> None:
        """End *lease*, an advance of which *back* was not used; its *parts* go on by themselves."""
        for window, kind, amount in self._held(lease):
            if kind not in AT_ONCE:
                window.held = max(0, window.held - amount)
            elif lease.at >= window.began:
                window.spent = max(0, window.spent - back.get((window.models, kind), 0))
        for part in parts:
            for window, kind, amount in self._held(part):
                window.held += 0 if kind in AT_ONCE else amount

    def settle(self, old: Record | None, new: Record, lease: Lease | None, now: int) -> None:
        """Charge what *new* cost to its key's windows, and end *lease*; *old* is what was stored before."""
        for window in self._of.get(new.key, ()):
            if window.kind in _MONEY:
                if now >= window.ends:
                    window.roll(now)
                charged = charge(new, window)
                if old is not None:
                    charged -= charge(old, window)
                window.spent = max(0, window.spent + charged)
                self._changed[id(window)] = window
        for window, kind, amount in self._held(lease):
            if kind not in AT_ONCE:
                window.held = max(0, window.held - amount)
            elif kind == "tokens_minute" and lease is not None and window.began <= lease.at and now < window.ends:
                window.spent = max(0, window.spent - amount + new.tokens)

    def correct(self, old: Record, new: Record) -> None:
        """Charge what *new* costs more, or less, than *old*, which it takes the place of."""
        for window in self._of.get(new.key, ()):
            if window.kind in _MONEY and not (window.ends and new.at < window.began):
                window.spent = max(0, window.spent + charge(new, window) - charge(old, window))
                self._changed[id(window)] = window

    def _held(self, lease: Lease | None) -> Iterable[tuple[Window, str, int]]:
        """The windows that *lease* has something in."""
        if lease is None:
            return
        for models, kind, amount in lease.holds:
            window = self._windows.get((lease.key, models, kind))
            if window is not None:
                self._changed[id(window)] = window
                yield window, kind, amount


def charge(record: Record, window: Window) -> int:
    """What *record* has been, or is, charged to *window*."""
    return record.cost if record.state != State.OPEN and fits(record.model, window.models) else 0


def fits(model: str, models: str) -> bool:
    """Whether the glob *models* is for *model*."""
    return models == "*" or fnmatchcase(model, models)


_MONEY = frozenset(kind for kind, what in KINDS.items() if what.unit == "cost")
