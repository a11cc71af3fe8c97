"""What the Messages API has beside replies: token counts, models, batches and files.

Nothing is kept: a list is empty or always the same, an object is made up from the id in the path.  That is enough to
see whether a gateway passes such requests on and back untouched.
"""

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import attrs
import msgspec

from stages.simulated import anthropic_door, families
from stages.simulated.question import Question
from stages.simulated.refusal import Refused
from stages.simulated.usage import tokens

NAMES = ("adaptive", "between_tools", "disabled", "enabled")


Answer = Callable[[Question], Any]  # bytes are sent as they are, everything else as JSON


def answer(question: Question) -> Any:
    """The answer to *question*.  Raises Refused."""
    for method, pattern, function in ROUTES:
        if method == question.request.method and (found := pattern.fullmatch(question.request.path)):
            return function(attrs.evolve(question, id=found[1] if pattern.groups else ""))
    raise Refused(404, "Not found")


def _count(question: Question) -> Any:
    if not question.strict:
        return {"input_tokens": tokens(len(question.raw))}
    weighed, _ = anthropic_door.checked(question.raw, question.request, counting=True)
    return {"input_tokens": tokens(weighed.prefix.weight)}


# -- models -----------------------------------------------------------------------------------------------------------


def _model(name: str) -> dict[str, Any]:
    model = families.claude(name)
    line = next((word for word in ("haiku", "sonnet", "opus", "fable", "mythos") if word in name), None)
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": line,
        "max_input_tokens": model.context,
        "max_tokens": model.output,
        "deprecated_at": None,
        "retires_at": None,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: families.Claude) -> dict[str, Any]:
    yes, no = {"supported": True}, {"supported": False}

    def each(names: tuple[str, ...], able: tuple[str, ...]) -> dict[str, Any]:
        return {name: yes if name in able else no for name in names}

    simple = ("batch", "citations", "image_input", "pdf_input", "structured_outputs")
    return {
        **each(simple, simple),
        "code_execution": no,
        "context_management": {**no, "clear_tool_uses_20250919": no, "clear_thinking_20251015": no},
        "server_tools": {**no, "web_search": no, "code_execution": no},
        "effort": {"supported": bool(model.efforts), **each(families.LEVELS, model.efforts)},
        "thinking": {**yes, "types": each(NAMES, model.thinking)},
    }


def _models(question: Question) -> Any:
    query = parse_qs(question.request.query)
    names = list(families.CLAUDE_NAMES)
    if after := query.get("after_id"):
        names = names[names.index(after[0]) + 1 :] if after[0] in names else []
    limit = int(query["limit"][0]) if query.get("limit", [""])[0].isdecimal() else 20
    page = [_model(name) for name in names[:limit]]
    return _page(page) | {"has_more": len(names) > limit}


def _page(entries: list[dict[str, Any]]) -> dict[str, Any]:
    first, last = (entries[0]["id"], entries[-1]["id"]) if entries else (None, None)
    return {"data": entries, "has_more": False, "first_id": first, "last_id": last}


# -- batches and files ------------------------------------------------------------------------------------------------


def _now(later: float = 0) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later))


def _batch(ident: str, status: str, requests: int = 1) -> dict[str, Any]:
    done = status == "ended"
    counts = {"processing": 0 if done else requests, "succeeded": requests if done else 0}
    return {
        "id": ident,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": {**counts, "errored": 0, "canceled": 0, "expired": 0},
        "created_at": _now(),
        "expires_at": _now(86400),
        "ended_at": _now() if done else None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": f"/v1/messages/batches/{ident}/results" if done else None,
    }


def _new_batch(question: Question) -> Any:
    try:
        requests = msgspec.json.decode(question.raw)["requests"]
    except (msgspec.DecodeError, KeyError, TypeError):
        raise Refused(400, "requests: Field required") from None
    return _batch(f"msgbatch_{question.ident}", "in_progress", len(requests))


def _results(question: Question) -> Any:
    failed = {"type": "error", "error": {"type": "api_error", "message": "Nothing is kept here."}}
    return msgspec.json.encode({"custom_id": "simulated", "result": {"type": "errored", "error": failed}}) + b"\n"


def _file(ident: str, size: int = 0) -> dict[str, Any]:
    return {
        "id": ident,
        "type": "file",
        "filename": "simulated.txt",
        "mime_type": "text/plain",
        "size_bytes": size,
        "created_at": _now(),
        "downloadable": True,
    }


def _deleted(kind: str) -> Answer:
    return lambda question: {"id": question.id, "type": kind}


ROUTES: tuple[tuple[str, re.Pattern[str], Answer], ...] = tuple(
    (method, re.compile(pattern), function)
    for method, pattern, function in (
        ("HEAD", r"/|/api/hello", lambda _: b""),
        ("GET", r"/|/api/hello", lambda _: {"simulated": True}),
        ("POST", r"/v1/messages/count_tokens", _count),
        ("GET", r"/v1/models", _models),
        ("GET", r"/v1/models/([^/]+)", lambda question: _model(question.id)),
        ("POST", r"/v1/messages/batches", _new_batch),
        ("GET", r"/v1/messages/batches", lambda _: _page([])),
        ("GET", r"/v1/messages/batches/([^/]+)", lambda question: _batch(question.id, "ended")),
        ("DELETE", r"/v1/messages/batches/([^/]+)", _deleted("message_batch_deleted")),
        ("POST", r"/v1/messages/batches/([^/]+)/cancel", lambda question: _batch(question.id, "canceling")),
        ("GET", r"/v1/messages/batches/([^/]+)/results", _results),
        ("POST", r"/v1/files", lambda question: _file(f"file_{question.ident}", len(question.raw))),
        ("GET", r"/v1/files", lambda _: _page([])),
        ("GET", r"/v1/files/([^/]+)", lambda question: _file(question.id)),
        ("GET", r"/v1/files/([^/]+)/content", lambda _: b"simulated\n"),
        ("DELETE", r"/v1/files/([^/]+)", _deleted("file_deleted")),
    )
)
