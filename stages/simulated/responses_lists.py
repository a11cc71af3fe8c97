"""What OpenAI's server has beside responses: counting, its models, and nothing that it would have kept."""

from typing import Any

from stages.simulated import chat_lists, responses_body, responses_door
from stages.simulated.question import Question
from stages.simulated.refusal import Refused
from stages.simulated.usage import tokens

RESPONSES = "/v1/responses"


def answer(question: Question) -> Any:
    """The answer to *question*.  Raises Refused."""
    method, path = question.request.method, question.request.path
    if (method, path) == ("POST", RESPONSES + "/input_tokens"):
        return {"object": "response.input_tokens", "input_tokens": _count(question)}
    if path == RESPONSES:
        if question.request.header(b"upgrade"):  # clients that prefer a socket go on with POST
            raise Refused(426, "WebSocket mode is not offered here: use POST.")
        raise Refused(405, f"Invalid method for URL ({method} {path})")
    if path.startswith(RESPONSES + "/"):
        ident, _, rest = path.removeprefix(RESPONSES + "/").partition("/")
        if rest in ("", "cancel", "input_items"):
            raise Refused(404, f"Response with id '{ident}' not found.")
    return chat_lists.answer(question)


def _count(question: Question) -> int:
    if not question.strict:
        return responses_body.read(question.raw).input.total
    _, prefix, _ = responses_door.checked(question.raw, counting=True)
    return tokens(prefix.weight)
