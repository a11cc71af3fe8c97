"""Parameters: what a rule of ``model_map`` drops of a prompt, or puts into it.

    drop = ["top_k"]   set = { "reasoning.effort" = "low", provider = { order = ["x"] } }

Places are the upstream's own, with dots between the keys on the way, and the prompt is changed when ``translate`` is
done with it: so it makes no difference in which dialect the client asked, and a field that no dialect knows gets there.
Each change stands in the report; where something that the client said is gone by it, as a loss.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from pipeline.document import Path
from pipeline.notes import Key
from pipeline.prompt import Prompt

AUTHOR = "model_map"
OURS = frozenset({"model", "stream", "messages", "input"})  # what a rule must not touch: it says so otherwise, or never


def path_of(place: str) -> Path:
    """``a.b`` as a path."""
    return tuple(place.split("."))


@attrs.frozen
class Parameters:
    """What the rule called *label* changes."""

    label: str
    drop: tuple[Path, ...] = ()
    put: tuple[tuple[Path, Any], ...] = ()

    @classmethod
    def of(cls, label: str, drop: Iterable[str], put: Mapping[str, Any]) -> "Parameters | None":
        """The parameters of a rule, if it has some."""
        made = cls(label, tuple(map(path_of, drop)), tuple((path_of(place), value) for place, value in put.items()))
        return made if made.drop or made.put else None

    def apply(self, prompt: Prompt) -> None:
        """Change *prompt*, which is as its upstream takes it."""
        author, prompt.author = prompt.author, AUTHOR
        for path in self.drop:
            prompt.drop(*path, why=f"{self.label} drops it", lossy=True)
        for path, value in self.put:
            ways = (path[:end] for end in range(1, len(path)))
            if way := next((way for way in ways if prompt.kind(*way) not in ("", "object")), ()):
                prompt.drop(*way, why=f"{self.label} puts a table there", lossy=True)
            if not prompt.has(*path) or prompt.get(*path) != value:
                prompt.set(*path, to=value, why=f"{self.label} sets it", lossy=prompt.get(*path) is not None)
        prompt.author = author


PARAMETERS: Key[Parameters] = Key("parameters")  # model_map, for translate


def complaints(drop: Iterable[str], put: Mapping[str, Any]) -> Iterator[str]:
    """What can't be dropped or set."""
    drop = tuple(drop)
    for place in (*drop, *put):
        if "" in path_of(place):
            yield f"{place!r} is no place in a prompt: keys with dots between them"
        elif path_of(place)[0] in OURS:
            yield f"{path_of(place)[0]!r} is not for drop and set"
    for place in put:
        if place in drop:
            yield f"{place!r} is both dropped and set"
