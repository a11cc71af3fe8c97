"""Route: which model a request would be asked of, whom, and which rule says so; no model is asked.

    python -m pipeline route some-model [--dialect NAME] [--key NAME] [--header 'x-agent: sub-1'] [--body FILE]

With the store's models and, where they decide, the lists of upstreams, as a request would meet them.  Exit code 1
where it would be refused.
"""

import sys
from pathlib import Path
from typing import Any

import attrs
import click
import trio

from pipeline.config import Config
from pipeline.dialect import Dialect
from pipeline.errors import GatewayError
from pipeline.exchange import Exchange
from pipeline.flags import Flags, configuration, merged, options, told
from pipeline.loading import build
from pipeline.opening import opened
from pipeline.problems import ConfigError, unknown
from pipeline.prompt import Prompt
from pipeline.rehearsal import asking, exchange_of, rehearse
from pipeline.rehearsal import told as shown
from pipeline.serving import store_of
from pipeline.upstream import Upstream
from transports.messages import Headers


@attrs.frozen
class Wanted:
    """What is rehearsed, as it was typed."""

    model: str | None
    dialect: str | None
    key: str
    header: tuple[str, ...]
    body: Path | None


@click.command()
@click.argument("model", required=False)
@click.option("--dialect", metavar="NAME", help="The protocol that the client speaks; default: the first there is.")
@click.option("--key", metavar="NAME", default="", help="The name of the key that asks.")
@click.option("--header", metavar="'NAME: VALUE'", multiple=True, help="A field of the request; may be repeated.")
@click.option("--body", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The request, as JSON.")
@options
@click.pass_obj
def route(before: Flags, /, model: str | None, dialect: str | None, key: str, header: tuple[str, ...],
          body: Path | None, **flags: Any) -> None:  # fmt: skip
    """Show which model a request would be asked of, whom, and which rule says so."""
    wanted = Wanted(model, dialect, key, header, body)
    if model is None and body is None:
        raise click.UsageError("a model, or --body with a request that names one")
    with told():
        exchange, error = trio.run(rehearsed, configuration(merged(before, flags)), wanted)
    if error is not None:
        click.echo(f"refused: {error}", err=True)
        sys.exit(1)
    click.echo("\n".join(shown(exchange)))


async def rehearsed(config: Config, wanted: Wanted) -> tuple[Exchange, GatewayError | None]:
    """The exchange that *wanted* becomes, and why it would be refused, if it would.  Raises ConfigError."""
    built = build(config)
    dialect = spoken(wanted.dialect, {name: one for name, one in built.dialects.items() if one.ROUTES})
    async with store_of(config) as store, opened(built, store) as upstreams:
        exchange = exchange_for(wanted, dialect, list(upstreams))
        exchange.store = store
        try:
            await rehearse(built.line, exchange)
        except GatewayError as error:
            return exchange, error
    return exchange, None


def spoken(name: str | None, dialects: dict[str, Dialect]) -> Dialect:
    """The dialect called *name*, or the first.  Raises ConfigError."""
    if name is not None and name not in dialects:
        raise ConfigError([unknown(name, dialects, "dialect")])
    return dialects[name or next(iter(dialects))]


def exchange_for(wanted: Wanted, dialect: Dialect, upstreams: list[Upstream]) -> Exchange:
    """The exchange that is rehearsed.  Raises ConfigError for a file that holds no request."""
    try:
        return exchange_of(prompt_of(wanted, dialect), dialect, wanted.key, fields(wanted.header), upstreams)
    except (GatewayError, OSError) as error:
        raise ConfigError([f"{wanted.body}: {error}"]) from None


def prompt_of(wanted: Wanted, dialect: Dialect) -> Prompt:
    """Its prompt.  Raises InvalidRequest, OSError."""
    if wanted.body is None:
        return asking(wanted.model or "", dialect)
    prompt = Prompt.parse(dialect.NAME, wanted.body.read_bytes())
    if wanted.model is not None:
        prompt.set("model", to=wanted.model, why="as it was typed")
        prompt.edits.clear()
    return prompt


def fields(header: tuple[str, ...]) -> Headers:
    """*header* as it is received.  Raises ConfigError for what is none."""
    pairs = [line.partition(":") for line in header]
    for line, (name, colon, _) in zip(header, pairs, strict=True):
        if not (colon and name.strip()):
            raise ConfigError([f"--header {line!r}: expected NAME: VALUE"])
    return [(name.strip().lower().encode("latin-1"), value.strip().encode("latin-1")) for name, _, value in pairs]
