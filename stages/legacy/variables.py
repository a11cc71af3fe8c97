"""Variables: the text of a name, and where it stands.

    environment  >  .env  >  a file that only the older system reads

An empty variable counts as none, as it did there.
"""

from collections.abc import Iterable, Mapping

import attrs

from pipeline.layers import Place


@attrs.frozen
class Variables:
    """Variables by source, the first one wins.  *folded*: upper and lower case are the same."""

    sources: tuple[tuple[str, Mapping[str, str]], ...]
    folded: bool = False

    def find(self, name: str) -> tuple[str, Place] | None:
        """Text and place of the variable *name*; None where it is not set, or empty."""
        for source, held in self.sources:
            for spelled in self._spelled(name, held):
                if held[spelled].strip():
                    return held[spelled].strip(), Place(source, spelled)
        return None

    def first(self, *names: str) -> tuple[str, Place] | None:
        """The first of *names* that is set."""
        return next((found for name in names if (found := self.find(name)) is not None), None)

    def _spelled(self, name: str, held: Mapping[str, str]) -> Iterable[str]:
        if name in held:
            return [name]
        return [other for other in held if other.upper() == name] if self.folded else []
