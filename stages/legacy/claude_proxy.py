"""claude-proxy (simpx, the package of that name): Claude's clients before OpenAI, or what speaks like it.

Without a key of its own it sent each client's on.  It listened on every address, with a key or without.
"""

from stages.legacy.draft import CORS, Draft, leveled
from stages.legacy.system import System

URL = "https://api.openai.com/v1"
LOOPBACK = "127.0.0.1"
BIG = ("reasoning_model", "completion_model")  # of whatever is no haiku, with thinking or without
TIMES = ("connect", "first_byte", "idle")


def write(draft: Draft) -> None:
    """Write what it was configured to do."""
    url, place = draft.variables.find("OPENAI_BASE_URL") or (URL, None)
    upstream = draft.upstream(url, place)
    draft.text("CLAUDE_PROXY_SMALL_MODEL", ("model_map", "small"), "gpt-4o-mini")
    for names in BIG:
        draft.text("CLAUDE_PROXY_BIG_MODEL", ("model_map", names), "gpt-4o")
    keyed = draft.secret((*upstream, "key"), "OPENAI_API_KEY")
    if not keyed:
        draft.put((*upstream, "client_key"), True)
    for time in TIMES:
        draft.number("CLAUDE_PROXY_REQUEST_TIMEOUT", (*upstream, time))
    host(draft, keyed=keyed, locked=keyed and auth(draft))
    draft.number("CLAUDE_PROXY_PORT", ("server", "port"), 8085)
    if (found := draft.variables.find("CLAUDE_PROXY_LOG_LEVEL")) is not None:
        draft.put(("log", "level"), leveled(found[0]) or found[0], found[1])
    left = {"CLAUDE_PROXY_MAX_TOKENS_LIMIT": "was never applied there; stages.examples.cap_tokens does that"}
    if not keyed:
        left["CLAUDE_PROXY_AUTH_KEY"] = "goes with a key of its own, OPENAI_API_KEY; without one callers bring theirs"
    draft.leave_variables(left)
    draft.leave("its CORS", CORS)


def auth(draft: Draft) -> bool:
    """Put the one key that callers show; whether there is one."""
    if (found := draft.variables.find("CLAUDE_PROXY_AUTH_KEY")) is None:
        return False
    draft.put(("auth", "keys"), [{"name": "claude-proxy", "key": {"env": found[1].name}}], found[1])
    return True


def host(draft: Draft, *, keyed: bool, locked: bool) -> None:
    """Put the address: every one, as there, unless a key of ours would be everybody's then."""
    text, place = draft.variables.find("CLAUDE_PROXY_HOST") or ("0.0.0.0", None)  # noqa: S104  # what it did
    if locked or not keyed:
        draft.put(("server", "host"), text, place)
    elif text not in (LOOPBACK, "localhost", "::1"):
        why = f"was {text}: set CLAUDE_PROXY_AUTH_KEY, or everybody who reaches it uses OPENAI_API_KEY"
        draft.put(("server", "host"), LOOPBACK, place, why)
    else:
        draft.put(("server", "host"), text, place)


SYSTEM = System(
    name="claude-proxy",
    about="simpx/claude-proxy, the Python package",
    marks=(
        "CLAUDE_PROXY_BIG_MODEL",
        "CLAUDE_PROXY_SMALL_MODEL",
        "CLAUDE_PROXY_LOG_LEVEL",
        "CLAUDE_PROXY_REQUEST_TIMEOUT",
        "CLAUDE_PROXY_AUTH_KEY",
        "CLAUDE_PROXY_MAX_TOKENS_LIMIT",
    ),
    folded=True,
    write=write,
)
