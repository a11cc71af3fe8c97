"""Limits: what a key may use: money in five hours, in a week and in all; requests and tokens a minute; replies at once.

    up      allowance of the key ─▶ upstreams whose plan is not used up ─▶ (before each try) a hold, or a refusal
    down    the key's standing in the head · a stream that may be cut is weighed
    after   what is held ends with meter's record, or is given back

A key without any limit costs a look into a table.  With limits, of whatever kind, a request is reserved for in the
store, decided and committed together with those of its moment, or out of what this process holds ahead for a key that
is busy (``hold``, ``pipeline.store.advances``): the one place that is right for requests at the same time, for several
gateways before one database, and after a crash.  Minutes and streams are kept there as well: a counter in each process
would let through as many times the limit as there are processes.

Stands before ``meter``, whose prices it reserves by and whose record settles what it holds.  ``GET /v1/usage`` is
answered here.

    [limits]
    limits = [{ kind = "usd_5h", limit = 5_000_000 }, { kind = "streams", limit = 4 }]     # see ``allowance``
    when_spent = "finish"          # a stream that runs when the money ends may; "cut": it ends, properly
    allow_extra_usage = false      # go on with an upstream whose plan says that nothing is left
    follow = "claude"              # windows end when those of this upstream's plan do; true: of the one that is asked
    unpriced = "refuse"            # models without a known price, under limits in money; "pass": they cost nothing
"""

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any, ClassVar, Literal

import attrs
import trio

from pipeline.exchange import Caller, Exchange
from pipeline.upstream import Upstream
from stages import usage
from stages.allowance import Allowance, Limit, WhenSpent, merged
from stages.estimate import Learned
from stages.hold import Hold
from stages.quotas import used_up
from stages.standings import used_up as no_extra

FOLLOWED = {"usd_5h": "5h", "usd_week": "7d"}  # our windows, and those of a plan that they may follow
NOBODY = Caller("", "")  # a line without auth: all have one allowance


@attrs.define(eq=False)
class Limits:
    """Keep each key within what it may use."""

    limits: tuple[Limit, ...] = attrs.field(default=(), converter=merged)
    allow_extra_usage: bool = False
    when_spent: WhenSpent = "finish"
    follow: bool | str = False
    unpriced: Literal["refuse", "pass"] = "refuse"
    _common: tuple[Limit, ...] = attrs.field(init=False, repr=False)  # those of every key
    _learned: Learned = attrs.field(init=False, factory=Learned, repr=False)
    _seen: dict[str, Upstream] = attrs.field(init=False, factory=dict, repr=False)  # those that may be followed
    _nursery: trio.Nursery | None = attrs.field(init=False, default=None, repr=False)
    _made: "tuple[Limits, Allowance] | None" = attrs.field(init=False, default=None, repr=False)  # of whom, and which
    _open: Any = attrs.field(init=False, default=None, repr=False)  # the nursery's manager, while inside

    operations = frozenset({"reply", "relay", "usage"})
    reads = frozenset({"caller", "upstreams"})
    changes = frozenset({"hold"})
    per_key: ClassVar[frozenset[str]] = frozenset({"limits", "allow_extra_usage", "when_spent"})

    @_common.default
    def _of_every_key(self) -> tuple[Limit, ...]:
        return self.limits

    def check(self, upstreams: frozenset[str]) -> Iterator[str]:
        """What is wrong with the settings, given the names of all upstreams."""
        if isinstance(self.follow, str) and self.follow not in upstreams:
            yield f"follow names {self.follow!r}, which is no upstream"

    async def __aenter__(self) -> "Limits":
        self._open = trio.open_nursery()
        self._nursery = await self._open.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        assert self._nursery is not None  # noqa: S101  # set on the way in
        self._nursery.cancel_scope.cancel()
        self._nursery = None
        await self._open.__aexit__(*raised)

    def __call__(self, exchange: Exchange) -> Generator[Any, None, None]:
        """Keep *exchange* within its key's allowance.  Raises BudgetSpent, Forbidden; more before a try (``Hold``)."""
        caller = exchange.caller or NOBODY
        allowance = self._allowance()
        if exchange.operation == "usage":
            exchange.source = partial(usage.answer, caller=caller, allowance=allowance)
            return
        if not allowance.allow_extra_usage:
            keep_to_plans(exchange)
        if not allowance.limits:
            return
        hold = Hold(
            exchange=exchange,
            asked=exchange.prompt,
            key=caller.id,
            allowance=allowance,
            learned=self._learned,
            unpriced=self.unpriced == "pass",
            ends=partial(self._ends, exchange) if self.follow else None,
            nursery=self._nursery,
        )
        exchange.before_attempt.append(hold.take)
        try:
            yield hold.transform
        finally:
            hold.end()

    def _allowance(self) -> Allowance:
        """What the caller may use: this is the stage as it meets it, with its own settings (``pipeline.overlay``).

        Made once for the stage and once for each copy; a copy has that of its original, until it is asked.
        """
        if self._made is None or self._made[0] is not self:
            limits = self.limits if self.limits is self._common else merged(self._common, self.limits)
            self._made = self, Allowance(limits, self.allow_extra_usage, self.when_spent)
        return self._made[1]

    def _ends(self, exchange: Exchange, kind: str) -> int | None:
        """When the window of *kind* ends at the upstream that is followed, in ms, if it told."""
        if kind not in FOLLOWED:
            return None
        if isinstance(self.follow, str):
            self._seen.update((upstream.name, upstream) for upstream in exchange.upstreams)
            followed = self._seen.get(self.follow)
        else:
            followed = exchange.upstream
        told = None if followed is None else followed.windows.get(FOLLOWED[kind])
        return told.resets if told is not None and told.resets else None


def keep_to_plans(exchange: Exchange) -> None:
    """Leave *exchange* the upstreams whose plan has something left.  Raises BudgetSpent if none has."""
    full = [upstream for upstream in exchange.upstreams if upstream.windows.full]
    if not full:
        return
    now, spent = round(exchange.arrived * 1000), {}
    for upstream in full:
        if (quota := used_up(upstream, now)) is not None:
            spent[upstream.name] = quota
    if spent and len(spent) == len(exchange.upstreams):
        name, quota = min(spent.items(), key=lambda pair: pair[1].resets)
        raise no_extra(name, quota, now)
    if spent:
        exchange.upstreams = [upstream for upstream in exchange.upstreams if upstream.name not in spent]


stage = Limits
