"""The command line: flags → layers, commands → what they print, signals → drain.

    python -m pipeline [flags]            serves
    python -m pipeline check | explain | version | serve [flags]

Exit codes: 0 clean, 1 crashed, 2 configuration (lines on stderr, no traceback).  The first SIGTERM or SIGINT drains,
the second hurries, the third ends it.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as File
from typing import Any, NoReturn

import click
import trio

from pipeline import __version__, door
from pipeline.arrange import names
from pipeline.config import Config
from pipeline.explain import explain
from pipeline.layers import Candidate, find
from pipeline.loading import build
from pipeline.log import logs
from pipeline.naming import load
from pipeline.problems import ConfigError, Path
from pipeline.reading import read
from pipeline.resolved import resolved
from pipeline.serving import Running, serve

Flags = dict[str, Any]

# The setting that a flag is for.
SETTINGS: dict[str, tuple[Path, str]] = {
    "host": (("server", "host"), "--host"),
    "port": (("server", "port"), "--port"),
    "log_level": (("log", "level"), "--log-level"),
    "log_file": (("log", "file"), "--log-file"),
}

OPTIONS = (
    click.option("-c", "--config", type=click.Path(path_type=File), help="TOML file, or .env file, to read."),
    click.option("-H", "--host", help="Address to listen on (127.0.0.1)."),
    click.option("-p", "--port", help="Port to listen on (4096); 0: the system chooses."),
    click.option("--upstream", metavar="NAME", help="Use only this upstream, or the preset of this name."),
    click.option("-d", "--debug", is_flag=True, help="Log more: level debug."),
    click.option("-v", "--verbose", is_flag=True, help="Log prompts and replies too."),
    click.option("--log-level", help="debug, info, warning or error."),
    click.option("--log-file", help="Log to this file instead of stderr."),
    click.option("--show-config-paths", is_flag=True, help="Show where configuration is looked for, and exit."),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """The flags, which stand before or behind a command's name."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="pipeline")
@options
@click.pass_context
def main(context: click.Context, /, **flags: Any) -> None:
    """One dependable door between coding agents and language models.  Without a command it serves."""
    context.obj = flags
    if context.invoked_subcommand is None:
        run(flags)


@main.command("serve")
@options
@click.pass_obj
def serve_command(before: Flags, /, **flags: Any) -> None:
    """Serve until SIGTERM or SIGINT."""
    run(merged(before, flags))


@main.command()
@options
@click.pass_obj
def check(before: Flags, /, **flags: Any) -> None:
    """Validate the configuration, construct everything, and show what came out; secrets are masked."""
    with told():
        built = build(configuration(merged(before, flags)))
    click.echo(f"{resolved(built)}\n\n{explain(built)}")


@main.command("explain")
@options
@click.pass_obj
def explain_command(before: Flags, /, **flags: Any) -> None:
    """Show what runs on the way up and down, what is fused, and where the channels are."""
    with told():
        built = build(configuration(merged(before, flags)))
    click.echo(explain(built))


@main.command()
def version() -> None:
    """Show the version."""
    click.echo(f"pipeline {__version__}")


# -- flags ------------------------------------------------------------------------------------------------------------


def merged(before: Flags, flags: Flags) -> Flags:
    """Flags of the group and of the command; those nearer to the end win."""
    return before | {name: value for name, value in flags.items() if value not in (None, False)}


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
    return read(flags["config"], texts, upstream=flags["upstream"])


def searched(config: File | None) -> Iterator[str]:
    """The search order of both files, a line each."""
    found = find(config)
    for title, candidates in (("configuration, the first one counts:", found.toml), (".env, likewise:", found.dotenv)):
        if candidates:
            yield title
            yield from (f"  {mark(candidate)}  {shown(candidate.file)}" for candidate in candidates)


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


def leaves(group: BaseExceptionGroup[ConfigError]) -> Iterator[ConfigError]:
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


# -- serving ----------------------------------------------------------------------------------------------------------


def run(flags: Flags) -> None:
    """Serve as *flags* say."""
    with told():
        config = configuration(flags)
        try:
            with logs(config.log):
                trio.run(live, config)
        except OSError as error:
            if config.log.file is None or error.filename != str(config.log.file):
                raise
            refuse([f"{config.layers.label(('log', 'file'))}: {config.log.file}: {error.strerror}"])


async def live(config: Config) -> None:
    """Serve until signals, or an error, end it."""
    running: Running | None = None
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def obey() -> None:
                times = 0
                async for _ in signals:
                    times += 1
                    if running is None or times > 2:
                        nursery.cancel_scope.cancel()
                    else:
                        running.drain.begin(config.server.drain if times == 1 else 0)

            async def through(task_status: trio.TaskStatus[Running]) -> None:
                await serve(config, task_status=task_status)
                nursery.cancel_scope.cancel()

            nursery.start_soon(obey)
            running = await nursery.start(through)
            announce(running)


def announce(running: Running) -> None:
    """Say where it is, who answers, what stands between, and what to paste."""
    built = running.built
    attempt = f"[ {' → '.join(names(built.order.attempt))} ]"
    line = [*names(built.order.stages), *([attempt] if built.order.attempt else ()), built.order.source.name]
    where = [f"{each.name} ({each.dialect.NAME}, {each.origin}{each.base})" for each in running.upstreams]
    click.echo(f"pipeline {__version__} listens on {' and '.join(running.urls)}")
    click.echo(f"upstreams  {', '.join(where)}")
    click.echo(f"line       {' → '.join(line)}, back through {built.order.sink.name}")
    if place := door.told(built.config):
        click.echo(f"key        {place}: one of the upstreams runs under your login, so that nobody else may ask it")
    key = "YOUR-KEY" if getattr(dict(built.line.stages).get("auth"), "keys", ()) else "any"
    text = load("stages.clients:paste")(running.urls[0], key=key, model=example(built.config))
    click.echo(f"\n{text}\n")
    sys.stdout.flush()


def example(config: Config) -> str:
    """A model that may be asked for: the first that is named in full."""
    named = [name for upstream in config.upstreams.values() for name in upstream.models]
    return next((name for name in named if not set("*?[") & set(name)), "your-model")
