"""Lists of models: ``{"object": "list", "data": [{"id", "object": "model", "created", "owned_by"}]}``.

What servers tell beyond that, each under a name of its own (a window of tokens, a name for people), is understood; and
told to clients as ``context_window`` and ``max_output_tokens``, beside what OpenAI's own list has.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from pipeline.dialect import Model
from pipeline.errors import UpstreamFailed

Fields = dict[str, Any]

_CONTEXT = ("context_window", "context_length", "max_model_len", "max_context_length", "max_input_tokens")
_OUTPUT = ("max_output_tokens", "max_completion_tokens", "max_tokens")


def encode_models(models: list[Model], query: str) -> bytes:
    """The answer to a list of models; this list has no pages, so *query* says nothing."""
    return msgspec.json.encode({"object": "list", "data": [_entry(model) for model in models]})


def encode_model(model: Model) -> bytes:
    """The answer to one model."""
    return msgspec.json.encode(_entry(model))


def decode_models(body: bytes) -> list[Model]:
    """The models an upstream lists; UpstreamFailed if it makes no sense."""
    try:
        listed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        listed = None
    if isinstance(listed, dict):
        listed = listed.get("data") if "data" in listed else listed.get("models")
    if not isinstance(listed, list):  # some servers list without an envelope
        raise UpstreamFailed("the upstream's list of models is not one")
    return [_model(entry) for entry in listed if isinstance(entry, dict) and _words(entry, ("id",))]


def _model(entry: Fields) -> Model:
    behind = entry.get("top_provider")  # OpenRouter
    more = behind if isinstance(behind, dict) else {}
    created = entry.get("created")
    return Model(
        id=_words(entry, ("id",)),
        name=_words(entry, ("display_name", "name")) or None,
        created=int(created) if isinstance(created, int | float) and 0 <= created < 2**53 else 0,
        owner=_words(entry, ("owned_by",)),
        context=_tokens(entry, _CONTEXT) or _tokens(more, _CONTEXT),
        output=_tokens(entry, _OUTPUT) or _tokens(more, _OUTPUT),
        raw=entry,
        dialect="chat",
    )


def _entry(model: Model) -> Fields:
    """*model* as an object: what an upstream of this dialect told of it, under the name it has here."""
    entry: Fields = dict(model.raw) if model.raw is not None and model.dialect == "chat" else {}
    entry |= {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owner}
    for key, tokens in (("context_window", model.context), ("max_output_tokens", model.output)):
        if tokens is not None:
            entry[key] = tokens
    return entry


def _words(entry: Fields, keys: Iterable[str]) -> str:
    return next((entry[key] for key in keys if isinstance(entry.get(key), str) and entry[key]), "")


def _tokens(entry: Fields, keys: Iterable[str]) -> int | None:
    found = (entry.get(key) for key in keys)
    return next(
        (value for value in found if isinstance(value, int) and not isinstance(value, bool) and value > 0), None
    )
