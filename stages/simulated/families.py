"""Families: whose manners a name has.  A table per family, after the vendors' own pages (as of November 2026).

A Claude name gets that model's rules (which thinking it takes, whether a tool can be forced, from where on it caches);
an OpenAI name gets those of OpenAI's own server; every other name is *free*: it may do all that any of them may.  Any
name is answered.  The lists a client can ask for hold the newest names and ``simulated``.
"""

from functools import lru_cache

import attrs

ADAPTIVE, BUDGET, OFF, BETWEEN = "adaptive", "enabled", "disabled", "between_tools"
LEVELS = ("low", "medium", "high", "xhigh", "max")


@attrs.frozen(kw_only=True)
class Claude:
    """What a model of the Messages API takes and refuses."""

    thinking: tuple[str, ...] = (ADAPTIVE, OFF)
    shows: bool = False  # thinking comes with its text unless asked otherwise
    efforts: tuple[str, ...] = LEVELS
    forced: bool = True  # tool_choice any and tool are taken
    sampling: str = "default"  # temperature and its like: "free", "default" (values only), "none"
    prefill: bool = False  # the last message may be the assistant's
    systems: bool = False  # messages may have the role system
    bound: bool = False  # thinking is bound to everything before it
    quiet: bool = False  # is told not to think only with an effort that is high at most
    cacheable: int = 1024  # tokens from which a prefix is cached
    context: int = 1_000_000
    output: int = 128_000


_NEW = Claude(thinking=(ADAPTIVE,), forced=False, systems=True, bound=True, cacheable=512)
_OLD = Claude(
    thinking=(BUDGET, OFF), shows=True, efforts=(), sampling="free", prefill=True, context=200_000, output=64_000
)
_MID = Claude(thinking=(ADAPTIVE, BUDGET, OFF), shows=True, efforts=("low", "medium", "high", "max"), sampling="free")
FREE = Claude(
    thinking=(ADAPTIVE, BUDGET, OFF, BETWEEN), shows=True, sampling="free", prefill=True, systems=True, cacheable=512
)

_FAMILIES: tuple[tuple[tuple[str, ...], Claude], ...] = (  # the first whose beginning fits
    (("claude-fable-5-", "claude-mythos-5-"), _NEW),
    (("claude-opus-5-5",), attrs.evolve(_NEW, sampling="none")),
    (("claude-sonnet-5-5",), attrs.evolve(_NEW, thinking=(ADAPTIVE, BETWEEN), quiet=True)),
    (("claude-haiku-5-5",), attrs.evolve(_NEW, thinking=(ADAPTIVE, OFF), forced=True)),
    (("claude-fable-5", "claude-mythos-5"), attrs.evolve(_NEW, forced=True, bound=False)),
    (("claude-opus-5",), Claude(systems=True, quiet=True, cacheable=512)),
    (("claude-sonnet-5",), Claude()),
    (("claude-opus-4-8",), Claude(systems=True)),
    (("claude-opus-4-7",), Claude(cacheable=2048)),
    (("claude-opus-4-6",), attrs.evolve(_MID, cacheable=4096)),
    (("claude-sonnet-4-6",), _MID),
    (("claude-opus-4-5",), attrs.evolve(_OLD, efforts=("low", "medium", "high"), cacheable=4096)),
    (("claude-sonnet-4-5",), _OLD),
    (("claude-haiku-4-5",), attrs.evolve(_OLD, cacheable=4096)),
)


@lru_cache(maxsize=256)
def claude(name: str) -> Claude:
    """The manners of *name* in the Messages API."""
    return next((model for starts, model in _FAMILIES if name.startswith(starts)), FREE)


@attrs.frozen(kw_only=True)
class Chat:
    """What a model of OpenAI's takes and refuses, in Chat Completions and in Responses."""

    official: bool = False  # OpenAI's own server: unknown fields and values are refused
    reasons: bool = False  # reasoning models take no max_tokens, stop or sampling
    tools_while_reasoning: bool = True  # in Chat; from gpt-5.4 on only the Responses API has both
    phases: bool = False  # Responses: messages are told apart as commentary and final answer
    efforts: tuple[str, ...] = ()  # how much it can be told to reason; none: not at all
    writes: bool = False  # tokens put into the cache are counted (and paid for)
    replays: bool = False  # reasons unless told not to, and wants its reasoning back with the calls it led to
    context: int = 922_000
    output: int = 128_000


_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def _old_efforts(name: str) -> tuple[str, ...]:
    """Those of the first reasoning models, of which each line was told another set."""
    if name.startswith("o"):
        return _EFFORTS[2:5]
    if name.startswith("gpt-5.1") and "codex-max" not in name:
        return ("none", *_EFFORTS[2:5])
    return ("none", *_EFFORTS[2:6]) if name.startswith("gpt-5.") else _EFFORTS[1:5]


@lru_cache(maxsize=256)
def chat(name: str) -> Chat:
    """The manners of *name* with OpenAI's server and those that are compatible."""
    if name.startswith(("gpt-6", "gpt-5.4", "gpt-5.5", "gpt-5.6", "gpt-5.7", "gpt-5.8", "gpt-5.9")):
        writes = not name.startswith(("gpt-5.4", "gpt-5.5"))
        efforts = ("none", *(_EFFORTS[2:] if writes else _EFFORTS[2:-1]))
        if name.startswith(("gpt-6-astra", "gpt-6.1-sol")):
            efforts = _EFFORTS[2:-1]
        return Chat(
            official=True, reasons=True, tools_while_reasoning=False, phases=True, efforts=efforts, writes=writes
        )
    if name.startswith(("gpt-5", "o1", "o3", "o4")):
        return Chat(official=True, reasons=True, efforts=_old_efforts(name), context=272_000)
    if name.startswith(("gpt-", "chatgpt-")):
        return Chat(official=True, context=128_000, output=32_000)
    return Chat(replays=name.startswith("deepseek-"), context=1_000_000, output=393_000)


CLAUDE_NAMES = (
    "claude-fable-5-2",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-opus-4-5",
    "claude-simulated",
)
CHAT_NAMES = ("gpt-6-sol", "gpt-6-luna", "gpt-4.1", "deepseek-v4-pro", "simulated")
