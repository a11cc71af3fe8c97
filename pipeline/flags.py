"""The flags of the command line, which stand before or behind a command's name: flags → a Config.

    python -m pipeline -c work.toml check = python -m pipeline check -c work.toml

Errors of the configuration become lines on stderr and exit code 2 (``told``).
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as File
from typing import Any, NoReturn, TypeVar

import click

from pipeline.config import Config
from pipeline.layers import Candidate, find
from pipeline.naming import load
from pipeline.problems import ConfigError, Path
from pipeline.reading import read

E = TypeVar("E", bound=BaseException)

Flags = dict[str, Any]

# The setting that a flag is for.
SETTINGS: dict[str, tuple[Path, str]] = {
    "host": (("server", "host"), "--host"),
    "port": (("server", "port"), "--port"),
    "workers": (("server", "workers"), "--workers"),
    "log_level": (("log", "level"), "--log-level"),
    "log_file": (("log", "file"), "--log-file"),
}

# Flags for settings that were written for another program, see ``layers.Adopt``.
OTHER_FILES = "stages.legacy.files:candidates"
OTHERS = ("--legacy", "--provider", "--cwd")

OPTIONS = (
    click.option("-c", "--config", type=click.Path(path_type=File), help="TOML file, or .env file, to read."),
    click.option("-H", "--host", help="Address to listen on (127.0.0.1)."),
    click.option("-p", "--port", help="Port to listen on (4096); 0: the system chooses."),
    click.option("--upstream", metavar="NAME", help="Use only this upstream, or the preset of this name."),
    click.option("--workers", metavar="N", help="Processes that answer, on one port (1)."),
    click.option("--take-over", is_flag=True, help="Take the place of the gateway that has the port, if one has it."),
    click.option("-d", "--debug", is_flag=True, help="Log more: level debug."),
    click.option("-v", "--verbose", is_flag=True, help="Log prompts and replies too."),
    click.option("--log-level", help="debug, info, warning or error."),
    click.option("--log-file", help="Log to this file instead of stderr."),
    click.option("--legacy", metavar="NAME", help="Settings of this older gateway are meant; none: they never count."),
    click.option("--provider", metavar="NAME", help="An older gateway's flag: its provider."),
    click.option("--cwd", metavar="DIR", help="An older gateway's flag: where its program worked."),
    click.option("--show-config-paths", is_flag=True, help="Show where configuration is looked for, and exit."),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """The flags, which stand before or behind a command's name."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def merged(before: Flags, flags: Flags) -> Flags:
    """Flags of the group and of the command; those nearer to the end win."""
    return before | {name: value for name, value in flags.items() if value not in (None, False)}


def spelled(flags: Flags) -> list[str]:
    """*flags* as they are written, for another process of ours."""
    words: list[str] = []
    for name, value in flags.items():
        if value not in (None, False):
            words += [f"--{name.replace('_', '-')}", *(() if value is True else (str(value),))]
    return words


def configuration(flags: Flags) -> Config:
    """What is configured, with *flags* on top.  Raises ConfigError; or shows where it would look, and exits."""
    if flags["show_config_paths"]:
        click.echo("\n".join(searched(flags["config"])))
        sys.exit(0)
    texts: dict[Path, tuple[str, str]] = {}
    if flags["debug"]:
        texts["log", "level"] = "debug", "--debug"
    if flags["verbose"]:
        texts["log", "bodies"] = "true", "--verbose"
    for name, (path, flag) in SETTINGS.items():
        if flags[name] is not None:
            texts[path] = flags[name], flag
    return read(flags["config"], texts, upstream=flags["upstream"], others=others(flags))


def others(flags: Flags) -> dict[str, str]:
    """Those of *flags* that are for another program's settings."""
    return {flag: flags[flag[2:]] for flag in OTHERS if flags.get(flag[2:]) is not None}


def searched(config: File | None) -> Iterator[str]:
    """The search order of both files, a line each."""
    found = find(config)
    for title, candidates in (("configuration, the first one counts:", found.toml), (".env, likewise:", found.dotenv)):
        if candidates:
            yield title
            yield from (f"  {mark(candidate)}  {shown(candidate.file)}" for candidate in candidates)
    yield "settings of another gateway, where there are none of ours:"
    yield from (f"  {'exists ' if file.is_file() else '–      '}  {shown(file)}" for file in load(OTHER_FILES)())


def shown(file: File) -> str:
    """*file* as people write it."""
    return str(file) if file.is_absolute() or file.parent != File() else f"./{file}"


def mark(candidate: Candidate) -> str:
    """Whether it is there, and used."""
    return "used   " if candidate.used else "exists " if candidate.exists else "–      "


@contextmanager
def told() -> Iterator[None]:
    """Turns a ConfigError, also in groups, into its lines and exit code 2."""
    try:
        yield
    except ConfigError as error:
        refuse(error.lines)
    except BaseExceptionGroup as group:
        ours, others = group.split(ConfigError)
        if ours is None or others is not None:
            raise
        refuse([line for error in leaves(ours) for line in error.lines])


def leaves(group: BaseExceptionGroup[E]) -> Iterator[E]:
    """The errors in nested groups."""
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from leaves(each)
        else:
            yield each


def refuse(lines: list[str]) -> NoReturn:
    """Say why it does not start, and exit."""
    for line in lines:
        click.echo(line, err=True)
    sys.exit(2)
