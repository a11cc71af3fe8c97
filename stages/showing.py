"""Showing: which of an upstream's credentials a request shows, and whether it is worth showing another.

    shown(exchange, upstream) ─▶ the conversation's own, while that may be used
        ··· 401, 429, no money ···
    again(exchange, upstream, error) ─▶ True: ask once more, it will be another, or the same one renewed

One conversation keeps to one credential: what an upstream caches of it belongs to that account (``affinity`` tells what
a conversation is).  Each further try is an attempt like any other.
"""

from pipeline.credentials.credential import Credential
from pipeline.errors import GatewayError
from pipeline.exchange import Exchange
from pipeline.upstream import Upstream
from stages.affinity import conversation
from stages.notes import ASKED, SHOWN

MOST = 5  # credentials that one request shows to one upstream


async def shown(exchange: Exchange, upstream: Upstream) -> Credential | None:
    """What *exchange* shows to *upstream* now; None: nothing.  Waits while a token is renewed.  Raises GatewayError."""
    if upstream.client_key:
        return None
    wallet, asked = upstream.wallet, exchange.noted(ASKED) or exchange.prompt
    tried = {each.mark for each in _before(exchange, upstream) if wallet.rotation.resting(each)}
    credential = await wallet.pick(lambda: conversation(exchange, asked), tried)
    if credential is not None:
        exchange.note(SHOWN, [*(exchange.noted(SHOWN) or ()), credential])
        if exchange.attempts:
            exchange.attempts[-1].credential = credential.name or credential.id
    return credential


async def again(exchange: Exchange, upstream: Upstream, error: GatewayError) -> bool:
    """Whether asking *upstream* once more may help after *error*; what it was about is noted, and rests."""
    before = _before(exchange, upstream)
    said = exchange.attempts[-1].error if exchange.attempts else None
    if not before or (said is not None and said is not error):
        return False  # nothing was shown; or it is not the last try that failed, but a limit of the caller's key
    may_help = await upstream.wallet.judge(before[-1], error, {each.mark for each in before})
    return may_help and len(before) < MOST


def _before(exchange: Exchange, upstream: Upstream) -> list[Credential]:
    """What *exchange* has shown to *upstream* so far."""
    return [each for each in exchange.noted(SHOWN) or () if each.upstream == upstream.name]
