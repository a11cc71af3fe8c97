"""Translate: turn the prompt into what this upstream expects.  Runs first in every attempt, on a fresh copy.

    same dialect:    nothing but what was made elsewhere is taken out: the upstream gets the client's own bytes
    another:         my body ─▶ Messages shape ─▶ the upstream's body, every loss recorded

What the client asked, its own vendor would do; what this upstream can't is done here (``contract``, ``context``).  The
wish for thinking that a suffix expressed is put as this model takes it, and a stream is made to tell usage.  On the way
down calls get back the names that the client's tools have, the reply ends at stop sequences that the upstream does not
know (``stops``), and what was done in the upstream's stead is told at its end.

    [translate]
    attribution = "auto"     # Claude Code's attribution block: kept for its vendor, stripped for others; keep, strip
    memory = 33554432        # bytes of conversations that are kept, so that their next turns cost less; 0: none
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import attrs

from pipeline.bounds import Count
from pipeline.dialect import Dialect
from pipeline.errors import InvalidRequest
from pipeline.events import Event, Finished
from pipeline.exchange import Exchange
from pipeline.line import replaced
from pipeline.prompt import Prompt
from stages.cache_key import cache_key, put_key
from stages.contract import Attribution, keep
from stages.dialects.anthropic.blocks import NAME
from stages.dialects.anthropic.context import managed
from stages.dialects.places import words_of
from stages.dialects.unread import record_unread
from stages.dialects.wording import worded
from stages.memory import Memory
from stages.notes import EFFORT, HIDE_USAGE, STOPS, TOLD, WITHOUT
from stages.parameters import PARAMETERS
from stages.stops import watching
from stages.thinking import Intent, intent_of, into_messages

Step = Callable[[Event], Iterable[Event] | None]


_NOTHING: frozenset[str] = frozenset()  # each that is made anew takes 200 bytes


@attrs.frozen
class Translate:
    """Turn the prompt into what this upstream expects, and the reply into what the client expects."""

    attribution: Attribution = "auto"
    memory: Count = 33_554_432  # bytes of conversations that are kept, so that their next turns cost less; 0: none

    per_key: ClassVar[frozenset[str]] = frozenset({"attribution"})
    reads: ClassVar[frozenset[str]] = frozenset({"effort", "judge"})
    changes: ClassVar[frozenset[str]] = frozenset({"dialect"})
    rehearsed: ClassVar[bool] = True
    waits: ClassVar[bool] = False  # for explain, which can't see what the transform is made of

    _memory: Memory = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(lambda self: Memory(self.memory), True)
    )

    def __call__(self, exchange: Exchange) -> Step | None:
        """Edit the exchange's prompt; gives the transform of the reply, if anything is left to do there."""
        upstream, prompt = exchange.upstream, exchange.prompt
        assert upstream is not None  # noqa: S101  # forward sets it before it enters the stages of an attempt
        exchange.note(WITHOUT, _NOTHING)
        effort, same = exchange.noted(EFFORT), prompt.dialect == upstream.dialect.NAME
        key = cache_key(exchange, upstream)
        if prompt.dialect == NAME:
            keep(exchange, upstream, self.attribution)
        elif same:
            upstream.dialect.mend(prompt)
        restoring = None
        if not same:
            caller = exchange.caller.id if exchange.caller is not None else ""
            intent = asked_for(effort)
            restoring = translate(prompt, exchange.dialect, upstream.dialect, intent, self._memory, caller)
        elif effort is not None or (exchange.asked and exchange.asked != prompt.model):
            upstream.dialect.fit(prompt, effort)
        if key:
            put_key(prompt, key)
        hide = exchange.operation == "reply" and exchange.streaming and upstream.dialect.ask_usage(prompt)
        exchange.note(HIDE_USAGE, hide)
        if (parameters := exchange.noted(PARAMETERS)) is not None:
            parameters.apply(prompt)
        stops, told = prompt.notes.noted(STOPS), prompt.notes.noted(TOLD)
        return in_a_row(restoring, watching(exchange, stops) if stops else None, telling(told) if told else None)


stage = Translate


def translate(
    prompt: Prompt,
    source: Dialect,
    target: Dialect,
    intent: Intent | None = None,
    memory: Memory | None = None,
    caller: str = "",
) -> Step | None:
    """Turn *prompt* from *source* into *target*; what turns the reply's calls back, if anything needs to.

    *intent*: how much to think, in place of what the prompt says; *memory*: what is known of earlier turns of *caller*,
    which saves time and changes nothing.  Raises InvalidRequest or Unsupported, which name the field.
    """
    turn = None if memory is None else memory.turn(prompt, source, target, intent, caller)
    if turn is None:
        return afresh(prompt, source, target, intent, prompt.body())
    edits = len(prompt.edits)
    try:
        return afresh(prompt, source, target, intent, turn.asked, turn.whole)
    except InvalidRequest:
        if turn.before is None:
            raise
        del prompt.edits[edits:]
        return afresh(prompt, source, target, intent, prompt.body())


def afresh(
    prompt: Prompt,
    source: Dialect,
    target: Dialect,
    intent: Intent | None,
    asked: dict[str, Any],
    whole: Callable[[dict[str, Any]], dict[str, bytes]] | None = None,
) -> Step | None:
    """Translate *asked*: all of *prompt*, or what is new of it; then *whole* takes what was made of the conversation,
    and gives all of it, as text by its field."""
    record_unread(asked, source.NAME, target.NAME, prompt)
    restoring = source.restoring(asked)
    hub = managed(source.to_messages(asked, prompt, target.NAME), prompt)
    if intent is not None:
        into_messages(hub, intent)
    with worded(prompt, words_of(source.NAME, asked)):
        made = target.from_messages(hub, prompt)
    prompt.become(target.NAME, made, {} if whole is None else whole(made))
    return restoring


def asked_for(effort: str | int | None) -> Intent | None:
    """The intent of a suffix, if there is one."""
    return None if effort is None else intent_of(effort)


def telling(extra: dict[str, Any]) -> Step:
    """A transform that tells *extra* at the end of the reply."""

    def told(event: Event) -> list[Event] | None:
        if not isinstance(event, Finished):
            return None
        return [event.replace(extra={**extra, **(event.extra or {})})]

    return told


def in_a_row(*steps: Step | None) -> Step | None:
    """The *steps* there are as one: each sees what the one before it leaves."""
    there = [step for step in steps if step is not None]
    if len(there) < 2:
        return there[0] if there else None

    def row(event: Event) -> list[Event]:
        events = [event]
        for step in there:
            events = replaced(step, events)
        return events

    return row
