"""The command line: flags and commands.

    python -m pipeline [flags]                                          serves
    python -m pipeline serve | check | explain | version [flags]
    python -m pipeline start | stop | status | logs                     in the background, see ``commands.life``
    python -m pipeline run -- CLIENT                                    a client that comes here
    python -m pipeline usage [export | rerate | remove]                 what was used, see ``commands.usage``
    python -m pipeline keys | models | admin                            what the store has, see there

Exit codes: 0 clean, 1 crashed or not so, 2 configuration or usage (lines on stderr, no traceback).
"""

from typing import Any

import click

from pipeline import __version__
from pipeline.commands import life
from pipeline.commands.admin import admin
from pipeline.commands.doctor import doctor
from pipeline.commands.keys import keys
from pipeline.commands.models import models
from pipeline.commands.run import run as run_command
from pipeline.commands.usage import usage
from pipeline.explain import explain
from pipeline.flags import Flags, configuration, merged, options, told
from pipeline.foreground import run
from pipeline.loading import build
from pipeline.resolved import resolved


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


for command in (*life.COMMANDS, run_command, doctor, keys, models, usage, admin):
    main.add_command(command)
