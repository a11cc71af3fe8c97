"""Layers: what is configured, from all the places it may stand in, and which place each value came from.

    defaults  <  pipeline.toml  <  .env  <  environment  <  command line          the right one wins, key by key
    (classes)    [server]          PIPELINE_SERVER__PORT=8080        --port 8080
                 port = 4096

What comes as text is kept as ``Text`` and typed by the field it reaches.  Only PIPELINE_… variables are settings; any
other counts only where a setting names it (``{ env = "NAME" }``).  Nothing here changes the process's environment.

Where there is no pipeline.toml, what was written for another program may stand in its place: ``Adopt`` is asked, which
knows such programs; this file knows none.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path as File
from typing import Any

import attrs
import platformdirs
from dotenv.parser import parse_stream

from pipeline.problems import ConfigError, Path, Problems

PREFIX = "PIPELINE_"
NAME = "pipeline.toml"
SYSTEM = File("/etc/pipeline")

# Kubernetes puts these into every container beside a Service called "pipeline"; they are no settings.
_SERVICE_LINKS = re.compile(r"PIPELINE_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


class Text(str):
    """A value that came as text: what it means depends on the field it is for."""

    __slots__ = ()


@attrs.frozen
class Place:
    """Where a value stands: ``environment`` and the variable's name, ``command line`` and the flag's."""

    source: str
    name: str


@attrs.frozen(kw_only=True)
class Asked:
    """What may hold settings of another program: the files as they were read, the variables, the flags for it."""

    ours: str = ""  # the pipeline.toml there is, which wins; "" if there is none
    toml: Mapping[str, Any] = attrs.field(factory=dict)  # what is in the file that --config names, or in ours
    dotenv: Mapping[str, str] = attrs.field(factory=dict)
    dotenv_file: str = ""
    environ: Mapping[str, str] = attrs.field(factory=dict)
    flags: Mapping[str, str] = attrs.field(factory=dict)  # such as {"--legacy": "its-name"}


@attrs.frozen(kw_only=True)
class Adopted:
    """Settings of another program, as a pipeline.toml would say them; an empty *tree* where there is only a remark."""

    known: str = ""  # whose they are, and what tells that, in a line
    tree: dict[str, Any] = attrs.field(factory=dict)
    places: dict[Path, Place] = attrs.field(factory=dict)  # where each of them stood
    became: Mapping[Path, str] = attrs.field(factory=dict)  # what is said of each, a line
    left: tuple[str, ...] = ()  # what has no meaning here, and why
    environ: Mapping[str, str] = attrs.field(factory=dict)  # variables of files that only it reads
    files: tuple[str, ...] = ()  # those, and its own


Adopt = Callable[[Asked], Adopted | None]


@attrs.frozen(kw_only=True)
class Layers:
    """All layers laid over each other."""

    tree: dict[str, Any] = attrs.field(factory=dict)
    file: str = ""  # the TOML file as the user would name it; "" if there is none
    beside: File = attrs.field(factory=File)  # what relative paths in the file are relative to
    environ: Mapping[str, str] = attrs.field(factory=dict, repr=False)  # .env included
    places: dict[Path, Place] = attrs.field(factory=dict)  # of what is not from the file
    files: tuple[File, ...] = ()  # those that were read
    adopted: Adopted | None = None  # what stands in the file's place
    _written: dict[str, Any] = attrs.field(factory=dict)  # the file's own tree

    def label(self, path: Path) -> str:
        """*path*, with its place, as the user wrote it."""
        for length in range(len(path), 0, -1):
            if (place := self.places.get(path[:length])) is not None:
                rest = spell(path[length:])
                return f"{place.source}: {place.name}" + (f": {rest}" if rest else "")
        if not _has(self._written, path[:-1]) and (place := self._near(path[:-1])) is not None:
            return f"{place.source}: {variable(path)}"
        return ": ".join(part for part in (self.file or "configuration", spell(path)) if part)

    def origin(self, path: Path) -> str:
        """Where the value at *path* stands: the file, a variable, a flag; ``default`` where nobody said it."""
        for length in range(len(path), 0, -1):
            if (place := self.places.get(path[:length])) is not None:
                return f"{place.source}: {place.name}"
        if _has(self._written, path[:-1]) and path[-1] in _at(self._written, path[:-1]):
            return self.file
        within = next((place for set_, place in self.places.items() if set_[: len(path)] == path), None)
        return "default" if within is None else f"{within.source}: {within.name}"

    @property
    def remarks(self) -> list[str]:
        """What is to be said of settings that were written for another program."""
        if (adopted := self.adopted) is None:
            return []
        became = [
            line if self.places.get(path) == adopted.places[path] else f"{line}, but {self.origin(path)} wins"
            for path, line in adopted.became.items()
        ]
        return [adopted.known, *(f"  {line}" for line in (*became, *adopted.left))]

    def _near(self, table: Path) -> Place | None:
        """A place that set something within *table*."""
        return next((place for path, place in self.places.items() if path[: len(table)] == table), None)


def spell(path: Path) -> str:
    """*path* as TOML has it: ``upstreams.work.stages[0].ttl``; keys that need quotes get them."""
    text = "".join(
        f"[{key}]" if isinstance(key, int) else f".{key}" if re.fullmatch(r"[\w-]+", key) else f'."{key}"'
        for key in path
    )
    return text.removeprefix(".")


def variable(path: Path) -> str:
    """The environment variable of the setting at *path*."""
    return PREFIX + "__".join(str(key).upper().replace("-", "_") for key in path)


def _has(tree: Any, path: Path) -> bool:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return bool(path) and isinstance(tree, dict)


def _at(tree: Any, path: Path) -> Any:
    """The table at *path*, which is there."""
    for key in path:
        tree = tree[key]
    return tree


# -- where to look ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Candidate:
    """A file that would be read, in the order of the search."""

    file: File
    exists: bool
    used: bool


@attrs.frozen
class Found:
    """Which files there are: the searches, and their first hits."""

    toml: list[Candidate]
    dotenv: list[Candidate]


def is_dotenv(file: File) -> bool:
    """Whether *file* is a .env file by its name: ``.env``, ``.env.local``, ``prod.env``."""
    return file.name.startswith(".env") or file.suffix == ".env"


def find(config: File | None) -> Found:
    """Search for both files.  A *config* that is given is the only one of its kind that is looked at.

    A .env file given as *config* is the whole configuration: no TOML file is searched for then.
    """
    user = File(platformdirs.user_config_dir("pipeline", appauthor=False))
    if config is not None and is_dotenv(config):
        return Found([], _first([config]))
    toml = _first([config] if config is not None else [File(NAME), user / NAME, SYSTEM / NAME])
    used = next((candidate.file for candidate in toml if candidate.used), None)
    folders = ([] if used is None else [used.parent]) + [File(), user, SYSTEM]
    return Found(toml, _first([folder / ".env" for folder in dict.fromkeys(folders)]))


def _first(files: list[File]) -> list[Candidate]:
    there = [os.path.isfile(file) for file in files]  # Path.is_file raises for a folder that is closed to us
    hit = there.index(True) if True in there else -1
    return [Candidate(file, there[number], number == hit) for number, file in enumerate(files)]


# -- reading ----------------------------------------------------------------------------------------------------------


def read(
    config: File | None = None,
    flags: Mapping[Path, tuple[str, str]] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    adopt: Adopt | None = None,
    others: Mapping[str, str] | None = None,
    dotenv: File | None = None,
    ignored: bool = False,
) -> Layers:
    """Read all layers.  *flags*: value and flag by path.  Raises ConfigError for a file that can't be read.

    *adopt* is asked for what another program's settings say, with *others*, the flags that are for it.  *dotenv*: the
    .env file, in place of a search; *ignored*: a pipeline.toml counts for nothing.
    """
    toml, dotenv = _files(config, dotenv, ignored=ignored)
    asked = Asked(
        ours="" if toml is None else str(toml),
        toml={} if toml is None else read_toml(toml),
        dotenv={} if dotenv is None else read_dotenv(dotenv),
        dotenv_file="" if dotenv is None else str(dotenv),
        environ=os.environ if environ is None else environ,
        flags=others or {},
    )
    layers = _lowest(asked, None if adopt is None else adopt(asked))
    problems = Problems(layers.label)
    below = {name: value for name, value in asked.dotenv.items() if name not in asked.environ}
    for source, names in ((asked.dotenv_file, below), ("environment", asked.environ)):
        _lay(layers, problems, [(path, text, Place(source, name)) for path, text, name in settings(names)])
    named = [(path, text, Place("command line", flag)) for path, (text, flag) in (flags or {}).items()]
    _lay(layers, problems, named)
    problems.check()
    return layers


def _files(config: File | None, dotenv: File | None, *, ignored: bool) -> tuple[File | None, File | None]:
    """The TOML and the .env file that count.  Raises ConfigError for one that is named and not there."""
    found = find(config)
    if missing := next((file for file in (config, dotenv) if file is not None and not file.is_file()), None):
        raise ConfigError([f"{missing}: there is no such file"])
    toml = None if ignored else next((candidate.file for candidate in found.toml if candidate.used), None)
    return toml, dotenv or next((candidate.file for candidate in found.dotenv if candidate.used), None)


def _lowest(asked: Asked, adopted: Adopted | None) -> Layers:
    """The lowest layer: the file of ours, or what is *adopted* in its place."""
    there = Adopted() if adopted is None else adopted
    file, written = ("", {}) if there.tree else (asked.ours, dict(asked.toml))
    return Layers(
        tree=_copy(there.tree or written),
        file=file,
        beside=File(file).parent if file else File(),
        environ={**there.environ, **asked.dotenv, **asked.environ},
        places=dict(there.places),
        adopted=adopted,
        files=tuple(File(name) for name in dict.fromkeys((asked.ours, asked.dotenv_file, *there.files)) if name),
        written=written,
    )


def read_toml(file: File) -> dict[str, Any]:
    """The tree in *file*.  Raises ConfigError."""
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError([f"{file}: can't be read: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{file}: not TOML: {error}"]) from None


def read_dotenv(file: File) -> dict[str, str]:
    """The variables in *file*, as they stand: ``${NAME}`` is not looked up.  Raises ConfigError."""
    try:
        with file.open(encoding="utf-8") as stream:
            lines = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{file}: can't be read: {error}"]) from None
    if broken := [line.original.line for line in lines if line.error]:
        raise ConfigError([f"{file}: line {number}: expected NAME=value" for number in broken])
    return {line.key: line.value for line in lines if line.key is not None and line.value is not None}


def settings(environ: Mapping[str, str]) -> list[tuple[Path, str, str]]:
    """Path, text and name of every variable that is a setting; the shallow ones first."""
    found: list[tuple[Path, str, str]] = [
        (tuple(name.removeprefix(PREFIX).lower().split("__")), value, name)
        for name, value in environ.items()
        if name.startswith(PREFIX) and not _SERVICE_LINKS.fullmatch(name)
        if not (name == f"{PREFIX}PORT" and _SERVICE_URL.match(value))
    ]
    return sorted(found, key=lambda each: len(each[0]))


def _lay(layers: Layers, problems: Problems, settings: Iterable[tuple[Path, str, Place]]) -> None:
    """Lay *settings* over the tree."""
    for path, text, place in settings:
        table, real = layers.tree, []
        for key in path[:-1]:
            real.append(_known(table, key))
            inner = inline(table.get(real[-1], {}))
            if not isinstance(inner, dict):
                problems.add(tuple(real), f"is no table, so {place.name} can't be set in it")
                break
            table[real[-1]] = table = inner
        else:
            real.append(_known(table, path[-1]))
            for stale in [old for old in layers.places if old[: len(real)] == tuple(real)]:
                del layers.places[stale]  # what was within is replaced as a whole
            table[real[-1]] = Text(text)
            layers.places[tuple(real)] = place


def _known(table: dict[str, Any], key: Any) -> str:
    """The key of *table* that a variable means by *key*: ``my_own`` may be ``My-Own`` there."""
    return next((name for name in table if name.lower().replace("-", "_") == key), str(key))


def inline(value: Any) -> Any:
    """A Text that is a TOML value, as that value; anything else as it is."""
    if not isinstance(value, Text):
        return value
    try:
        read = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return value
    return read["value"] if len(read) == 1 else value


def _copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _copy(value) for key, value in tree.items()}
    return [_copy(value) for value in tree] if isinstance(tree, list) else tree
