"""Lacking: what an upstream was found not to know, and goes without for a while.

    400 "context_management: Extra inputs …" ──▶ learned ──▶ the same upstream again, without the pair
                                                    └──────▶ left out of every request to it, for an hour

Clients' releases bring new fields and betas; the vendor's server knows them before the clients do, a server that
imitates it long after.  Instead of every session failing, or trying out what to leave, the gateway reads the refusal,
leaves out the field together with its beta, asks once more, and remembers.  Each omission is recorded as a loss, so
that a strict caller is told instead.  The vendor's own refusals are passed on: clients know how to mend what they mean.
"""

from collections import OrderedDict

import attrs
import structlog
import trio

from pipeline.errors import GatewayError, UpstreamRefused
from pipeline.exchange import Exchange
from pipeline.upstream import Upstream
from stages.dialects.anthropic.blocks import NAME
from stages.dialects.anthropic.pairs import Pair, betas_of, blamed, leave_out
from stages.notes import WITHOUT
from stages.vendor import genuine

MOST = 32  # pairs remembered of one upstream; the oldest goes
HOLDS = 3600.0  # seconds: an upstream may be brought up to date
TRIES = 4  # further tries of one attempt: each brings something to light, or is the last

log = structlog.get_logger("pipeline")


@attrs.define(eq=False)
class Lacking:
    """What each upstream lacks, and until when that is believed."""

    _known: dict[str, OrderedDict[Pair, float]] = attrs.field(factory=dict)

    def leave_out(self, exchange: Exchange) -> None:
        """Take out of the exchange's prompt and betas what its upstream is known to lack."""
        upstream = exchange.upstream
        assert upstream is not None  # noqa: S101  # set with each attempt
        exchange.prompt.author = "forward"
        for pair, until in self._known.get(upstream.name, {}).items():
            if trio.current_time() < until:
                leave_out(exchange.prompt, pair, why=f"{upstream.name} has refused it as unknown")
                hide(exchange, pair)

    def learned(self, exchange: Exchange, error: GatewayError) -> bool:
        """Whether *error* tells of something more that the exchange's upstream lacks: then asking again may help."""
        upstream, refused = exchange.upstream, error
        if upstream is None or not isinstance(refused, UpstreamRefused) or refused.code not in {400, 422}:
            return False
        if not imitates(upstream) or tries(exchange, upstream) > TRIES:
            return False
        pair = blamed(refused.message, exchange.prompt, betas(exchange) - hidden(exchange))
        if pair is None:
            return False
        log.info("an upstream lacks something", upstream=upstream.name, what=str(pair))
        known = self._known.setdefault(upstream.name, OrderedDict())
        known[pair] = trio.current_time() + HOLDS
        known.move_to_end(pair)
        while len(known) > MOST:
            known.popitem(last=False)
        return True


def imitates(upstream: Upstream) -> bool:
    """Whether *upstream* speaks the protocol that has betas, without being its vendor's."""
    return upstream.dialect.NAME == NAME and not genuine(upstream)


def hide(exchange: Exchange, pair: Pair) -> None:
    """Keep the betas of *pair* from the upstream of this attempt."""
    exchange.note(WITHOUT, hidden(exchange) | pair.betas)


def hidden(exchange: Exchange) -> frozenset[str]:
    """The betas that the upstream of this attempt must not see."""
    noted = exchange.noted(WITHOUT)
    return noted or frozenset()


def betas(exchange: Exchange) -> frozenset[str]:
    """The betas that the client sent."""
    return betas_of([value.decode("latin-1") for name, value in exchange.request.headers if name == b"anthropic-beta"])


def tries(exchange: Exchange, upstream: Upstream) -> int:
    """How often this exchange has asked *upstream* so far."""
    return sum(attempt.upstream == upstream.name for attempt in exchange.attempts)
