"""anthropic-proxy-rs (m0n0x41d): Claude's clients before one upstream that speaks Chat Completions.

It listened on every address and let everyone in; here it is this machine's alone until there are keys.
"""

from stages.legacy.draft import CORS, OPEN, Draft
from stages.legacy.system import System

URLS = ("UPSTREAM_BASE_URL", "ANTHROPIC_PROXY_BASE_URL")


def write(draft: Draft) -> None:
    """Write what it was configured to do."""
    found = draft.variables.first(*URLS)
    url, place = found or ("", None)
    upstream = draft.upstream(url, place)
    draft.secret((*upstream, "key"), "UPSTREAM_API_KEY", "OPENROUTER_API_KEY")
    draft.number("PORT", ("server", "port"), 3000)
    draft.text("REASONING_MODEL", ("model_map", "reasoning_model"))
    draft.text("COMPLETION_MODEL", ("model_map", "completion_model"))
    log(draft)
    draft.leave("its address", OPEN)
    draft.leave("its CORS", CORS)


def log(draft: Draft) -> None:
    """RUST_LOG wins over DEBUG and VERBOSE, as far as levels go; VERBOSE shows what was said, too."""
    directed = draft.level("anthropic_proxy")
    for name in ("DEBUG", "VERBOSE"):
        found = draft.variables.find(name)
        if found is None or found[0].lower() not in ("1", "true"):
            continue
        if name == "VERBOSE":
            draft.put(("log", "bodies"), True, found[1])
        if not directed:
            draft.put(("log", "level"), "debug", found[1])


SYSTEM = System(name="anthropic-proxy-rs", about="m0n0x41d/anthropic-proxy-rs", marks=URLS, write=write)
