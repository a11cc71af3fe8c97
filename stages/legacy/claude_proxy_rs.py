"""claude-proxy-rs (okhsunrog): keys with limits before one account at Anthropic, and a page for them.

Its keys, books and sign-in stand in a database of its own shape, and stay there.
"""

from pathlib import Path

from stages.legacy.draft import Draft
from stages.legacy.system import System

UPSTREAM = ("upstreams", "anthropic")
KEY = "ANTHROPIC_API_KEY"

LEFT = {
    "CLAUDE_PROXY_DISABLE_AUTH": "nobody looks after the gateway without an account; what scripts need, Basic does",
    "CLAUDE_PROXY_DATABASE_URL": "its tables are not ours: give [store] url a database of its own, and make keys anew "
    "(python -m pipeline keys create)",
}


def write(draft: Draft) -> None:
    """Write what it was configured to do."""
    draft.text("CLAUDE_PROXY_HOST", ("server", "host"))
    draft.number("CLAUDE_PROXY_PORT", ("server", "port"), 4096)
    cors(draft)
    draft.level("claude_proxy")
    draft.text("CLAUDE_PROXY_ADMIN_USERNAME", ("admin", "user"))
    draft.secret(("admin", "password"), "CLAUDE_PROXY_ADMIN_PASSWORD")
    draft.put(("auth", "required"), True)
    draft.put((*UPSTREAM, "preset"), "anthropic")
    if not draft.secret((*UPSTREAM, "key"), KEY):
        draft.put((*UPSTREAM, "keys"), [])
        text = f"does not come over: put a key of the API on the admin page, or set {KEY}; a subscription serves by"
        draft.leave("its sign-in", f"{text} --upstream claude_cli")
    why = "keeps from the upstream who asks; what it sent in another program's name is sent no more"
    draft.text("CLAUDE_PROXY_CLOAK_MODE", (*UPSTREAM, "client_identity"), why=why)
    capture(draft)
    draft.leave_variables(LEFT)


def cors(draft: Draft) -> None:
    """Pages that may ask: one word, or origins between commas."""
    found = draft.variables.find("CLAUDE_PROXY_CORS_ORIGINS")
    if found is None:
        draft.put(("server", "cors"), "localhost")
        return
    text, place = found
    origins = [origin.strip().rstrip("/") for origin in text.split(",") if origin.strip()]
    draft.put(("server", "cors"), text if text in ("localhost", "*") else origins, place)


def capture(draft: Draft) -> None:
    """Whole exchanges in files, below the folder it named."""
    if (found := draft.variables.find("CLAUDE_PROXY_CAPTURE_DIR")) is not None:
        draft.put(("capture", "enabled"), True, found[1])
        draft.put(("capture", "folder"), str(Path(found[0]).absolute()), found[1])


SYSTEM = System(
    name="claude-proxy-rs",
    about="okhsunrog/claude-proxy-rs",
    marks=(
        "CLAUDE_PROXY_ADMIN_USERNAME",
        "CLAUDE_PROXY_ADMIN_PASSWORD",
        "CLAUDE_PROXY_CORS_ORIGINS",
        "CLAUDE_PROXY_CLOAK_MODE",
        "CLAUDE_PROXY_DISABLE_AUTH",
        "CLAUDE_PROXY_DATABASE_URL",
        "CLAUDE_PROXY_CAPTURE_DIR",
    ),
    write=write,
)
