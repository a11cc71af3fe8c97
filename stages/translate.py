"""Translate: turn the prompt into what this upstream expects.  Runs first in every attempt, on a fresh copy.

    same dialect:    nothing, so that the upstream gets the client's own bytes
    another:         my body ─▶ Messages shape ─▶ the upstream's body, every loss recorded

Then the wish for thinking that a suffix expressed is put as this model takes it, and a stream is made to tell usage.
"""

from pipeline.dialect import Dialect
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from stages.notes import EFFORT, HIDE_USAGE


def stage(exchange: Exchange) -> None:
    """Turn the prompt into what this upstream expects."""
    upstream = exchange.upstream
    assert upstream is not None  # noqa: S101  # forward sets it before it enters the stages of an attempt
    if exchange.prompt.dialect != upstream.dialect.NAME:
        translate(exchange.prompt, exchange.dialect, upstream.dialect)
    effort = exchange.noted(EFFORT)
    if effort is not None:
        upstream.dialect.fit(exchange.prompt, effort)
    hide = exchange.operation == "reply" and exchange.streaming and upstream.dialect.ask_usage(exchange.prompt)
    exchange.note(HIDE_USAGE, hide)


def translate(prompt: Prompt, source: Dialect, target: Dialect) -> None:
    """Turn *prompt* from *source* into *target*.  Raises InvalidRequest or Unsupported, which name the field."""
    prompt.become(target.NAME, target.from_messages(source.to_messages(prompt.body(), prompt), prompt))
