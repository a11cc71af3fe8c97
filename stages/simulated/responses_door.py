"""The door of the Responses API: what a request asks for, once its rules are kept.

raw ─▶ [ rules ─▶ input ─▶ weigh ] ─▶ Wanted          the part in brackets only if the model is strict
"""

from typing import Any

import msgspec

from stages.simulated import families, responses_body, responses_input, responses_rules
from stages.simulated.asked import Asked
from stages.simulated.refusal import Refused
from stages.simulated.responses_body import Wanted
from stages.simulated.usage import Input, Prefix, tokens
from transports.messages import Request


def understand(raw: bytes, _request: Request, strict: bool) -> Wanted:
    """What body *raw* asks for.  Raises Refused; *strict*: also for what the API alone would mind."""
    if not strict:
        return responses_body.read(raw)
    prompt, prefix, removed = checked(raw)
    wanted = responses_body.read(raw)
    model = families.chat(wanted.model)
    wanted.input = Input(fresh=tokens(prefix.weight))
    wanted.positions, wanted.lookback, wanted.writes = prefix.positions, len(prefix.positions), model.writes
    wanted.echo, wanted.removed = responses_body.echo(prompt), removed
    if wanted.input.total > model.context:
        raise overflow(wanted)
    return wanted


def checked(raw: bytes, *, counting: bool = False) -> tuple[dict[str, Any], Prefix, list[str]]:
    """The prompt in *raw*, found good, weighed, and which of its reasoning is withheld.  Raises Refused."""
    try:
        prompt = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        raise Refused(400, "We could not parse the JSON body of your request.") from None
    try:
        responses_rules.check(prompt, counting=counting)
        responses_input.check(prompt)
        prefix, removed = responses_body.weigh(prompt)
    except (AttributeError, KeyError, TypeError) as wrong:  # a field is not of the kind that the rules take for granted
        raise Refused(400, f"Invalid type in the request body: {wrong}", code="invalid_type") from None
    return prompt, prefix, removed


def overflow(_asked: Asked) -> Refused:
    """What is said of a prompt that does not fit."""
    message = "Your input exceeds the context window of this model. Please adjust your input and try again."
    return Refused(400, message, "invalid_request_error", "context_length_exceeded", "input")
