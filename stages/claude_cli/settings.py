"""What can be configured of a CLI upstream: ``[upstreams.NAME.settings]``."""

import re
from pathlib import Path
from typing import Annotated

import attrs

from pipeline.bounds import Number, Wait
from pipeline.secret import Secret
from pipeline.structure import Check

# "Read", "Bash(git log *)", "mcp__db__query": a name, and what it may be used for.
_TOOL = re.compile(r"[A-Za-z][\w-]*(\([^(),]+\))?")


def _tools(value: tuple[str, ...]) -> None:
    for tool in value:
        if not _TOOL.fullmatch(tool):
            raise ValueError(f"{tool!r} is no tool: a name, or a name and what it may do, Bash(git log *)")


@attrs.frozen(kw_only=True)
class Settings:
    """How the CLI is run.  Without *directory* and *tools* it can use no tool, and touches nothing of yours."""

    command: tuple[str, ...] = ("claude",)  # the program, and arguments that come first
    environment: dict[str, str | Secret] = attrs.field(factory=dict)  # more variables for it; ours are not passed on
    directory: Path | None = None  # where it works; needed by tools
    tools: Annotated[tuple[str, ...], Check(_tools)] = ()  # what it may use there by itself, nothing else
    concurrency: Number = 4  # programs at once
    patience: Wait = 60.0  # seconds a request waits for its turn among them
    sessions: Wait = 86_400.0  # seconds a conversation is remembered; 0: not at all

    def complaints(self) -> list[str]:
        """What does not go together."""
        found = [] if self.command and self.command[0] else ["command: the program is missing"]
        if self.tools and self.directory is None:
            found.append("tools: they need a directory to work in; set it beside them")
        if self.directory is not None and not self.tools:
            found.append("directory: it is for tools, and there are none; list them in tools")
        return found
