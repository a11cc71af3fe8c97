"""The OpenAI Responses API.

    routes     paths and request fields              fields   what it has in common with Chat   fit   effort
    prompt_in  to the hub    turns_in, parts_in, tools_in, results                         history   strange reasoning
    prompt_out from the hub  turns_out, parts_out
    decoder    a stream, read      pieces, blocks, tray
    encoder    a stream, written   passing, adopted, written, sheet, beat
    whole      a body, both ways                     response  what all bodies and ends of streams have in common
    items, calls, reasoning, usage, stops   of both  errors    what happened, both ways
    count      estimates

What ``pipeline.dialect.Dialect`` asks for, under its names.
"""

from pipeline.document import Path
from pipeline.events import Kinds
from pipeline.prompt import Prompt
from stages.dialects.chat.models import decode_models, encode_model, encode_models
from stages.dialects.responses.count import count, encode_count
from stages.dialects.responses.decoder import StreamDecoder
from stages.dialects.responses.encoder import StreamEncoder
from stages.dialects.responses.errors import decode_error, encode_error
from stages.dialects.responses.fit import fit
from stages.dialects.responses.history import mend
from stages.dialects.responses.prompt_in import to_messages
from stages.dialects.responses.prompt_out import from_messages
from stages.dialects.responses.response import echo
from stages.dialects.responses.routes import (
    COUNTED,
    MARK,
    NAME,
    ROUTES,
    credentials,
    defaults,
    foreign,
    upstream_path,
)
from stages.dialects.responses.tools_in import restoring
from stages.dialects.responses.whole import WholeEncoder, read
from stages.dialects.whole import WholeDecoder

__all__ = [
    "NAME",
    "ROUTES",
    "MARK",
    "MODEL",
    "COUNTED",
    "to_messages",
    "from_messages",
    "restoring",
    "mend",
    "fit",
    "ask_usage",
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

MODEL: Path = ("response", "model")


def ask_usage(prompt: Prompt) -> bool:
    """Streams of this dialect always tell their usage: nothing to ask, nothing to hide."""
    return False


def stream_decoder(kinds: Kinds | None, *, hide_usage: bool = False) -> StreamDecoder:
    """A decoder of a stream."""
    return StreamDecoder(kinds)


def whole_decoder() -> WholeDecoder:
    """A decoder of a whole response."""
    return WholeDecoder(read)


def stream_encoder(prompt: Prompt) -> StreamEncoder:
    """An encoder of a stream for the client that sent *prompt*, much of which a response repeats."""
    return StreamEncoder(model=prompt.get("model", default=""), echo=echo(prompt))


def whole_encoder(prompt: Prompt) -> WholeEncoder:
    """An encoder that folds events into one response, for the client that sent *prompt*."""
    return WholeEncoder(model=prompt.get("model", default=""), echo=echo(prompt))
