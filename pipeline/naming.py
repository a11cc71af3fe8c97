"""Naming: names → what they name, and what it takes to be called.

    use = "auth"                 stages.auth:stage
    use = "shop.stages:queue"    yours; the working directory is importable
                 │
                 ├─ an attrs class: made of the entry's other keys and of the table [name]; the object is called
                 └─ anything else that can be called: is called as it is

This is the only way from the engine to the stages, and it is the same for built-in ones and for yours.  Making a stage
opens nothing: what has a lifetime is entered at start, by ``opening``.
"""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path as File
from typing import Any

import attrs

from pipeline.arrange import ENDS, Slot
from pipeline.config import Config
from pipeline.dialect import Dialect
from pipeline.problems import Path, Problems, unknown
from pipeline.structure import structure

Place = tuple[Any, str]

_USE = re.compile(r"[A-Za-z_]\w*|[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class LoadFailed(Exception):
    """What a name names can't be had; the text is the sentence."""


def load(use: str) -> Any:
    """What *use* names.  Raises LoadFailed; what a module raises while it is imported, other than for a missing
    import, is its author's and goes on."""
    if not _USE.fullmatch(use):
        raise LoadFailed('expected the name of a built-in stage, or "package.module:name"')
    module, _, attribute = use.partition(":")
    if not attribute:
        module, attribute = f"stages.{use}", "stage"
    elif (here := str(File.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise LoadFailed(f"{module} can't be imported: {error}") from error
        text = unknown(use, built_in(), "stage") if module == f"stages.{use}" else f"there is no module {module}"
        raise LoadFailed(text) from None
    except ImportError as error:
        raise LoadFailed(f"{module} can't be imported: {error}") from error
    except AttributeError:
        raise LoadFailed(f"there is no {attribute} in {module}") from None


def built_in() -> list[str]:
    """The names of the stages that come with us."""
    package = importlib.import_module("stages")
    modules = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg]
    return [name for name in modules if hasattr(importlib.import_module(f"stages.{name}"), "stage")]


def dialects() -> dict[str, Dialect]:
    """The dialects there are, by name."""
    package = importlib.import_module("stages.dialects")
    packages = [module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg]
    found: list[Any] = [importlib.import_module(f"stages.dialects.{name}") for name in sorted(packages)]
    return {dialect.NAME: dialect for dialect in found if hasattr(dialect, "NAME")}


# -- stages -----------------------------------------------------------------------------------------------------------


class Stages:
    """Makes the stages of one configuration, each slot's once.

    *before*: those of the configuration before; where a place has a stage of equal settings, it is the same object.
    """

    def __init__(self, config: Config, problems: Problems, before: "Stages | None" = None) -> None:
        self._config, self._problems = config, problems
        self._made: dict[int, tuple[Slot, Any]] = {}
        self._before = {} if before is None else before.placed()

    def placed(self) -> dict[Place, Any]:
        """All that were made, by their place."""
        return {place(slot): stage for slot, stage in self._made.values()}

    def made(self, slot: Slot) -> Any:
        """The stage of *slot*; something that does nothing, after noting why it can't be made."""
        if id(slot) not in self._made:
            self._made[id(slot)] = slot, self._make(slot)
        return self._made[id(slot)][1]

    def _make(self, slot: Slot) -> Any:
        try:
            named = load(slot.entry.use)
        except LoadFailed as error:
            self._problems.add((*slot.path, "use"), str(error))
            return missing
        table = {**self._config.settings.get(slot.name, {}), **slot.entry.settings}
        if isinstance(named, type) and attrs.has(named):
            made = structure(table, named, self._config.layers, lambda where, text: self._note(slot, where, text))
            named = missing if made is None else kept(self._before.get(place(slot)), made)
            self._check(slot, named)
        else:
            for key in table:
                self._note(slot, (key,), f"unknown key; {slot.name} has no settings")
        if not takes(named, 2 if slot.role in ENDS else 1):
            hint = "; a class of which one is made at start is an attrs class" if isinstance(named, type) else ""
            self._problems.add((*slot.path, "use"), f"this is nothing that can be called with an exchange{hint}")
        return named

    def _check(self, slot: Slot, stage: Any) -> None:
        """Ask a stage that names upstreams whether they are there."""
        upstreams = frozenset((*self._config.upstreams, *self._config.unused))
        for complaint in getattr(stage, "check", lambda names: ())(upstreams):
            self._note(slot, (), complaint)

    def _note(self, slot: Slot, where: Path, text: str) -> None:
        """Note *text* where the setting stands: in the entry, or in the table of the stage's name."""
        table = self._config.settings.get(slot.name, {})
        in_table = not slot.path or (where and where[0] in table and where[0] not in slot.entry.settings)
        self._problems.add((slot.name, *where) if in_table else (*slot.path, *where), text)


def place(slot: Slot) -> Place:
    """Where *slot* is: the upstream whose attempts it is listed for, if it is one's alone, and its name."""
    return slot.path[1] if slot.path[:1] == ("upstreams",) else None, slot.name


def kept(old: Any, new: Any) -> Any:
    """*old*, if it is what *new* is: the same class, equal settings, and equal contents of what it read (``contents``).

    What a stage keeps beside its settings, it may keep then: counters, connections, what it has learnt.
    """
    if type(old) is not type(new) or getattr(old, "contents", None) != getattr(new, "contents", None):
        return new
    fields = [field.name for field in attrs.fields(type(new)) if field.init]
    return old if all(getattr(old, name) == getattr(new, name) for name in fields) else new


def takes(called: Any, number: int) -> bool:
    """Whether *called* can be called with *number* arguments; what does not tell its signature is believed."""
    if not callable(called):
        return False
    try:
        inspect.signature(called).bind(*[None] * number)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def missing(*_: Any) -> None:
    """Stands for a stage that could not be made, until the problems are told."""
