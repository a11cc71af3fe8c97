"""Identity: by what an upstream could tell who asks, and with what program; and when it is kept from it.

    client_identity = "never"     it is not: what a client says of itself goes through (default: untouched is identical)
                      "always"    it is, whoever asks
                      "auto"      it is, but for Claude Code, whose requests mean something to its vendor as they stand

Nothing is put in its place but the gateway's own name and a pseudonym: the gateway never claims to be another program.
"""

import hmac

from pipeline.exchange import Exchange
from pipeline.upstream import Upstream
from transports.messages import Request

# What clients say of themselves, their users, their machine and the site they run on.
_NAMES = frozenset({b"user-agent", b"x-app", b"x-title", b"http-referer", b"referer", b"origin", b"from", b"originator",
                    b"accept-language", b"version", b"priority", b"x-client-request-id", b"x-request-id",
                    b"x-session-id", b"session-id", b"session_id", b"thread-id", b"conversation_id",
                    b"x-session-affinity", b"anthropic-user-profile-id", b"chatgpt-account-id", b"openai-organization",
                    b"openai-project"})  # fmt: skip
_BEGINNINGS = (
    b"x-stainless-",
    b"x-claude-",
    b"x-codex-",
    b"sec-",
    b"x-client-",
    b"x-vscode-",
    b"x-kilocode-",
    b"x-user-",
)

_CLAUDE_CODE = "claude-cli/"  # how its user-agent begins
_CLAUDE_SESSION = b"x-claude-code-session-id"


def conceals(exchange: Exchange, upstream: Upstream) -> bool:
    """Whether *upstream* is kept from learning who asks in *exchange*.  A program on this machine is not."""
    if upstream.program or upstream.client_identity == "never":
        return False
    return upstream.client_identity == "always" or not claude_code(exchange.request)


def claude_code(request: Request) -> bool:
    """Whether *request* says that it comes from Claude Code."""
    agent = request.header(b"user-agent") or ""
    return agent.startswith(_CLAUDE_CODE) or request.header(_CLAUDE_SESSION) is not None


def identifying(name: bytes) -> bool:
    """Whether a request field of this *name* tells who asks."""
    return name in _NAMES or name.startswith(_BEGINNINGS)


def pseudonym(exchange: Exchange, upstream: Upstream, of: str = "") -> str | None:
    """A stable name for the caller of *exchange* (or for something *of* it) that *upstream* can't turn back.

    Another upstream gets another one.  None where there is no store, and so no pepper to make it with.
    """
    if exchange.store is None:
        return None
    caller = exchange.caller.id if exchange.caller else ""
    told = "\0".join(("client identity", upstream.name, caller, of))
    return hmac.digest(exchange.store.keys.pepper, told.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]
