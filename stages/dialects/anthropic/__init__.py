"""The Anthropic Messages API: the hub's own shape.

    routes   paths and request fields         prompt   to and from the hub       fit      thinking, as models take it
    decode   a stream, read                   encode   a stream, written         whole    a whole message, both ways
    deltas, blocks, usage   parts of both     errors   what happened, both ways  count    estimates
    models, abilities       lists of models   pairs    fields and their betas    context  what is cleared of it, here
    history, holes, marks   what is mended of prompts that were made elsewhere, or broken off
    loop                    turns of tools without their thoughts
    rejections              one word for what another dialect's server won't take

What ``pipeline.dialect.Dialect`` asks for, under its names.
"""

from pipeline.document import Path
from pipeline.events import Kinds
from pipeline.prompt import Prompt
from stages.dialects.anthropic.blocks import NAME
from stages.dialects.anthropic.count import count, encode_count
from stages.dialects.anthropic.decode import StreamDecoder
from stages.dialects.anthropic.encode import StreamEncoder
from stages.dialects.anthropic.errors import decode_error, encode_error
from stages.dialects.anthropic.fit import fit
from stages.dialects.anthropic.history import mend
from stages.dialects.anthropic.models import decode_models, encode_model, encode_models
from stages.dialects.anthropic.prompt import from_messages, to_messages
from stages.dialects.anthropic.routes import COUNTED, MARK, ROUTES, credentials, defaults, foreign, upstream_path
from stages.dialects.anthropic.whole import WholeEncoder, read
from stages.dialects.names import restoring
from stages.dialects.whole import WholeDecoder

__all__ = [
    "NAME",
    "ROUTES",
    "MARK",
    "MODEL",
    "COUNTED",
    "to_messages",
    "from_messages",
    "fit",
    "mend",
    "ask_usage",
    "restoring",
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

MODEL: Path = ("message", "model")


def ask_usage(prompt: Prompt) -> bool:
    """Streams of this dialect always tell their usage: nothing to ask, nothing to hide."""
    return False


def stream_decoder(kinds: Kinds | None, *, hide_usage: bool = False) -> StreamDecoder:
    """A decoder of a stream."""
    return StreamDecoder(kinds)


def whole_decoder() -> WholeDecoder:
    """A decoder of a whole message."""
    return WholeDecoder(read)


def stream_encoder(prompt: Prompt) -> StreamEncoder:
    """An encoder of a stream for the client that sent *prompt*."""
    return StreamEncoder(prompt.get("model", default=""))


def whole_encoder(prompt: Prompt) -> WholeEncoder:
    """An encoder that folds events into one message, for the client that sent *prompt*."""
    return WholeEncoder(prompt.get("model", default=""))
