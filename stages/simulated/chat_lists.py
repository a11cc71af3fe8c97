"""What OpenAI's server has beside completions: its models."""

from typing import Any

from stages.simulated import families
from stages.simulated.question import Question
from stages.simulated.refusal import Refused

CREATED = 1_767_225_600  # 2026-01-01


def answer(question: Question) -> Any:
    """The answer to *question*.  Raises Refused."""
    method, path = question.request.method, question.request.path
    if path in ("/", "/api/hello"):
        return b"" if method == "HEAD" else {"simulated": True}
    if method == "GET" and path == "/v1/models":
        return {"object": "list", "data": [_model(name) for name in families.CHAT_NAMES]}
    if method == "GET" and path.startswith("/v1/models/"):
        return _model(path.removeprefix("/v1/models/"))
    raise Refused(404, f"Invalid URL ({method} {path})")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "simulated"}
