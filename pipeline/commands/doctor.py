"""Doctor: examine upstreams from a terminal, a step at a time.

    python -m pipeline doctor [UPSTREAM] [--model NAME]

Goes where the configuration says, with the credentials that requests would show; costs a few tokens.  Exit code 1 where
a step failed.
"""

import sys
from typing import Any

import attrs
import click
import trio

from pipeline.config import Config
from pipeline.flags import Flags, configuration, merged, options, told
from pipeline.loading import build
from pipeline.naming import load
from pipeline.opening import opened
from pipeline.problems import ConfigError, unknown
from pipeline.serving import store_of
from pipeline.upstream import Upstream


@click.command()
@click.argument("name", metavar="[UPSTREAM]", required=False)
@click.option("--model", help="The model to ask; default: one that the upstream has.")
@options
@click.pass_obj
def doctor(before: Flags, /, name: str | None, model: str | None, **flags: Any) -> None:
    """Examine the upstream of this name, or all: can it be reached, does the key hold, does a model answer?"""
    with told():
        well = trio.run(examined, configuration(merged(before, flags)), name, model)
    sys.exit(0 if well else 1)


async def examined(config: Config, name: str | None, model: str | None) -> bool:
    """Examine what *name* names, or all, and say what comes out; whether all is well.  Raises ConfigError."""
    if name is not None and name not in config.upstreams:
        raise ConfigError([unknown(name, config.upstreams, "upstream")])
    built, well = build(config), True
    meant = attrs.evolve(built, plans=tuple(plan for plan in built.plans if name in (None, plan.name)))
    async with store_of(config) as store, opened(meant, store) as upstreams:
        for upstream in upstreams:
            well = await one(upstream, model) and well
    return well


async def one(upstream: Upstream, model: str | None) -> bool:
    """Examine *upstream*, and say what comes out."""
    click.echo(f"{upstream.name} ({upstream.dialect.NAME}, {upstream.origin}{upstream.base})")
    steps = await load("stages.doctor:examine")(upstream, model, programs=True)
    for step in steps:
        click.echo(f"  {'ok  ' if step.ok else 'FAIL'}  {step.name:8} {step.seconds:6.2f} s  {step.text}")
    return all(step.ok for step in steps)
