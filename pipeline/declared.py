"""Declared: what a stage says of itself, and whether its place in the line fits that.

    reads      what it looks at, where it is there
    changes    what it leaves for others, or edits
    needs      what must be there, and as it will stay, when the stage is called

Words are of two kinds.  ``prompt.model``, ``prompt.messages``, … are fields of the prompt: they are there from the
start.  Others are left by stages: ``caller`` (by auth), ``upstreams`` (by model_map), ``effort``, ``dialect``, or words
of your own.  Who declares nothing is believed to fit everywhere.  From this alone a line that can't work is found at
start: this file knows no stage, and built-in ones declare what they do as yours may.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import attrs

T = TypeVar("T", bound=Callable[..., Any])

PROMPT = "prompt."


@attrs.frozen
class Declared:
    """What a stage reads, changes and needs."""

    reads: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


def declares(*, reads: Iterable[str] = (), changes: Iterable[str] = (), needs: Iterable[str] = ()) -> Callable[[T], T]:
    """Declare what a stage that is a function reads, changes and needs; a class has attributes of these names."""

    def declare(stage: T) -> T:
        for name, words in (("reads", reads), ("changes", changes), ("needs", needs)):
            setattr(stage, name, frozenset(words))
        return stage

    return declare


def declared(stage: Any) -> Declared:
    """What *stage* declares.  Raises TypeError for what is no set of words."""
    said = {}
    for field in attrs.fields(Declared):
        words = getattr(stage, field.name, ())
        if isinstance(words, str) or not isinstance(words, Iterable) or not all(isinstance(w, str) for w in words):
            raise TypeError(f"{field.name} is to be a set of words")
        said[field.name] = frozenset(words)
    return Declared(**said)


def misplaced(line: Sequence[tuple[str, Any]], attempt: Sequence[tuple[str, Any]] = ()) -> Iterator[tuple[str, str]]:
    """Name of a stage and what is wrong with its place, for all that is.

    *line*, *attempt*: names and stages in the order up, once per exchange and once per attempt.  What the latter change
    of the prompt they change of a copy: it does not unsettle what stands before.
    """
    known: list[tuple[str, Declared, bool]] = []
    for copied, pairs in ((False, line), (True, attempt)):
        for name, stage in pairs:
            try:
                known.append((name, declared(stage), copied))
            except TypeError as error:
                yield name, str(error)
    for at, (name, said, copied) in enumerate(known):
        before = [(other, changed.changes) for other, changed, _ in known[:at]]
        behind = [
            (other, changed.changes if copied == theirs else unprompted(changed.changes))
            for other, changed, theirs in known[at + 1 :]
        ]
        yield from ((name, text) for text in unfit(name, said, before, behind))


Changes = Sequence[tuple[str, frozenset[str]]]  # what stages change, by name


def unprompted(words: frozenset[str]) -> frozenset[str]:
    """*words* but for fields of the prompt."""
    return frozenset(word for word in words if not word.startswith(PROMPT))


def unfit(name: str, said: Declared, before: Changes, behind: Changes) -> Iterator[str]:
    """What is wrong with a place between *before* and *behind* for the stage *name*, which *said* what it takes."""
    left = frozenset[str]().union(*(words for _, words in before))
    later = frozenset[str]().union(*(words for _, words in behind))
    for other, words in behind:
        if both := said.needs & words:
            yield f"{name} needs {spelled(both)}, which {other} changes: put {other} before {name}"
        if both := unprompted(said.reads - said.needs) & words - left:
            yield f"{name} reads {spelled(both)}, which {other} leaves: put {other} before {name}"
    if missing := unprompted(said.needs) - left - later:
        yield f"{name} needs {spelled(missing)}, and no stage in the line leaves it"


def spelled(words: Iterable[str]) -> str:
    """*words*, as a sentence has them."""
    return " and ".join(sorted(words))
