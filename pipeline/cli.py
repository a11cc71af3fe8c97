"""The command line: flags → layers, commands → what they print, signals → drain.

    python -m pipeline [flags]            serves
    python -m pipeline check | explain | version | serve [flags]

Exit codes: 0 clean, 1 crashed, 2 configuration (lines on stderr, no traceback).  The first SIGTERM or SIGINT drains,
the second hurries, the third ends it.
"""

import signal
import sys
from typing import Any

import click
import trio

from pipeline import __version__, door
from pipeline.arrange import names
from pipeline.config import Config
from pipeline.explain import explain
from pipeline.flags import Flags, configuration, merged, options, refuse, told
from pipeline.loading import build
from pipeline.log import logs
from pipeline.naming import load
from pipeline.resolved import resolved
from pipeline.serving import Running, serve


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
