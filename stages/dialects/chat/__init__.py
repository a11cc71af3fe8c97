"""The OpenAI Chat Completions API, and what many servers make of it.

    routes    paths and request fields               families  what models take, by name
    prompt_in   to the hub    history_in, parts_in, tools_in, thinking_in      schemas  of both
    prompt_out  from the hub  history_out, parts_out, tools_out, typed_tools   beyond   what the hub has no words for
    wishes, effort            what we ask for: effort, usage                   signed   calls that a provider signs
    decoder   a stream, read  chunk, blocks          encoder   a stream, written
    whole     a body, read                           fold      a body, written
    usage, stops              of both                errors, refusals   what happened, both ways
    models, count             lists and estimates

What ``pipeline.dialect.Dialect`` asks for, under its names.
"""

from collections.abc import Callable
from typing import Any

from pipeline.document import Path
from pipeline.events import Event, Kinds
from pipeline.prompt import Prompt
from stages.dialects.chat.count import count, encode_count
from stages.dialects.chat.decoder import StreamDecoder
from stages.dialects.chat.encoder import StreamEncoder
from stages.dialects.chat.errors import encode_error
from stages.dialects.chat.fold import WholeEncoder
from stages.dialects.chat.models import decode_models, encode_model, encode_models
from stages.dialects.chat.prompt_in import to_messages
from stages.dialects.chat.prompt_out import from_messages
from stages.dialects.chat.refusals import decode_error
from stages.dialects.chat.routes import MARK, NAME, ROUTES, credentials, defaults, foreign, upstream_path
from stages.dialects.chat.whole import explode
from stages.dialects.chat.wishes import ask_usage, fit, shows_usage
from stages.dialects.citations import Spans
from stages.dialects.names import restoring as named
from stages.dialects.whole import WholeDecoder

__all__ = [
    "NAME",
    "ROUTES",
    "MARK",
    "MODEL",
    "to_messages",
    "from_messages",
    "fit",
    "ask_usage",
    "restoring",
    "mend",
    "stream_decoder",
    "whole_decoder",
    "stream_encoder",
    "whole_encoder",
    "encode_error",
    "decode_error",
    "upstream_path",
    "credentials",
    "defaults",
    "foreign",
    "count",
    "encode_count",
    "encode_models",
    "encode_model",
    "decode_models",
]

MODEL: Path = ("model",)


def restoring(body: dict[str, Any]) -> Callable[[Event], list[Event] | None] | None:
    """What turns a reply back for the client that sent *body*: calls get its own names, and of a search that was asked
    for the pages that are cited get their spans.  None if there is nothing to do."""
    names = named(body)
    if body.get("web_search_options") is None:
        return names
    spans = Spans()
    return spans.told if names is None else lambda event: spans.told(event) or names(event)


def stream_decoder(kinds: Kinds | None, *, hide_usage: bool = False) -> StreamDecoder:
    """A decoder of a stream."""
    return StreamDecoder(kinds, hide_usage=hide_usage)


def whole_decoder() -> WholeDecoder:
    """A decoder of a whole reply."""
    return WholeDecoder(explode)


def stream_encoder(prompt: Prompt) -> StreamEncoder:
    """An encoder of a stream for the client that sent *prompt*."""
    return StreamEncoder(model=prompt.get("model", default=""), show_usage=shows_usage(prompt))


def whole_encoder(prompt: Prompt) -> WholeEncoder:
    """An encoder that folds events into one body, for the client that sent *prompt*."""
    return WholeEncoder(model=prompt.get("model", default=""))


def mend(prompt: Prompt) -> None:
    """Nothing to take out: servers of this dialect leave reasoning alone that they did not make."""
