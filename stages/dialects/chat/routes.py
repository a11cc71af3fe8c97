"""Paths and request fields of the Chat Completions API.

/v1/chat/completions · /v1/models · /v1/models/{id…}        understood
/v1/chat/completions/{id…}                                 relayed as it is: stored completions
/v1/usage                                                  of the gateway's own: what a key has used
"""

from urllib.parse import quote

from pipeline.dialect import Route
from pipeline.prompt import Prompt
from transports.messages import Headers

NAME = "chat"
MARK: str | None = None  # no field marks its callers: what nobody else claims is theirs

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/chat/completions", "reply"),
    Route("GET", "/v1/models", "models"),
    Route("GET", "/v1/models/{id...}", "model"),
    Route("GET", "/v1/usage", "usage"),
    Route("GET", "/v1/chat/completions/{rest...}", "relay"),
    Route("POST", "/v1/chat/completions/{rest...}", "relay"),
    Route("DELETE", "/v1/chat/completions/{rest...}", "relay"),
)

_PATHS = {"reply": "/chat/completions", "models": "/models"}
_OURS = (b"openai-", b"x-stainless-")


def upstream_path(operation: str, prompt: Prompt) -> str:
    """Where *operation* lives below the base; ``model`` takes the id from the prompt.  A relay keeps its own path."""
    if operation == "model":
        return f"/models/{quote(prompt.model, safe='')}"
    return _PATHS.get(operation, "")


def credentials(key: str) -> Headers:
    """The API key."""
    return [(b"authorization", b"Bearer " + key.encode("latin-1", "replace"))]


def defaults() -> Headers:
    """Nothing: this protocol demands no field."""
    return []


def foreign(name: bytes) -> bool:
    """Whether a request field (lower case) means something to this API or its clients only."""
    return name.startswith(_OURS) or name == b"x-client-request-id"
