"""Cache key: turns of one session to where their prefix is cached.

    session and agent that the client names (``work``)  ─▶  prompt_cache_key "5f1c…"  ─▶  OpenAI's servers

Some servers spread requests over many machines, each with a cache of its own, and send those with the same key to the
same one.  A conversation without a key finds its prefix by luck.  The key is a digest of caller, session and agent: the
same in every turn, and nobody's name.  One that the client set itself is left alone; a request without a session gets
none.  Servers that only imitate the protocol, and may refuse a field they do not know, get none either.
"""

from hashlib import sha256

from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from pipeline.upstream import Upstream
from stages.vendor import within
from stages.work import fields_of, work_of

FIELD = "prompt_cache_key"
DIALECTS = ("chat", "responses")
HOSTS = ("api.openai.com", "openai.azure.com")  # where the field is known; their own subdomains too


def cache_key(exchange: Exchange, upstream: Upstream) -> str:
    """The key for *exchange* at *upstream*; "" if there is none.  To be asked before the prompt is translated."""
    knows = upstream.dialect.NAME in DIALECTS and within(upstream.origin.host, HOSTS)
    if not knows or exchange.operation != "reply":
        return ""
    work = work_of(exchange, fields_of(exchange))
    if not work.session:
        return ""
    caller = exchange.caller.id if exchange.caller is not None else ""
    named = "\0".join((caller, work.session, work.agent))
    return sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def put_key(prompt: Prompt, key: str) -> None:
    """Put *key* into *prompt*, unless its client set one."""
    if prompt.get(FIELD) is None:
        prompt.set(FIELD, to=key, why="turns of one session find the same cache")
