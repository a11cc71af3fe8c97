"""Model map: the name the client uses → the name the upstream knows, and which upstreams may answer.

    [model_map]
    aliases = { fast = "claude-haiku-5-5" }                       # exact names; offered in the list of models
    rules   = [{ match = "gpt-*", model = "gpt-6-sol", upstreams = ["openai", "backup"] }]

An alias wins before a rule, a rule in the order given; a name that nothing matches passes.  A whole name that is listed
wins before a suffix ``(…)`` is cut off; otherwise the suffix is carried over to the new name, for ``thinking_suffix``.
"""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

import attrs

from pipeline.dialect import Model
from pipeline.errors import UnknownModel
from pipeline.exchange import Exchange
from pipeline.upstream import Upstream
from stages.notes import LISTED, OFFERED


@attrs.frozen
class Rule:
    """Names that match the glob *match* become *model* (or stay) and go to *upstreams* (or to whoever has them)."""

    match: str
    model: str | None = None
    upstreams: tuple[str, ...] = ()


@attrs.frozen
class ModelMap:
    """Give the model the name its upstream knows, and choose who may answer."""

    aliases: dict[str, str] = attrs.field(factory=dict)
    rules: tuple[Rule, ...] = ()

    operations = frozenset({"reply", "count_tokens", "models", "model"})

    def __call__(self, exchange: Exchange) -> None:
        """Set the prompt's model and the exchange's upstreams.  Raises UnknownModel."""
        if exchange.operation in {"models", "model"}:
            exchange.note(OFFERED, self._offered())
            return
        asked = exchange.prompt.model
        listed = asked in self.aliases or any(asked == rule.match for rule in self.rules)
        name, suffix = (asked, "") if listed else split(asked)
        exchange.note(LISTED, listed)
        rule = self._find(name) or Rule(name)
        model = rule.model or name
        if exchange.caller is not None and not (exchange.caller.may_use(name) or exchange.caller.may_use(asked)):
            raise UnknownModel(f"there is no model {asked!r}")
        if model + suffix != asked:
            exchange.prompt.set("model", to=model + suffix, why=f"the model map has {name!r} as {model!r}")
        exchange.upstreams = chosen(exchange.upstreams, rule, model)
        if not exchange.upstreams:
            raise UnknownModel(f"no upstream has the model {asked!r}")

    def check(self, upstreams: frozenset[str]) -> Iterator[str]:
        """What is wrong with the settings, given the names of all upstreams."""
        for rule in self.rules:
            for name in rule.upstreams:
                if name not in upstreams:
                    yield f"the rule for {rule.match!r} names {name!r}, which is no upstream"

    def _find(self, name: str) -> Rule | None:
        """What the map says of *name*; nothing for a name that is not listed."""
        if name in self.aliases:
            return Rule(name, self.aliases[name])
        return next((rule for rule in self.rules if fnmatchcase(name, rule.match)), None)

    def _offered(self) -> list[Model]:
        exact = [rule.match for rule in self.rules if not set("*?[") & set(rule.match)]
        return [Model(name) for name in dict.fromkeys([*self.aliases, *exact])]


def split(name: str) -> tuple[str, str]:
    """``name(suffix)`` in two; the suffix is empty, or keeps its parentheses."""
    base, bracket, rest = name.rpartition("(")
    return (base, bracket + rest) if base and rest.endswith(")") else (name, "")


def chosen(upstreams: list[Upstream], rule: Rule, model: str) -> list[Upstream]:
    """The chain a rule names, in its order; otherwise the first that has *model*: another would not know it."""
    if rule.upstreams:
        named: Callable[[str], list[Upstream]] = lambda name: [u for u in upstreams if u.name == name]  # noqa: E731  # a filter with a name
        return [upstream for name in rule.upstreams for upstream in named(name)]
    return [upstream for upstream in upstreams if upstream.has(model)][:1]


stage = ModelMap
