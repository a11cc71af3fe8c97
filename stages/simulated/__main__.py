"""A simulated model as a program: ``python -m stages.simulated --dialect chat --port 4099``."""

import signal
import sys
from functools import partial

import click
import trio

from stages.simulated import script
from stages.simulated.model import Settings
from stages.simulated.server import serve
from stages.simulated.voices import VOICES


async def run(dialect: str, host: str, port: int, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; the first line of output is the base URL."""
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            serving = partial(serve, dialect=dialect, host=host, port=port, settings=settings)
            click.echo(await nursery.start(serving))
            sys.stdout.flush()
            await anext(signals)
            nursery.cancel_scope.cancel()


@click.command(help="Serve a simulated model until interrupted; prints its base URL.")
@click.option("--dialect", type=click.Choice(list(VOICES)), default="anthropic", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, help="0: the system chooses.")
@click.option("--lenient", is_flag=True, help="Refuse nothing, count roughly, simulate no cache: cheaper.")
@click.option("--key", help="The only key that is taken.")
@click.option("--script", "always", default="", help="Put in front of every turn: '[[rate 50]]'.")
@click.option("--words", is_flag=True, help="Print what scripts are made of, and end.")
def main(dialect: str, host: str, port: int, *, lenient: bool, key: str | None, always: str, words: bool) -> None:
    """Read the options and run."""
    if words:
        click.echo(script.__doc__)
        return
    trio.run(run, dialect, host, port, Settings(strict=not lenient, key=key, script=always))


if __name__ == "__main__":
    main()
