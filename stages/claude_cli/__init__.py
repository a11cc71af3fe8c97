"""The Claude Code CLI as an upstream: the vendor's own program, run for each prompt, under its own login.

    opener       what all programs of an upstream share        link       one exchange, one program
    invocation   its arguments and environment                 sessions   which conversation it remembers
    settings     what can be configured

What is said to it and what it says is in ``stages.dialects.claude_cli``.
"""

from stages.claude_cli.opener import Opener
from stages.claude_cli.settings import Settings

__all__ = ["Opener", "Settings"]
