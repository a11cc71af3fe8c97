"""Lists of models, in the Messages API's pages.

    GET /v1/models?limit=2&after_id=b    a b [c d] e    ─▶  {"data": [c, d], "has_more": true, "first_id", "last_id"}

Claude Code asks with ``limit=1000`` and reads ``id`` and ``display_name``; strict clients demand ``created_at`` and
``lifecycle`` as well.  What an upstream of this dialect told of a model is passed on under the name it has here.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from pipeline.dialect import Model
from pipeline.errors import InvalidRequest, UpstreamFailed
from stages.capabilities import capability
from stages.dialects.anthropic.abilities import efforts, ways_of_thinking
from stages.dialects.anthropic.blocks import NAME, Fields

_DEFAULT, _MOST = 20, 1000  # models on a page


def encode_models(models: list[Model], query: str) -> bytes:
    """The page that *query* asks for (limit, after_id, before_id).  InvalidRequest if it makes no sense."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    limit = _limit(asked.get("limit"))
    first, last = 0, len(models)
    if "after_id" in asked:
        first = _position(models, asked["after_id"], "after_id") + 1
    if "before_id" in asked:
        last = _position(models, asked["before_id"], "before_id")
    inside = models[first:last]
    # Going back, a page ends where the one after it begins; more is then what comes before.
    back = "before_id" in asked and "after_id" not in asked
    page = (inside[-limit:] if back else inside[:limit]) if inside else []
    return msgspec.json.encode(
        {
            "data": [entry(model) for model in page],
            "has_more": len(inside) > limit,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }
    )


def encode_model(model: Model) -> bytes:
    """The answer to one model."""
    return msgspec.json.encode(entry(model))


def entry(model: Model) -> Fields:
    """*model* as an object, with every key that may be null."""
    known = capability(model.id)
    made: Fields = {
        "type": "model",
        "id": model.id,
        "display_name": model.name or model.id,
        "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "line": None,
        "max_input_tokens": model.context or (known.context if known else None),
        "max_tokens": model.output or (known.output if known else None),
        "deprecated_at": None,
        "retires_at": None,
        "capabilities": None,
    }
    if model.dialect == NAME and model.raw is not None:
        made = {**made, **model.raw, "id": model.id}
    return made


def decode_models(body: bytes) -> list[Model]:
    """The models in an upstream's list.  UpstreamFailed if it is none."""
    try:
        listed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        listed = None
    entries = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        raise UpstreamFailed("the upstream's list of models makes no sense")
    return [_model(fields) for fields in entries if isinstance(fields, dict) and isinstance(fields.get("id"), str)]


def _model(fields: Fields) -> Model:
    name, context, output = fields.get("display_name"), fields.get("max_input_tokens"), fields.get("max_tokens")
    return Model(
        fields["id"],
        name=name if isinstance(name, str) else None,
        created=_seconds(fields.get("created_at")),
        owner=NAME,
        context=context if isinstance(context, int) else None,
        output=output if isinstance(output, int) else None,
        thinking=ways_of_thinking(fields),
        efforts=efforts(fields),
        raw=fields,
        dialect=NAME,
    )


def _seconds(stamp: Any) -> int:
    """An RFC 3339 time in seconds since 1970; 0 if it is none."""
    try:
        told = datetime.fromisoformat(stamp)
    except (TypeError, ValueError):
        return 0
    return int((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp())


def _limit(value: str | None) -> int:
    if value is None:
        return _DEFAULT
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= _MOST):
        raise InvalidRequest(f"limit: Input should be a number from 1 to {_MOST}", param="limit")
    return int(value)


def _position(models: list[Model], id_: str, name: str) -> int:
    for number, model in enumerate(models):
        if model.id == id_:
            return number
    raise InvalidRequest(f"{name}: no model is called {id_}", param=name)
