"""``python -m pipeline``, and the command ``pipeline``.

Nearly all that is imported stays.  To look for the little that does not, again and again while a hundred thousand
objects come into being, is a seventh of a start: so the collector rests meanwhile, and then leaves what is there alone.
"""

import gc

gc.disable()

from pipeline.cli import main as commands  # noqa: E402  # once the collector rests

gc.enable()


def main(name: str | None = None) -> None:
    """Run the command line; *name*: what the program is called in its own words."""
    gc.freeze()
    commands(prog_name=name)


if __name__ == "__main__":
    main("python -m pipeline")
