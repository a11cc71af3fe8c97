"""Translate: turn the prompt into what this upstream expects.  Runs first in every attempt, on a fresh copy.

    same dialect:    nothing but what was made elsewhere is taken out: the upstream gets the client's own bytes
    another:         my body ─▶ Messages shape ─▶ the upstream's body, every loss recorded
                     and on the way down calls get back the names that the client's tools have

Then the wish for thinking that a suffix expressed is put as this model takes it, and a stream is made to tell usage.
"""

from collections.abc import Callable

from pipeline.dialect import Dialect
from pipeline.events import Event
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from stages.notes import EFFORT, HIDE_USAGE

Restoring = Callable[[Event], list[Event] | None]


def stage(exchange: Exchange) -> Restoring | None:
    """Turn the prompt into what this upstream expects, and calls in the reply into what the client expects."""
    upstream = exchange.upstream
    assert upstream is not None  # noqa: S101  # forward sets it before it enters the stages of an attempt
    prompt, restoring = exchange.prompt, None
    if prompt.dialect == upstream.dialect.NAME:
        upstream.dialect.mend(prompt)
    else:
        restoring = translate(prompt, exchange.dialect, upstream.dialect)
    effort = exchange.noted(EFFORT)
    if effort is not None:
        upstream.dialect.fit(prompt, effort)
    hide = exchange.operation == "reply" and exchange.streaming and upstream.dialect.ask_usage(prompt)
    exchange.note(HIDE_USAGE, hide)
    return restoring


def translate(prompt: Prompt, source: Dialect, target: Dialect) -> Restoring | None:
    """Turn *prompt* from *source* into *target*; what turns the reply's calls back, if anything needs to.

    Raises InvalidRequest or Unsupported, which name the field.
    """
    asked = prompt.body()
    restoring = source.restoring(asked)
    prompt.become(target.NAME, target.from_messages(source.to_messages(asked, prompt), prompt))
    return restoring
