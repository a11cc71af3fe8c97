"""Model map: the name the client uses → the name the upstream knows, and which upstreams may answer.

    [model_map]
    aliases = { fast = "claude-haiku-5-5" }                       # exact names; offered in the list of models
    rules   = [{ match = "gpt-*", model = "gpt-6-sol", upstreams = ["openai", "backup"] }]

What an operator listed while the gateway runs (the store's models) wins before an alias, an alias before a rule, a rule
in the order given; a name that nothing matches passes.  A whole name that is listed wins before a suffix ``(…)`` is cut
off; otherwise the suffix is carried over to the new name, for ``thinking_suffix``.  A model that the operator switched
off is refused like one that nobody knows, and is offered to nobody.
"""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

import attrs

from pipeline.dialect import Model
from pipeline.errors import UnknownModel
from pipeline.exchange import Exchange
from pipeline.store.models import ModelRow
from pipeline.upstream import Upstream
from stages.notes import HIDDEN, LISTED, OFFERED


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
        rows = exchange.store.keys.snapshot.models if exchange.store is not None else ()
        if exchange.operation in {"models", "model"}:
            exchange.note(OFFERED, self._offered(rows))
            exchange.note(HIDDEN, frozenset(row.id for row in rows if not row.enabled))
            return
        asked = exchange.prompt.model
        listed = asked in self.aliases or any(asked == name.match for name in (*self.rules, *map(listing, rows)))
        name, suffix = (asked, "") if listed else split(asked)
        exchange.note(LISTED, listed)
        rule = stored(rows, name) or self._find(name) or Rule(name)
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

    def listed(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Name, target ("": the same) and upstreams of each model that the settings name in full."""
        exact = [rule for rule in self.rules if not set("*?[") & set(rule.match)]
        aliases = [(name, model, ()) for name, model in self.aliases.items()]
        return [*aliases, *((rule.match, rule.model or "", rule.upstreams) for rule in exact)]

    def _offered(self, rows: Sequence[ModelRow]) -> list[Model]:
        """The store's names in their order, then those of the settings, but for what is switched off."""
        off = {row.id for row in rows if not row.enabled}
        names = dict.fromkeys([*(row.id for row in rows), *(name for name, _, _ in self.listed())])
        return [Model(name) for name in names if name not in off]


def listing(row: ModelRow) -> Rule:
    """What the operator listed, as a rule for that name alone."""
    return Rule(row.id, row.target or None, row.upstreams)


def stored(rows: Sequence[ModelRow], name: str) -> Rule | None:
    """What the operator says of *name*, if it is listed.  Raises UnknownModel for one that is switched off."""
    row = next((row for row in rows if row.id == name), None)
    if row is not None and not row.enabled:
        raise UnknownModel(f"there is no model {name!r}")
    return None if row is None else listing(row)


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
