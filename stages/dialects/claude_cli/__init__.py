"""The Claude Code CLI: the vendor's own program, spoken to in lines of JSON on its standard input and output.

    prompt   from the hub: what the CLI can be told       turns    a conversation, as it takes it
    talk     what is said to it, and when                 decode   what it says, read
    lines    bytes to lines      usage   counts of tokens      errors   what went wrong      models   names

Nobody speaks this dialect to the gateway, so there are no routes, and nothing that would answer them.  ``OPENER`` names
what starts the program; here nothing is started.
"""

from pipeline.dialect import Route
from pipeline.errors import GatewayError, UpstreamFailed
from pipeline.events import Kinds
from pipeline.prompt import Prompt
from stages.dialects.claude_cli.decode import StreamDecoder, WholeDecoder
from stages.dialects.claude_cli.models import NAME, decode_models
from stages.dialects.claude_cli.prompt import fit, from_messages
from transports.messages import Headers

__all__ = [
    "NAME",
    "ROUTES",
    "MARK",
    "OPENER",
    "from_messages",
    "fit",
    "ask_usage",
    "stream_decoder",
    "whole_decoder",
    "decode_error",
    "upstream_path",
    "credentials",
    "defaults",
    "foreign",
    "decode_models",
]

ROUTES: tuple[Route, ...] = ()
MARK: str | None = None
OPENER = "stages.claude_cli:Opener"


def ask_usage(prompt: Prompt) -> bool:
    """The CLI always tells its usage: nothing to ask, nothing to hide."""
    return False


def stream_decoder(kinds: Kinds | None, *, hide_usage: bool = False) -> StreamDecoder:
    """A decoder of a turn."""
    return StreamDecoder()


def whole_decoder() -> WholeDecoder:
    """A decoder of a turn that is wanted whole."""
    return WholeDecoder()


def decode_error(status: int, headers: Headers, body: bytes) -> GatewayError:
    """A program has no statuses: what goes wrong is told in its lines, or by whoever started it."""
    return UpstreamFailed(f"the CLI can't be asked that ({status})")


def upstream_path(operation: str, prompt: Prompt) -> str:
    """What is wanted: a name, where servers have a path."""
    return f"/{operation}"


def credentials(key: str) -> Headers:
    """An API key, which takes the place of the CLI's own login."""
    return [(b"x-api-key", key.encode("latin-1", "replace"))]


def defaults() -> Headers:
    """None: there are no fields."""
    return []


def foreign(name: bytes) -> bool:
    """Whether a request field belongs to this dialect: none does."""
    return False
