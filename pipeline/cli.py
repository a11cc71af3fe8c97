"""The command line: flags and commands.

    python -m pipeline [flags]                                          serves
    python -m pipeline serve | check | explain | version [flags]
    python -m pipeline start | stop | reload | status | logs            in the background, see ``commands.life``
    python -m pipeline run -- CLIENT                                    a client that comes here
    python -m pipeline doctor [UPSTREAM]                                what is wrong with an upstream, step by step
    python -m pipeline usage [export | rerate | remove]                 what was used, see ``commands.usage``
    python -m pipeline route MODEL                                      which rule chooses, what and whom
    python -m pipeline keys | models | admin                            what the store has, see there
    python -m pipeline replay ID                                        a captured request once more, see there
    python -m pipeline migrate                                          another gateway's settings as a pipeline.toml
    python -m pipeline 8080                                             serves there

Exit codes: 0 clean, 1 crashed or not so, 2 configuration or usage (lines on stderr, no traceback).
"""

import json
from pathlib import Path
from typing import Any

import click

from pipeline import __version__
from pipeline.admin import front
from pipeline.commands import life
from pipeline.explain import explain
from pipeline.flags import Flags, configuration, merged, options, told
from pipeline.foreground import run
from pipeline.loading import build
from pipeline.naming import load
from pipeline.problems import ConfigError
from pipeline.resolved import resolved

# The commands that a gateway which only serves has no use for: each is imported when it is asked for.
ELSEWHERE = {
    "run": "pipeline.commands.run:run",
    "doctor": "pipeline.commands.doctor:doctor",
    "route": "pipeline.commands.route:route",
    "keys": "pipeline.commands.keys:keys",
    "models": "pipeline.commands.models:models",
    "usage": "pipeline.commands.usage:usage",
    "admin": "pipeline.commands.admin:admin",
    "migrate": "pipeline.commands.migrate:migrate",
    "replay": "pipeline.commands.replay:command",
}


class Commands(click.Group):
    """The commands; a number in the place of one is a port to serve on, as an older gateway had it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all of them."""
        return sorted((*self.commands, *ELSEWHERE))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if (place := ELSEWHERE.get(cmd_name)) is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = load(place)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that *args* begin with, and its own words."""
        if args[0].isdecimal():
            return super().resolve_command(ctx, ["serve", "--port", *args])
        return super().resolve_command(ctx, args)


def documented(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    """Print the document of the admin's API, and exit; needs no configuration."""
    if wanted:
        click.echo(json.dumps(front.documented(), indent=2))
        context.exit()


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="pipeline")
@options
@life.pid_file
@click.option(
    "--openapi", is_flag=True, is_eager=True, expose_value=False, callback=documented,
    help="Print the OpenAPI document of the admin's API, and exit.",
)  # fmt: skip
@click.option("--daemon", "--detach", is_flag=True, help="In the background, as start --detach.")
@click.pass_context
def main(context: click.Context, /, pid_file: Path | None, daemon: bool, **flags: Any) -> None:
    """One dependable door between coding agents and language models.  Without a command it serves."""
    context.obj = flags
    context.default_map = {str(command.name): {"pid_file": pid_file, "detach": daemon} for command in life.COMMANDS}
    if context.invoked_subcommand is None and (daemon or pid_file):
        context.invoke(life.start, pid_file=pid_file, detach=daemon, ready=None, **flags)
    elif context.invoked_subcommand is None:
        run(flags)


@main.command("serve")
@options
@click.option("--link", type=int, hidden=True)  # to the process that started this one as one of its workers
@click.pass_obj
def serve_command(before: Flags, /, link: int | None, **flags: Any) -> None:
    """Serve until SIGTERM or SIGINT."""
    run(merged(before, flags), link=link)


@main.command()
@options
@click.pass_obj
def check(before: Flags, /, **flags: Any) -> None:
    """Validate the configuration, construct everything, and show what came out; secrets are masked."""
    with told():
        built = build(configuration(merged(before, flags)))
        openers = [plan.way.opener for plan in built.plans if plan.way.opener is not None]
        if missing := [line for opener in openers for line in opener.missing()]:
            raise ConfigError(missing)
    remarks = "".join(f"# {line}\n" for line in built.config.layers.remarks)
    click.echo(f"{remarks}{resolved(built)}\n\n{explain(built)}")


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


for command in life.COMMANDS:
    main.add_command(command)
