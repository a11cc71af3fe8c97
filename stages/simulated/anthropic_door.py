"""The door of the Messages API: what a request asks for, once its rules are kept.

raw ─▶ [ rules ─▶ weigh ─▶ turns ] ─▶ Asked          the part in brackets only if the model is strict
"""

import msgspec

from stages.simulated import anthropic_body as body
from stages.simulated import anthropic_rules, anthropic_turns, families
from stages.simulated.anthropic_body import Weighed
from stages.simulated.anthropic_rules import Terms
from stages.simulated.asked import Asked
from stages.simulated.refusal import Refused
from stages.simulated.usage import Input, tokens
from transports.messages import Request


def understand(raw: bytes, request: Request, strict: bool) -> Asked:
    """What *request* with body *raw* asks for.  Raises Refused; *strict*: also for what the API alone would mind."""
    if not strict:
        return body.read(raw)
    weighed, terms = checked(raw, request)
    asked = body.read(raw)
    asked.input = Input(fresh=tokens(weighed.prefix.weight))
    asked.positions, asked.least = weighed.prefix.positions, terms.model.cacheable
    if asked.input.total > terms.model.context:
        raise overflow(asked)
    return asked


def checked(raw: bytes, request: Request, *, counting: bool = False) -> tuple[Weighed, Terms]:
    """The prompt in *raw*, weighed, and the terms it was found good under.  Raises Refused."""
    try:
        prompt = msgspec.json.decode(raw)
    except msgspec.DecodeError as wrong:
        raise Refused(400, f"The request body is not valid JSON: {wrong}") from None
    betas = ",".join(value.decode("latin-1") for name, value in request.headers if name == b"anthropic-beta")
    name = prompt.get("model") if isinstance(prompt, dict) else None
    terms = Terms(
        version=request.header(b"anthropic-version") or "",
        betas=tuple(beta.strip() for beta in betas.split(",")),
        model=families.claude(name if isinstance(name, str) else ""),
        counting=counting,
    )
    try:
        anthropic_rules.check(prompt, terms)
        weighed = body.weigh(prompt)
        anthropic_turns.check(prompt, terms, weighed)
    except (AttributeError, KeyError, TypeError) as wrong:  # a field is not of the kind that the rules take for granted
        raise Refused(400, f"The request body has not the shape of a Messages request: {wrong}") from None
    return weighed, terms


def overflow(asked: Asked) -> Refused:
    """What is said of a prompt that does not fit."""
    most = families.claude(asked.model).context
    return Refused(400, f"prompt is too long: {max(asked.input.total, most + 1)} tokens > {most} maximum")
