"""Claude's contract: what clients of the Messages API take for granted of the vendor's server, wherever they are sent.

                              the vendor's server      another that speaks it        another dialect
    attribution block         stays, first             stripped                      stripped
    thoughts of others        taken out                taken out                     (that dialect's affair)
    safeguards                relayed                  relayed, or judged here       judged here, or told: unsupported
    context_management        relayed                  relayed                       done here (``context``)
    unknown fields, betas     relayed                  relayed; if refused, without  (that dialect's affair)

The attribution block is the first of Claude Code's system prompt.  It means something to the vendor alone, and changes
with every release and kind of call: to any other server it is noise before everything that a cache could keep.

``keep`` puts a prompt in order for its upstream, per attempt, as a pure function of both.  Who answers safeguards is
configured (``safeguards``); a client that is told "unsupported" goes back to asking a model itself, and says so.
"""

from typing import Literal

from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from pipeline.upstream import Upstream
from stages.dialects.anthropic import mend
from stages.dialects.anthropic.blocks import ATTRIBUTION, NAME
from stages.dialects.anthropic.pairs import Pair, leave_out
from stages.lacking import betas, hide
from stages.notes import JUDGE, TOLD
from stages.vendor import genuine

Attribution = Literal["auto", "keep", "strip"]

GUARD = "dangerous_tool_use"
_BETA = "dangerous-tool-use-"
_ATTRIBUTION = ATTRIBUTION.encode()


def keep(exchange: Exchange, upstream: Upstream, attribution: Attribution) -> None:
    """Put the exchange's prompt, which is in the Messages API's dialect, in order for *upstream*."""
    prompt, own = exchange.prompt, genuine(upstream)
    if attribution == "strip" or (attribution == "auto" and not own):
        strip(prompt)
    if upstream.dialect.NAME == NAME:
        mend(prompt, signs=own)
    if not own and prompt.has("safeguards"):
        guard(exchange, relays=upstream.dialect.NAME == NAME)


def strip(prompt: Prompt) -> None:
    """Take out the attribution block, if there is one."""
    if _ATTRIBUTION not in prompt.text("system"):
        return
    why = "the attribution block means nothing to this server, and no cache survives it"
    if (text := prompt.string("system")) is not None:
        if text.startswith(ATTRIBUTION):
            prompt.drop("system", why=why)
    elif str(prompt.get("system", 0, "text")).startswith(ATTRIBUTION):
        prompt.drop("system", 0, why=why)
        if not prompt.keys("system"):
            prompt.drop("system", why="nothing is left in it")


def guard(exchange: Exchange, *, relays: bool) -> None:
    """See to it that safeguards are answered here, or told to be unsupported where nobody would see them."""
    prompt, judge = exchange.prompt, exchange.noted(JUDGE)
    pair = Pair(("safeguards",), frozenset(beta for beta in betas(exchange) if beta.startswith(_BETA)))
    if judge is not None:
        leave_out(prompt, pair, why=f"answered here, by {judge}", lossy=False)
        hide(exchange, pair)
    elif not relays:
        leave_out(prompt, pair, why="nobody judges calls of tools here: the client is told so, and does it itself")
        prompt.notes.note(TOLD, {"safeguard_results": [{"type": GUARD, "status": {"type": "unsupported"}}]})
