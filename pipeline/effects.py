"""Effects: what each stage did to one exchange, where somebody wants to know.

    up      seconds · with *prompts*: the prompt before and after it
    down    seconds · how many events its transform saw, and how many of them it replaced, dropped or added to

Looking costs a microsecond per event and stage, so that one exchange in some is looked at, or every one that is
captured or replayed.  A transform that waits has a task of its own: how long it takes can't be told from outside.
What a stage changed of the prompt is always recorded, as edits (``prompt``).
"""

from collections.abc import Iterable
from time import perf_counter
from typing import Any

import attrs

from pipeline.events import Event
from pipeline.exchange import Exchange
from pipeline.stage import Transform, waits


@attrs.define(eq=False)
class Effect:
    """What one stage did.  Times in seconds; *before* and *after*: the prompt as it would have been sent."""

    stage: str
    up: float = 0.0
    down: float = 0.0
    events: int = 0
    changed: int = 0
    before: bytes | None = None
    after: bytes | None = None


@attrs.define(eq=False)
class Effects:
    """What the stages of one exchange did, in the order they were called; again with each attempt."""

    prompts: bool = False  # whether prompts are kept
    stages: list[Effect] = attrs.field(factory=list)

    def begin(self, name: str, exchange: Exchange) -> Effect:
        """The stage *name* is about to be called."""
        effect = Effect(name, before=exchange.prompt.encode() if self.prompts else None)
        self.stages.append(effect)
        return effect

    def entered(
        self, effect: Effect, exchange: Exchange, seconds: float, transform: Transform | None
    ) -> Transform | None:
        """It was; gives its *transform*, to be looked at as the reply passes."""
        effect.up = seconds
        effect.after = exchange.prompt.encode() if self.prompts else None
        return transform if transform is None or waits(transform) else Watched(transform, effect)

    def down(self) -> dict[str, float]:
        """Seconds on the way down, by stage; of those that took part in it."""
        spent: dict[str, float] = {}
        for effect in self.stages:
            if effect.events:
                spent[effect.stage] = spent.get(effect.stage, 0.0) + effect.down
        return spent


class Watched:
    """A transform that is looked at; it sees the same events."""

    def __init__(self, transform: Transform, effect: Effect) -> None:
        self.kinds, self.seen = getattr(transform, "kinds", None), getattr(transform, "seen", None)
        self._transform, self._effect = transform, effect

    def __call__(self, event: Event) -> Iterable[Event] | None:
        """What the transform gives for *event*."""
        effect, began = self._effect, perf_counter()
        made: Any = self._transform(event)
        given = None if made is None else list(made)  # a generator works while it is read
        effect.down += perf_counter() - began
        effect.events += 1
        if given is not None and not (len(given) == 1 and given[0] is event):
            effect.changed += 1
        return given
