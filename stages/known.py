"""Known: what models take and refuse, from three sources.  The one above holds, field by field.

    the configuration    [forward.capabilities."my-model"] thinking = ["enabled", "disabled"]
    an upstream's list   capabilities, max_input_tokens, max_tokens         (whenever it is fetched)
    the table            capabilities.TABLE

A model that none of them describes is unknown, and passes through unadjusted.  One that is described but in part gets
the rest from what models with the same ways of thinking have in common.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, get_args

import attrs

from pipeline.bounds import Number
from pipeline.dialect import Model
from pipeline.globs import wild
from pipeline.structure import Check
from stages.capabilities import LADDER, Capability, Effort, plain, row

Way = Literal["adaptive", "between_tools", "disabled", "enabled"]
MODELS = 4096  # that are remembered of what upstreams told


def _factor(value: float) -> None:
    if not 0.1 <= value <= 10:
        raise ValueError(f"expected a factor from 0.1 to 10, got {value:g}")


@attrs.frozen(kw_only=True)
class Override:
    """What the operator says of models; what is not said is left as it is known.  Fields as in Capability."""

    thinking: frozenset[Way] | None = None
    default: Literal["always", "on", "off"] | None = None
    display: Literal["omitted", "summarized"] | None = None
    efforts: tuple[Effort, ...] | None = None
    effort: Effort | None = None
    quiet: Effort | None = None
    forced: Literal["yes", "unbudgeted", "never"] | None = None
    sampling: Literal["default", "limited"] | None = None
    prefill: bool | None = None
    instructs: bool | None = None
    cacheable: Number | None = None
    context: Number | None = None
    output: Number | None = None
    growth: Annotated[float, Check(_factor)] | None = None


@attrs.define(eq=False)
class Known:
    """What is known of models: *overrides* by glob, over what was told, over the table."""

    overrides: dict[str, Override] = attrs.field(factory=dict)
    _told: OrderedDict[str, Override] = attrs.field(factory=OrderedDict)
    _merged: dict[str, Capability | None] = attrs.field(factory=dict)  # by plain name; emptied by news

    def __call__(self, model: str) -> Capability | None:
        """What is known of *model*."""
        if model not in self._merged:
            if len(self._merged) >= MODELS:
                self._merged.clear()
            self._merged[model] = self._merge(model)
        return self._merged[model]

    def _merge(self, model: str) -> Capability | None:
        said = [self._told.get(plain(model)), override_of(self.overrides, model)]
        fields: dict[str, Any] = {}
        for source in said:
            if source is not None:
                fields |= attrs.asdict(source, recurse=False, filter=lambda _, value: value is not None)
        base = row(model)
        if base is None and "thinking" in fields:
            base = likely(fields["thinking"])
        if base is None or not fields:
            return base
        return consistent(attrs.evolve(base, **fields), frozenset(fields))

    def learn(self, models: Iterable[Model]) -> None:
        """Take in what an upstream's list says."""
        for model in models:
            said = told(model)
            if said != Override():
                self._told[plain(model.id)] = said
                self._told.move_to_end(plain(model.id))
        while len(self._told) > MODELS:
            self._told.popitem(last=False)
        self._merged.clear()

    def complaints(self) -> Iterator[str]:
        """What can't be right about the overrides."""
        for name, said in self.overrides.items():
            place = f'capabilities."{name}"'
            if said == Override():
                yield f"{place}: says nothing"
            elif not wild(name) and row(name) is None and said.thinking is None:
                yield f"{place}: nothing is known of this model, so thinking must be said"
            for level in (said.effort, said.quiet):
                if level is not None and said.efforts is not None and level not in said.efforts:
                    yield f'{place}: "{level}" is not among its efforts'


def override_of(overrides: dict[str, Override], model: str) -> Override | None:
    """What *overrides* say of *model*: under its own name, else under the first glob that fits."""
    names = (model, model.lower(), plain(model))
    exact = next((overrides[name] for name in names if name in overrides), None)
    globs = (said for glob, said in overrides.items() if any(fnmatchcase(name, glob) for name in names))
    return exact or next(globs, None)


def told(model: Model) -> Override:
    """What a list says of *model*, as far as it makes sense: unknown words are left out."""
    thinking = None if model.thinking is None else frozenset(way for way in get_args(Way) if way in model.thinking)
    efforts = None if model.efforts is None else tuple(level for level in LADDER if level in model.efforts)
    return Override(
        thinking=thinking if thinking or not model.thinking else None,  # it thinks, but in no way we know
        efforts=efforts,
        context=sensible(model.context),
        output=sensible(model.output),
    )


def sensible(tokens: int | None) -> int | None:
    """*tokens* if so many can be meant."""
    return tokens if tokens is not None and 0 < tokens < 1 << 40 else None


def likely(thinking: frozenset[str]) -> Capability:
    """What a model that thinks in the ways of *thinking* has in common with others that do."""
    if "enabled" not in thinking and thinking & {"adaptive", "between_tools"}:
        return Capability(thinking=thinking, default="on", cacheable=1024)
    adaptive = "adaptive" in thinking
    return Capability(
        thinking=thinking,
        default="off",
        display="summarized",
        efforts=LADDER if adaptive else (),
        effort="high" if adaptive else None,
        forced="unbudgeted",
        sampling="limited",
        prefill=not adaptive,
        cacheable=1024,
        context=200_000,
        output=64_000,
        growth=1.0,
    )


def consistent(known: Capability, said: frozenset[str]) -> Capability:
    """*known* with what nobody *said* made to agree with what somebody did."""
    changes: dict[str, Any] = {}
    if "efforts" in said and "effort" not in said:
        changes["effort"] = known.nearest(known.effort or "high")
    if "efforts" in said and "quiet" not in said and known.efforts:
        changes["quiet"] = known.nearest(known.quiet)
    if "thinking" in said and "default" not in said:
        off = known.thinking & {"disabled", "between_tools"} or not known.thinking
        changes["default"] = ("on" if known.default == "always" else known.default) if off else "always"
    return attrs.evolve(known, **changes) if changes else known
