"""Loaded: how things stand between the configuration as it is written and the one in force.

read ──right──▶ in force, since then · what of it waits for a restart
  └────wrong──▶ the one of before stays in force; why, until one is right again
"""

import time

import attrs


def _now() -> int:
    return round(time.time() * 1000)


@attrs.frozen
class Outcome:
    """What came of reading the configuration anew."""

    problems: list[str] = attrs.field(factory=list)  # why it is not in force
    waiting: list[str] = attrs.field(factory=list)  # settings of it that count after a restart only

    @property
    def text(self) -> str:
        """In a line, for whoever asked for it."""
        if self.problems:
            return f"the configuration is refused, the one of before stays in force: {'; '.join(self.problems)}"
        later = f"; {', '.join(self.waiting)} after a restart" if self.waiting else ""
        return f"the configuration is in force{later}"


@attrs.define(eq=False)
class Loaded:
    """What is known of the last time that the configuration was read."""

    at: int = attrs.field(factory=_now)  # ms: since when the one in force is
    problems: list[str] = attrs.field(factory=list)  # why the one that was read last is not in force
    waiting: list[str] = attrs.field(factory=list)  # settings of it that count after a restart only

    def taken(self, waiting: list[str]) -> None:
        """It was read, and is in force but for what is *waiting*."""
        self.at, self.problems, self.waiting = _now(), [], waiting

    def refused(self, problems: list[str]) -> None:
        """It was read, and can't be used."""
        self.problems = problems
