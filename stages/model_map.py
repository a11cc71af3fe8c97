"""Model map: the name the client uses → the name the upstream knows, and which upstreams may answer.

    [model_map]
    aliases = { fast = "claude-haiku-5-5" }                       # exact names; offered in the list of models
    rules   = [{ match = "gpt-*", model = "gpt-6-sol", upstreams = ["openai", "backup"] }]       # see ``routing``
    small   = "gpt-6-luna"            # what …haiku… becomes, where no alias and no rule says otherwise
    reasoning_model  = "gpt-6-sol"    # what every other name becomes where thinking is asked for
    big     = "gpt-6-terra"           # what …sonnet… and …opus… become where it is not
    completion_model = "gpt-6-luna"   # and every name that is left

What an operator listed while the gateway runs (the store's models) wins before an alias, an alias before a rule, a rule
in the order given; then come small, reasoning_model, big and completion_model; a name that nothing matches passes.  One
of them holds, once: what a name becomes is not looked up again.

A whole name that is listed wins before a suffix ``(…)`` is cut off; otherwise the suffix is carried over to the new
name, for ``thinking_suffix``.  What the client says counts as thinking, in the prompt or by the suffix; what
``thinking_suffix`` adds on its own account does not.  A model that the operator switched off is refused like one that
nobody knows, and is offered to nobody.

Who may answer: the upstreams of the rule, best first; otherwise all whose ``models`` name the model; where none does,
of those that say nothing of their models all that list it (``discovery``), or the first.  The reply bears the name
that the client asked for wherever another was asked for in its place (``answer_as = "asked"``); with ``"upstream"`` it
is left as it comes.
"""

from collections.abc import Awaitable, Iterable, Iterator, Sequence
from typing import ClassVar, Literal

import attrs

from pipeline.errors import UnknownModel
from pipeline.exchange import Exchange
from pipeline.live import RULE
from pipeline.store.models import ModelRow
from pipeline.upstream import Upstream
from stages.asked import Asked
from stages.discovery import discover, having, silent, undecided
from stages.notes import CHOICE, HIDDEN, LISTED, NAMED, OFFERED
from stages.parameters import PARAMETERS, Parameters, complaints
from stages.routing import Entry, Rule, Rules
from stages.shadows import impossible, said, shadows
from stages.thinking import suffixed

_AS_ASKED = Entry("", Rule())  # what holds where no rule does
HAIKU, SONNET, OPUS = "*haiku*", "*sonnet*", "*opus*"


@attrs.frozen
class ModelMap:
    """Give the model the name its upstream knows, and choose who may answer."""

    aliases: dict[str, str] = attrs.field(factory=dict)
    rules: tuple[Rule, ...] = ()
    small: str | None = None
    big: str | None = None
    reasoning_model: str | None = None
    completion_model: str | None = None
    answer_as: Literal["asked", "upstream"] = "asked"

    operations: ClassVar[frozenset[str]] = frozenset({"reply", "count_tokens", "models", "model"})
    reads: ClassVar[frozenset[str]] = frozenset({"caller", "prompt.model"})
    changes: ClassVar[frozenset[str]] = frozenset({"prompt.model", "upstreams", "listed"})
    per_key: ClassVar[frozenset[str]] = frozenset({"answer_as"})
    rehearsed: ClassVar[bool] = True

    _rules: Rules = attrs.field(
        init=False, eq=False, default=attrs.Factory(lambda self: Rules(tuple(self._entries())), True)
    )
    _names: frozenset[str] = attrs.field(
        init=False,
        eq=False,
        default=attrs.Factory(lambda self: frozenset([*self.aliases, *(rule.match for rule in self.rules)]), True),
    )
    _parameters: dict[str, Parameters | None] = attrs.field(
        init=False,
        eq=False,
        default=attrs.Factory(
            lambda self: {e.label: Parameters.of(e.label, e.rule.drop, e.rule.set) for e in self._rules.entries}, True
        ),
    )

    def __call__(self, exchange: Exchange) -> Awaitable[None] | None:
        """Set the prompt's model and the exchange's upstreams; waits only for lists.  Raises UnknownModel."""
        rows = exchange.store.keys.snapshot.models if exchange.store is not None else ()
        if exchange.operation in {"models", "model"}:
            exchange.note(OFFERED, self._offered(rows))
            exchange.note(HIDDEN, frozenset(row.id for row in rows if not row.enabled))
            return None
        asked = exchange.prompt.model
        listed = asked in self._names or any(asked == row.id for row in rows)
        name, suffix = (asked, "") if listed else split(asked)
        exchange.note(LISTED, listed)
        if exchange.caller is not None and not (exchange.caller.may_use(name) or exchange.caller.may_use(asked)):
            raise UnknownModel(f"there is no model {asked!r}")
        facts = Asked(exchange, suffixed(asked)[1] if suffix else None)
        entry = stored(rows, name) or self._rules.find(name, facts) or _AS_ASKED
        upstreams, model = exchange.upstreams, entry.rule.model or name
        self._take(exchange, entry, name, suffix)
        if not exchange.upstreams:
            raise UnknownModel(f"no upstream has the model {asked!r}")
        if len(upstreams) > 1 and not (entry.rule.upstreams or exchange.upstreams[0].models):
            others = silent(upstreams)
            return settle(exchange, others, model) if undecided(others, model) else None
        return None

    def _take(self, exchange: Exchange, entry: Entry, name: str, suffix: str) -> None:
        """Do what *entry*, found for *name*, says."""
        rule = entry.rule
        model = rule.model or name
        if model != name:
            why = f"the model map has {name!r} as {model!r} ({entry.label})"
            exchange.prompt.set("model", to=model + suffix, why=why)
        exchange.upstreams = chosen(exchange.upstreams, rule.upstreams, model)
        if self.answer_as == "asked" and exchange.asked:
            exchange.note(NAMED, exchange.asked)
        if entry.label:
            exchange.note(RULE, said(entry))
        if rule.choice is not None:
            exchange.note(CHOICE, rule.choice)
        if (parameters := self._parameters.get(entry.label)) is not None:
            exchange.note(PARAMETERS, parameters)

    def check(self, upstreams: frozenset[str]) -> Iterator[str]:
        """What is wrong with the settings, given the names of all upstreams."""
        for entry in self._rules.entries:
            for name in entry.rule.upstreams:
                if name not in upstreams:
                    yield f"{said(entry)} names {name!r}, which is no upstream"
            for text in complaints(entry.rule.drop, entry.rule.set):
                yield f"{said(entry)}: {text}"
            yield from impossible(entry)
        yield from shadows(self._rules.entries)

    def listed(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Name, target ("": the same) and upstreams of each model that the settings name in full."""
        found: dict[str, tuple[str, str, tuple[str, ...]]] = {}
        for entry in self._rules.entries:
            if entry.rule.exact:
                found.setdefault(entry.rule.match, (entry.rule.match, entry.rule.model or "", entry.rule.upstreams))
        return list(found.values())

    def _offered(self, rows: Sequence[ModelRow]) -> dict[str, str]:
        """The store's names in their order, then those of the settings, but for what is switched off; each with the
        model that it stands for."""
        found = {row.id: row.target for row in rows}
        for name, target, _ in self.listed():
            found.setdefault(name, target)
        off = {row.id for row in rows if not row.enabled}
        return {name: split(target)[0] or name for name, target in found.items() if name not in off}

    def _entries(self) -> Iterator[Entry]:
        """All that the settings say, in the order in which it holds."""
        for name, model in self.aliases.items():
            yield Entry(f"aliases.{name}", Rule(name, model))
        for number, rule in enumerate(self.rules):
            yield Entry(f"rules[{number}]", rule)
        if self.small:
            yield Entry("small", Rule(HAIKU, self.small))
        if self.reasoning_model:
            yield Entry("reasoning_model", Rule(model=self.reasoning_model, thinking=True))
        if self.big:
            yield Entry("big", Rule(SONNET, self.big))
            yield Entry("big", Rule(OPUS, self.big))
        if self.completion_model:
            yield Entry("completion_model", Rule(model=self.completion_model, thinking=False))


def stored(rows: Sequence[ModelRow], name: str) -> Entry | None:
    """What the operator says of *name*, if it is listed.  Raises UnknownModel for one that is switched off."""
    row = next((row for row in rows if row.id == name), None)
    if row is not None and not row.enabled:
        raise UnknownModel(f"there is no model {name!r}")
    return None if row is None else Entry("models", Rule(row.id, row.target or None, row.upstreams))


def split(name: str) -> tuple[str, str]:
    """``name(suffix)`` in two; the suffix is empty, or keeps its parentheses."""
    base, bracket, rest = name.rpartition("(")
    return (base, bracket + rest) if base and rest.endswith(")") else (name, "")


def chosen(upstreams: Sequence[Upstream], named: Iterable[str], model: str) -> list[Upstream]:
    """Those *named*, in that order; else those that name *model*; else of those that name none who has it."""
    if named := tuple(named):
        known = {upstream.name: upstream for upstream in upstreams}
        return [known[name] for name in named if name in known]
    naming = [upstream for upstream in upstreams if upstream.models and upstream.has(model)]
    return naming or having(silent(upstreams), model)


async def settle(exchange: Exchange, upstreams: Sequence[Upstream], model: str) -> None:
    """Choose among *upstreams*, which say nothing of their models, once they have been asked for their lists."""
    await discover(upstreams)
    exchange.upstreams = having(upstreams, model)


stage = ModelMap
