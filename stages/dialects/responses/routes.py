"""Paths and request fields of the Responses API.

/v1/responses · /v1/responses/input_tokens · /v1/models · /v1/models/{id…}      understood
/v1/responses/{id…}                                                            relayed as it is: stored responses

Keys, fields and lists of models are Chat's: one vendor, one door.
"""

from pipeline.dialect import Route
from pipeline.prompt import Prompt
from stages.dialects.chat import routes as chat
from stages.dialects.chat.routes import MARK, credentials, defaults, foreign
from stages.dialects.responses.errors import NAME

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/responses", "reply"),
    Route("POST", "/v1/responses/input_tokens", "count_tokens"),
    Route("GET", "/v1/models", "models"),
    Route("GET", "/v1/models/{id...}", "model"),
    Route("GET", "/v1/responses/{rest...}", "relay"),
    Route("POST", "/v1/responses/{rest...}", "relay"),
    Route("DELETE", "/v1/responses/{rest...}", "relay"),
)

# What a count takes (input_token_count_params).
COUNTED = frozenset({"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning",
                     "text", "truncation", "conversation", "previous_response_id", "personality"})  # fmt: skip

_PATHS = {"reply": "/responses", "count_tokens": "/responses/input_tokens"}


def upstream_path(operation: str, prompt: Prompt) -> str:
    """Where *operation* lives below the base; ``model`` takes the id from the prompt.  A relay keeps its own path."""
    return _PATHS.get(operation) or chat.upstream_path(operation, prompt)


__all__ = ["MARK", "NAME", "ROUTES", "COUNTED", "credentials", "defaults", "foreign", "upstream_path"]
