"""Migrate: settings that were written for another gateway, as a pipeline.toml.

    python -m pipeline migrate [--legacy NAME] [--env-file .env] [-o pipeline.toml]

What is written says the same as serving directly; what came from a variable is named, not copied.  Nothing that is
there is overwritten.
"""

import os
from pathlib import Path as File
from typing import Any

import click

from pipeline.flags import Flags, merged, others, refuse, told
from pipeline.layers import NAME, Adopted, Layers, read
from pipeline.naming import load
from pipeline.problems import ConfigError, Path
from pipeline.reading import ADOPT, settle
from pipeline.written import written

NOTHING = (
    "there are no settings of another gateway that is known: none of the variables, flags and files that only one of "
    "them has.  --legacy NAME says whose settings are meant"
)


@click.command()
@click.option("-c", "--config", type=click.Path(path_type=File), help="The other gateway's TOML file.")
@click.option("--env-file", type=click.Path(path_type=File), help="Its .env file (.env in the working directory).")
@click.option("--legacy", metavar="NAME", help="Whose settings they are, where nothing in them tells.")
@click.option("--provider", metavar="NAME", help="Its flag of that name.")
@click.option("--cwd", metavar="DIR", help="Its flag of that name.")
@click.option("-o", "--output", type=click.Path(path_type=File), default=NAME, help=f"Where to ({NAME}); -: stdout.")
@click.pass_obj
def migrate(before: Flags, /, env_file: File | None, output: File, **flags: Any) -> None:
    """Write the pipeline.toml that another gateway's settings amount to."""
    flags = merged(before, flags)
    with told():
        text = migrated(flags["config"], env_file, others(flags))
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        refuse([f"{output} is there; -o says where else to"])
    except OSError as error:
        refuse([f"{output}: {error.strerror}"])
    click.echo(f"wrote {output}; python -m pipeline -c {output} check shows what it amounts to")


def migrated(config: File | None, env_file: File | None, flags: dict[str, str]) -> str:
    """The text of the pipeline.toml.  Raises ConfigError."""
    layers = read(config, dotenv=env_file, adopt=load(ADOPT), others=flags, ignored=config is None)
    adopted = layers.adopted
    if adopted is None or not adopted.tree:
        raise ConfigError([NOTHING if adopted is None else adopted.known])
    settle(Layers(tree=adopted.tree, places=adopted.places, environ=layers.environ, adopted=adopted))
    known = adopted.known.partition(";")[0]
    head = [f"{known[0].upper()}{known[1:]}.", *(f"Not taken: {each}." for each in adopted.left)]
    return "".join(f"# {line}\n" for line in head) + "\n" + written(adopted.tree, lambda path: source(adopted, path))


def source(adopted: Adopted, path: Path) -> str:
    """What the value at *path* was called there."""
    return adopted.places[path].name if path in adopted.places else ""
