"""Reading: the layers → a Config, with presets laid under the upstreams that name one.

    [server] [log] [store] [admin] [metrics] [capture] [traces]      their classes
    [upstreams.x]               preset < what is said there
    [[stages]]                  entries: ``use`` and where it goes; the other keys are the stage's
    [auth] [meter] …            settings of the stage of that name in the line
    without = […]               stages left out

Anything else at the top is unknown.  All that is wrong is told together, what only ``loading`` can find included.
"""

import os
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path as File
from typing import Any, TypeVar

import attrs

from pipeline.admin.settings import Settings as AdminSettings
from pipeline.arrange import DEFAULT, Order, arrange, arrange_attempt, names
from pipeline.config import Config, Entry, Log, Server, Upstream
from pipeline.layers import Layers, Place, inline
from pipeline.layers import read as read_layers
from pipeline.loading import assemble
from pipeline.naming import load
from pipeline.observe.settings import Capture, Metrics, Traces
from pipeline.problems import Note, Path, Problems, unknown
from pipeline.store.settings import Settings as StoreSettings
from pipeline.structure import show, structure

T = TypeVar("T")

ADOPT = "stages.legacy.adoption:adopt"  # who knows other programs' settings
DEFAULT_UPSTREAM = "simulated"  # the preset that serves where nothing is configured
SECTIONS = ("server", "log", "store", "admin", "metrics", "capture", "traces", "upstreams", "stages", "without")
OWN_KEYS = frozenset(field.name for field in attrs.fields(Entry)) - {"settings"}  # of an entry; the rest is the stage's


def read(
    config: File | None = None,
    flags: Mapping[Path, tuple[str, str]] | None = None,
    *,
    upstream: str | None = None,
    environ: Mapping[str, str] | None = None,
    others: Mapping[str, str] | None = None,
) -> Config:
    """The configuration of this machine: *config* or the first file found, variables, *flags* (value and flag by path).

    *upstream*: use only this one, or the preset of that name.  *others*: flags for another program's settings, which
    count where there is no file of ours.  Raises ConfigError, with all that is wrong.
    """
    return settle(read_layers(config, flags, environ, adopt=load(ADOPT), others=others), upstream)


def configured(tree: Mapping[str, Any], *, environ: Mapping[str, str] | None = None) -> Config:
    """The Config that *tree* says, which has the shape of a pipeline.toml: for programs that serve within themselves.

    No file is looked for and no variable is a setting; *environ* holds those that *tree* names (``{"env": "NAME"}``),
    the process's own by default.  Raises ConfigError, with all that is wrong.
    """
    named = os.environ if environ is None else environ
    return settle(Layers(tree=deepcopy(dict(tree)), written=dict(tree), environ=named))


def settle(layers: Layers, upstream: str | None = None) -> Config:
    """The Config that *layers* say.  Raises ConfigError, with all that is wrong."""
    problems = Problems(layers.label)
    config = Config(
        server=table(layers, "server", Server, problems) or Server(),
        log=table(layers, "log", Log, problems) or Log(),
        store=table(layers, "store", StoreSettings, problems) or StoreSettings(),
        admin=table(layers, "admin", AdminSettings, problems) or AdminSettings(),
        metrics=table(layers, "metrics", Metrics, problems) or Metrics(),
        capture=table(layers, "capture", Capture, problems) or Capture(),
        traces=table(layers, "traces", Traces, problems) or Traces(),
        without=listing(layers, "without", tuple[str, ...], problems) or (),
        stages=listing(layers, "stages", tuple[Entry, ...], problems) or (),
        layers=layers,
    )
    config = with_upstreams(config, upstream, problems)
    config = with_settings(config, problems)
    if problems:
        assemble(config, problems)  # what else is wrong belongs in the same list
    problems.check()
    return config


def table(layers: Layers, name: str, kind: type[T], problems: Problems) -> T | None:
    """The table *name* as a *kind*."""
    return structure(layers.tree.get(name, {}), kind, layers, problems.below(name))


def listing(layers: Layers, name: str, kind: type[T], problems: Problems) -> T | None:
    """The list *name* as a *kind*."""
    return structure(entries(layers.tree.get(name, [])), kind, layers, problems.below(name))


def entries(value: Any) -> Any:
    """A list of stages with the stages' own keys set apart; anything else as it is."""
    value = inline(value)
    return [_divided(item) for item in value] if isinstance(value, list) else value


def _divided(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    own = {key: value for key, value in item.items() if key in OWN_KEYS}
    return own | {"settings": {key: value for key, value in item.items() if key not in OWN_KEYS}}


# -- upstreams --------------------------------------------------------------------------------------------------------


def with_upstreams(config: Config, only: str | None, problems: Problems) -> Config:
    """*config* with its upstreams: all, or *only* one; the built-in model where none is configured."""
    layers = config.layers
    tables = inline(layers.tree.get("upstreams", {}))
    if not isinstance(tables, dict):
        problems.add(("upstreams",), f"expected a table, got {show(tables)}")
        tables = {}
    tables, unused = chosen(tables or {DEFAULT_UPSTREAM: {"preset": DEFAULT_UPSTREAM}}, only, layers, problems)
    upstreams = {name: upstream_of(each, layers, problems.below("upstreams", name)) for name, each in tables.items()}
    found = {name: upstream for name, upstream in upstreams.items() if upstream is not None}
    return attrs.evolve(config, upstreams=found, unused=unused)


def chosen(
    tables: dict[str, Any], only: str | None, layers: Layers, problems: Problems
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The tables that count, and the names of the others."""
    if only is None:
        return tables, ()
    others = tuple(name for name in tables if name != only)
    if only in tables:
        return {only: tables[only]}, others
    presets = load("stages.presets.reading:names")()
    if only not in presets:
        layers.places["--upstream",] = Place("command line", "--upstream")
        problems.add(("--upstream",), unknown(only, [*tables, *presets], "upstream"))
        return {}, others
    return {only: {"preset": only}}, others


def upstream_of(said: Any, layers: Layers, note: Note) -> Upstream | None:
    """The upstream that *said* describes, its preset beneath; None after noting why not."""
    said = inline(said)
    if not isinstance(said, dict):
        return structure(said, Upstream, layers, note)
    preset = preset_of(said, layers, note)
    if preset is None:
        return None
    merged = preset | said
    if "stages" in merged:
        merged["stages"] = entries(merged["stages"])
    return structure(merged, Upstream, layers, note)


def preset_of(said: dict[str, Any], layers: Layers, note: Note) -> dict[str, Any] | None:
    """What the preset supplies beneath *said*; None after noting that it can't."""
    name = said.get("preset")
    if not isinstance(name, str):
        return {}
    try:
        preset: dict[str, Any] = load("stages.presets.reading:read")(str(name))
    except LookupError:
        note(("preset",), unknown(name, load("stages.presets.reading:names")(), "preset"))
        return None
    if inline(said.get("client_key")) is True or {"keys", "oauth"} & said.keys():
        preset.pop("key", None)
    if "url" in said:
        preset.pop("serve", None)
    if "serve" in said:
        preset.pop("url", None)
    match preset.get("key"):
        case {"env": needed} if "key" not in said and needed not in layers.environ:
            note(("key",), f"preset {name} takes its key from the environment variable {needed}, which is not set")
            del preset["key"]
    return preset


# -- settings of stages -----------------------------------------------------------------------------------------------


def with_settings(config: Config, problems: Problems) -> Config:
    """*config* with the tables of its stages; what is no table of anything is noted."""
    known = in_line(config, arrange(config.stages, config.without, problems), problems)
    settings = {}
    for name, raw in config.layers.tree.items():
        value = inline(raw)
        if name in known and isinstance(value, dict):
            settings[name] = value
        elif name in known:
            problems.add((name,), f"expected a table, got {show(value)}")
        elif name in DEFAULT:
            problems.add((name,), "settings of a stage that is not in the line")
        elif name not in SECTIONS:
            problems.add((name,), unknown(name, [*SECTIONS, *known]))
    return attrs.evolve(config, settings=settings)


def in_line(config: Config, order: Order, problems: Problems) -> set[str]:
    """The names of all stages, of every upstream too."""
    known = set(names([*order.stages, *order.attempt, order.source, order.sink]))
    for name, upstream in config.upstreams.items():
        if upstream.stages is not None:
            known |= set(names(arrange_attempt(name, upstream.stages, order, problems)))
    return known
