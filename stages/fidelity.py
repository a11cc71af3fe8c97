"""Fidelity: what the gateway changed, told with every reply, and refused for those who want nothing lost.

    every edit of every stage ──▶ the request's record (path, action, why)
                              ──▶ ``x-pipeline-changes: 3; lost=1`` on the reply
    strict                    ──▶ 400 before anything is sent, naming what would be lost

A caller is strict by ``x-pipeline-fidelity: strict`` on a request, by the option ``fidelity`` of its key, or by
``[forward] fidelity = "strict"``.
"""

from collections.abc import Sequence
from typing import Literal

from pipeline.errors import InvalidRequest, Unsupported
from pipeline.exchange import Exchange
from pipeline.prompt import Edit

Mode = Literal["report", "strict"]

ASKED = b"x-pipeline-fidelity"
TOLD = b"x-pipeline-changes"
NAMED = 5  # losses that a refusal names one by one


def mode(exchange: Exchange, default: Mode) -> str:
    """How strict this caller is.  Raises InvalidRequest for a word that is none."""
    option = exchange.caller.options.get("fidelity") if exchange.caller else None
    asked = exchange.request.header(ASKED) or option or default
    if asked not in ("report", "strict"):
        raise InvalidRequest(f"{ASKED.decode()}: report or strict is expected, not {asked!r}")
    return str(asked)


def demand(exchange: Exchange, default: Mode) -> None:
    """Refuse an attempt that would lose something of a strict caller's request."""
    lost = [edit for edit in exchange.prompt.edits if edit.lossy]
    if lost and mode(exchange, default) == "strict":
        named = "; ".join(f"{edit.path or 'request'}: {edit.why}" for edit in lost[:NAMED])
        more = f"; and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
        raise Unsupported(f"strict: this would lose {named}{more}", param=lost[0].path)


def told(edits: Sequence[Edit]) -> bytes:
    """The report in one field: how many changes, and how many of them lost something."""
    return b"%d; lost=%d" % (len(edits), sum(edit.lossy for edit in edits))
