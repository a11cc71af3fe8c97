"""claude-max-api-proxy-rs (thhuang): a door to the Claude Code CLI on this machine.

It let every page of every site run commands in the directory it was given; here the CLI has no tool until some are
listed, and nobody asks it without the owner's key.
"""

from stages.legacy.draft import Draft
from stages.legacy.system import System

CWD = "the CLI works in a directory only with tools that are named: [upstreams.claude_cli.settings] directory and tools"


def write(draft: Draft) -> None:
    """Write what it was configured to do."""
    draft.put(("server", "port"), 8080)
    draft.put(("upstreams", "claude_cli", "preset"), "claude_cli")
    draft.level("claude_max_api")
    if "--cwd" in draft.flags:
        draft.leave("--cwd", CWD)
    draft.leave("its permissions", "it bypassed them all; here they are never bypassed")
    draft.leave("its CORS", "every page of every site could ask; here none can, unless [server] cors names it")


SYSTEM = System(
    name="claude-max-api-proxy-rs",
    about="thhuang/claude-max-api-proxy-rs",
    flags=("--cwd",),
    crate="claude_max_api",
    write=write,
)
