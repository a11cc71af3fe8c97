"""Block: refuse requests by rule.  The first rule that fits counts; all that it says must fit.

[[stages]]
use = "stages.examples.block:stage"
after = "auth"
rules = [
  { models = "*-opus-*", callers = "intern-*", why = "ask your team lead for the large models" },
  { text = '(?i)project\\s+nightfall', why = "this project stays in the house" },
]
"""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache

import attrs

from pipeline.errors import Forbidden
from pipeline.exchange import Exchange


def _expression(rule: "Rule", field: "attrs.Attribute[str]", value: str) -> None:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{field.name} is no regular expression: {error}") from None


@attrs.frozen
class Rule:
    """What must fit, and what the caller is told then; what is not said fits."""

    why: str
    models: str = "*"  # glob
    callers: str = "*"  # glob of their names
    text: str = attrs.field(default="", validator=_expression)  # found in the request's body, as it is written there


@attrs.frozen
class Block:
    """Refuse what one of *rules* fits."""

    rules: tuple[Rule, ...]

    reads = frozenset({"caller", "prompt.model"})

    def __call__(self, exchange: Exchange) -> None:
        """Raise Forbidden with the rule's reason."""
        caller = exchange.caller.name if exchange.caller else ""
        for rule in self.rules:
            fits = fnmatchcase(exchange.prompt.model, rule.models) and fnmatchcase(caller, rule.callers)
            if fits and (not rule.text or finder(rule.text)(exchange.prompt.encode())):
                raise Forbidden(rule.why)


@lru_cache(maxsize=256)
def finder(text: str) -> Callable[[bytes], object]:
    """What looks for *text* in a body."""
    return re.compile(text.encode()).search


stage = Block
