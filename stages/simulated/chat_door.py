"""The door of Chat Completions: what a request asks for, once its rules are kept.

raw ─▶ Asked ─▶ [ rules ─▶ weigh ]          the part in brackets only if the model is strict
"""

import msgspec

from stages.simulated import chat_body, chat_rules, families
from stages.simulated.asked import Asked
from stages.simulated.refusal import Refused
from stages.simulated.usage import Input, tokens
from transports.messages import Request


def understand(raw: bytes, _request: Request, strict: bool) -> Asked:
    """What body *raw* asks for.  Raises Refused; *strict*: also for what the API alone would mind."""
    if not strict:
        return chat_body.read(raw)
    try:
        prompt = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        raise Refused(400, "We could not parse the JSON body of your request.") from None
    try:
        model = chat_rules.check(prompt)
        prefix = chat_body.weigh(prompt)
    except (AttributeError, KeyError, TypeError) as wrong:  # a field is not of the kind that the rules take for granted
        raise Refused(400, f"Invalid type in the request body: {wrong}", code="invalid_type") from None
    asked = chat_body.read(raw)
    asked.input = Input(fresh=tokens(prefix.weight))
    asked.positions, asked.lookback, asked.writes = prefix.positions, len(prefix.positions), model.writes
    if asked.input.total > model.context:
        raise overflow(asked)
    return asked


def overflow(asked: Asked) -> Refused:
    """What is said of a prompt that does not fit."""
    most = families.chat(asked.model).context
    message = (
        f"This model's maximum context length is {most} tokens. However, your messages resulted in "
        f"{max(asked.input.total, most + 1)} tokens. Please reduce the length of the messages."
    )
    return Refused(400, message, "invalid_request_error", "context_length_exceeded", "messages")
