"""Counter: how many tokens a prompt has for a model of an upstream, as well as that can be known here.

    count   a prompt ─▶ units ─▶ weights, known or weighed ─▶ sum ─▶ tokens and how far off they may be
    watch   a reply's usage ─▶ calibration, for models that somebody has counts made for, now and then

Weights are remembered by content, 16,384 of them (some 6 MB): the next turn of a conversation costs what is new in it.
Without a tokenizer ``count`` gives None, and the dialect's own estimate has to do.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import attrs
import trio

from pipeline.events import Event, Finished, Started, Usage, reads
from pipeline.prompt import Prompt
from stages.dialects.anthropic.context import applied
from stages.tokens.calibration import Calibrations, Name
from stages.tokens.clerk import Clerk
from stages.tokens.scales import Sum, added, scale_of
from stages.tokens.units import Unit, members, units
from stages.tokens.weight import Weight

KNOWN = 16_384  # weights that are remembered
LARGE = 1024 * 1024  # bytes from which on a prompt is cut in a thread
OFTEN = 8  # observations of a model that are taken as they come
PAUSE = 10.0  # seconds between later ones
MODELS = 512  # that counts are remembered to have been made for


@attrs.frozen
class Count:
    """*tokens*, and the part of them by which it may be off (19 times of 20 it is off by less)."""

    tokens: int
    error: float


@attrs.define(eq=False)
class Wanted:
    """A model that somebody has counts made for: when to observe it next."""

    due: float = 0.0
    observed: int = 0


@attrs.define(eq=False)
class Counter:
    """Counts.  An async context manager: inside, it has a task, and a process when it needs one."""

    _clerk: Clerk = attrs.field(factory=Clerk)
    _weights: OrderedDict[bytes, Weight] = attrs.field(factory=OrderedDict)
    _calibrations: Calibrations = attrs.field(factory=Calibrations)
    _wanted: OrderedDict[Name, Wanted] = attrs.field(factory=OrderedDict)
    _threads: trio.CapacityLimiter | None = None
    _nursery: trio.Nursery | None = None
    _open: Any = None  # the nursery's manager, while inside

    async def __aenter__(self) -> "Counter":
        self._threads = trio.CapacityLimiter(1)
        self._open = trio.open_nursery()
        self._nursery = await self._open.__aenter__()
        await self._nursery.start(self._clerk.run, name="counter")
        return self

    async def __aexit__(self, *raised: Any) -> None:
        assert self._nursery is not None  # noqa: S101  # set on the way in
        self._nursery.cancel_scope.cancel()
        self._nursery = None
        await self._open.__aexit__(*raised)

    # -- counting -----------------------------------------------------------------------------------------------------

    async def count(self, prompt: Prompt, upstream: str) -> Count | None:
        """The tokens of *prompt* for its model at *upstream*; None if they can't be counted."""
        name, scale = (upstream, prompt.model), scale_of(prompt.model)
        held = await self._sum(prompt)
        if held is None:
            return None
        self._want(name)
        calibration = self._calibrations.of(name, scale)
        spoken, fixed = held.spoken(scale) * calibration.factor, held.fixed(scale)
        return Count(max(1, round(spoken + fixed)), round(calibration.error * spoken / max(spoken + fixed, 1), 3))

    async def _sum(self, prompt: Prompt) -> Sum | None:
        """What *prompt* holds; what is not known yet is weighed."""
        if not self._clerk.able:
            return None
        found = members(prompt)
        if sum(len(raw) for _, raw in found) < LARGE:
            cut = units(found)
        else:
            cut = await trio.to_thread.run_sync(units, found, limiter=self._threads)
        return await self._added(cut)

    async def _added(self, cut: list[Unit]) -> Sum | None:
        """The sum of *cut*; None if it can't be had."""
        known = {unit.digest: self._weights.get(unit.digest) for unit in cut}
        missing = list({unit.digest: unit for unit in cut if known[unit.digest] is None}.values())
        weighed = await self._clerk.weigh(missing)
        if weighed is None or len(weighed) != len(missing):
            return None
        for unit, weight in zip(missing, weighed, strict=True):
            known[unit.digest] = weight
        return added((unit.kind, self._remember(unit.digest, known[unit.digest] or Weight())) for unit in cut)

    def _remember(self, digest: bytes, weight: Weight) -> Weight:
        self._weights[digest] = weight
        self._weights.move_to_end(digest)
        while len(self._weights) > KNOWN:
            self._weights.popitem(last=False)
        return weight

    # -- learning -----------------------------------------------------------------------------------------------------

    def watch(self, prompt: Prompt, upstream: str, model: str) -> Callable[[Event], None] | None:
        """A transform that learns from the reply to *prompt*; None if nobody wants to know, or not now."""
        name = (upstream, model)
        wanted = self._wanted.get(name)
        if wanted is None or self._nursery is None or trio.current_time() < wanted.due:
            return None
        wanted.observed += 1
        wanted.due = trio.current_time() + PAUSE if wanted.observed >= OFTEN else 0.0
        observation = Observation(self._calibrations, name)
        # The prompt is let go of when the reply begins: it is cut now, and weighed beside the exchange.
        self._nursery.start_soon(self._observe, observation, members(prompt))
        return observation.look

    async def _observe(self, observation: "Observation", found: Any) -> None:
        cut = await trio.to_thread.run_sync(units, found, limiter=self._threads)
        observation.weighed(await self._added(cut))

    def _want(self, name: Name) -> None:
        self._wanted.setdefault(name, Wanted())
        self._wanted.move_to_end(name)
        while len(self._wanted) > MODELS:
            self._wanted.popitem(last=False)


@attrs.define(eq=False)
class Observation:
    """One prompt, seen twice: here and by its upstream, in whichever order.

    If the upstream says that it has cleared some of it, it has not seen the same, and nothing is learned.
    """

    _calibrations: Calibrations
    _name: Name
    _held: Sum | None = None
    _usage: Usage | None = None
    _told: int = 0

    @reads(Started, Finished)
    def look(self, event: Event) -> None:
        """The transform: takes the usage, changes nothing."""
        if isinstance(event, Started | Finished) and event.usage is not None:
            self._usage = event.usage.over(self._usage)
        if isinstance(event, Finished) and self._usage is not None and not applied(event.extra):
            self._told = self._usage.prompt
            self._learn()

    def weighed(self, held: Sum | None) -> None:
        """Take what the prompt held."""
        self._held = held
        self._learn()

    def _learn(self) -> None:
        if self._held is not None and self._told:
            self._calibrations.learn(self._name, scale_of(self._name[1]), self._held, self._told)
            self._told = 0
