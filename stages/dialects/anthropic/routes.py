"""Paths and request fields of the Messages API.

/v1/messages · /v1/messages/count_tokens · /v1/models · /v1/models/{id…}      understood
/v1/messages/batches… · /v1/files…                                            relayed as they are
/v1/usage                                                                     of the gateway's own: what a key has used
"""

from urllib.parse import quote

from pipeline.dialect import Route
from pipeline.prompt import Prompt
from transports.messages import Headers

MARK: str | None = "anthropic-version"  # tells our clients from others on shared paths such as /v1/models

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/messages", "reply"),
    Route("POST", "/v1/messages/count_tokens", "count_tokens"),
    Route("GET", "/v1/models", "models"),
    Route("GET", "/v1/models/{id...}", "model"),
    Route("GET", "/v1/usage", "usage"),
    Route("*", "/v1/messages/batches{rest...}", "relay"),
    Route("*", "/v1/files{rest...}", "relay"),
)

# What a count takes (message_count_tokens_params); anything else is refused there.
COUNTED = frozenset({"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config",
                     "cache_control", "speed"})  # fmt: skip

VERSION = b"2023-06-01"  # the last that takes sampling parameters, which clients of other dialects send

# Of models the API tells twenty, unless it is asked for more.
_PATHS = {"reply": "/messages", "count_tokens": "/messages/count_tokens", "models": "/models?limit=1000"}
_OURS = (b"anthropic-", b"x-claude-code-", b"x-stainless-")


def upstream_path(operation: str, prompt: Prompt) -> str:
    """Where *operation* lives below the base; ``model`` takes the id from the prompt.  A relay keeps its own path."""
    if operation == "model":
        return f"/models/{quote(prompt.model, safe='')}"
    return _PATHS.get(operation, "")


def credentials(key: str) -> Headers:
    """The API key, in the field that every version of the API reads, and whatever imitates it."""
    return [(b"x-api-key", key.encode("latin-1", "replace"))]


def defaults() -> Headers:
    """The version of the API, for requests of other dialects."""
    return [(b"anthropic-version", VERSION)]


def foreign(name: bytes) -> bool:
    """Whether a request field (lower case) means something to this API or its clients only."""
    return name.startswith(_OURS) or name in {b"x-app", b"x-api-key"}
