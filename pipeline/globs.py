"""Globs: names with ``*``, ``?`` and ``[…]`` in them, each of which stands for many (glob(7)).

What fits one is asked of ``fnmatch``, where upper and lower case differ.
"""

from collections.abc import Iterable, Iterator

_WILD = frozenset("*?[")


def wild(glob: str) -> bool:
    """Whether *glob* stands for more than one name."""
    return not _WILD.isdisjoint(glob)


def in_full(globs: Iterable[str]) -> Iterator[str]:
    """Those of *globs* that are one name."""
    return (glob for glob in globs if not wild(glob))
