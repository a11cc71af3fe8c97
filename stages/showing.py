"""Showing: which of an upstream's credentials a request shows, and whether it is worth showing another.

    shown(exchange, upstream) ─▶ the conversation's own, while that may be used
        ··· 401, 429, no money ···
    again(exchange, upstream, error) ─▶ True: ask once more, it will be another, or the same one renewed

One conversation keeps to one credential: what an upstream caches of it belongs to that account.  A conversation is what
its client calls one; where it does not, its first two messages are.  Each further try is an attempt like any other.
"""

from hashlib import blake2b

import msgspec

from pipeline.credentials.credential import Credential
from pipeline.errors import GatewayError
from pipeline.exchange import Exchange
from pipeline.upstream import Upstream
from stages.fields import AGENT_ID, SESSION
from stages.notes import SHOWN

MOST = 5  # credentials that one request shows to one upstream


async def shown(exchange: Exchange, upstream: Upstream) -> Credential | None:
    """What *exchange* shows to *upstream* now; None: nothing.  Waits while a token is renewed.  Raises GatewayError."""
    if upstream.client_key:
        return None
    before = _before(exchange, upstream)
    credential = await upstream.wallet.pick(lambda: conversation(exchange), {each.mark for each in before})
    if credential is not None:
        exchange.note(SHOWN, [*(exchange.noted(SHOWN) or ()), credential])
        if exchange.attempts:
            exchange.attempts[-1].credential = credential.id
    return credential


async def again(exchange: Exchange, upstream: Upstream, error: GatewayError) -> bool:
    """Whether asking *upstream* once more may help after *error*; what it was about is noted, and rests."""
    before = _before(exchange, upstream)
    if not before:
        return False
    may_help = await upstream.wallet.judge(before[-1], error, {each.mark for each in before})
    return may_help and len(before) < MOST


def conversation(exchange: Exchange) -> bytes:
    """What stands for the conversation that *exchange* belongs to."""
    caller = exchange.caller.id if exchange.caller else ""
    named = [exchange.request.header(name) or "" for name in (*SESSION, AGENT_ID)]
    if not any(named):
        turns = "input" if exchange.prompt.kind("input") == "array" else "messages"
        named = [msgspec.json.encode(exchange.prompt.get(turns, number)).decode() for number in (0, 1)]
    return blake2b("\n".join([caller, *named]).encode("utf-8", "replace"), digest_size=16).digest()


def _before(exchange: Exchange, upstream: Upstream) -> list[Credential]:
    """What *exchange* has shown to *upstream* so far."""
    return [each for each in exchange.noted(SHOWN) or () if each.upstream == upstream.name]
