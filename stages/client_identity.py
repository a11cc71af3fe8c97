"""Client identity: keeps from an upstream who asks, where its configuration says so.

    metadata.user_id, user, safety_identifier   ─▶ user_3f9c…  a pseudonym: stable for a caller, other at each upstream
    prompt_cache_key                            ─▶ another text for the same: what is cached stays cached
    user-agent, x-stainless-*, session ids …    ─▶ not sent (``fields``); the gateway says its own name
    Claude Code's attribution block and beta    ─▶ taken out
    [upstreams.X] preface                       ─▶ the operator's words, before the system prompt

    [upstreams.work]
    client_identity = "always"      # never: nothing of this; auto: all of it, but Claude Code's requests are left alone
    preface = "You work for Example Ltd."

Whatever it does is recorded.  It is a pure function of caller and upstream, the same in every turn of a conversation:
prompt caches hold.  Runs once per attempt, after ``translate``; looks at no reply.  What identifies a client in
the *words* of a prompt stays: they are the caller's.
"""

from typing import ClassVar

from pipeline.document import Path
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from pipeline.upstream import Upstream
from stages.contract import strip
from stages.identity import conceals, identifying, pseudonym
from stages.lacking import betas
from stages.notes import WITHOUT

# Where prompts name their user (Messages API: metadata; Chat and Responses: user, safety_identifier).
_USERS: tuple[Path, ...] = (("metadata", "user_id"), ("user",), ("safety_identifier",))
_CACHE: Path = ("prompt_cache_key",)
_PROGRAM: tuple[Path, ...] = (("client_metadata",),)  # Codex: its machine, its session
_BETA = "claude-code-"

_WHY = "this upstream is not told who asks"


class ClientIdentity:
    """Keep from the upstream who asks, where its configuration says so."""

    operations: ClassVar[frozenset[str]] = frozenset({"reply", "count_tokens"})
    reads: ClassVar[frozenset[str]] = frozenset({"caller", "dialect"})
    changes: ClassVar[frozenset[str]] = frozenset(
        f"prompt.{path[0]}" for path in (*_USERS, _CACHE, *_PROGRAM, ("system",), ("instructions",), ("messages",))
    )

    def __call__(self, exchange: Exchange) -> None:
        """Edit the exchange's prompt, and record which fields are not sent."""
        upstream = exchange.upstream
        assert upstream is not None  # noqa: S101  # forward sets it before it enters the stages of an attempt
        if not conceals(exchange, upstream):
            return
        rename(exchange, upstream)
        if exchange.prompt.dialect == "anthropic":
            strip(exchange.prompt)
        unnamed(exchange)
        if upstream.preface:
            introduce(exchange.prompt, upstream.preface)


stage = ClientIdentity()


def rename(exchange: Exchange, upstream: Upstream) -> None:
    """Put pseudonyms where the prompt names its user; where there can be none, nothing."""
    prompt = exchange.prompt
    name = pseudonym(exchange, upstream)
    for path in _USERS:
        if prompt.has(*path):
            put(prompt, path, None if name is None else f"user_{name}")
    if prompt.has(*_CACHE):
        put(prompt, _CACHE, pseudonym(exchange, upstream, str(prompt.get(*_CACHE))))
    for path in _PROGRAM:
        prompt.drop(*path, why=_WHY)


def put(prompt: Prompt, path: Path, name: str | None) -> None:
    """Put *name* at *path*; None: take away what is there."""
    if name is None:
        prompt.drop(*path, why=_WHY)
    else:
        prompt.set(*path, to=name, why=f"{_WHY}: a pseudonym stands for it")


def unnamed(exchange: Exchange) -> None:
    """Record which of the client's fields are not sent, and hide the beta that names the client."""
    for name in dict.fromkeys(name for name, _ in exchange.request.headers):
        if identifying(name):
            exchange.prompt.record("dropped", ("headers", name.decode("latin-1")), _WHY)
    named = frozenset(beta for beta in betas(exchange) if beta.startswith(_BETA))
    if named:
        exchange.note(WITHOUT, (exchange.noted(WITHOUT) or frozenset()) | named)
        exchange.prompt.record("dropped", ("headers", "anthropic-beta"), f"{_WHY}: {', '.join(sorted(named))}")


# -- the operator's words ---------------------------------------------------------------------------------------------


def introduce(prompt: Prompt, preface: str) -> None:
    """Put *preface* before the system prompt, wherever the prompt's dialect has that."""
    why = "the operator's preface"
    path = system(prompt)
    if path is None:
        first = {"role": "system", "content": preface}
        prompt.set("messages", to=[first, *prompt.get("messages", default=[])], why=why)
    elif prompt.kind(*path) == "array":
        prompt.set(*path, to=[{"type": "text", "text": preface}, *prompt.get(*path)], why=why)
    else:
        said = prompt.get(*path)
        prompt.set(*path, to=f"{preface}\n\n{said}" if isinstance(said, str) and said else preface, why=why)


def system(prompt: Prompt) -> Path | None:
    """Where *prompt* has its instructions; None: in a message that has to be added."""
    if prompt.dialect == "anthropic":
        return ("system",)
    if prompt.dialect == "responses":
        return ("instructions",)
    instructs = prompt.get("messages", 0, "role") in ("system", "developer")
    return ("messages", 0, "content") if instructs else None
