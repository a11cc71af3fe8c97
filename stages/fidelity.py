"""Fidelity: what the gateway changed, told with every reply, and refused for those who want less of it.

    every edit of every stage ──▶ the request's record (path, action, why)
                              ──▶ ``x-pipeline-changes: 3; lost=1; repaired=1`` on the reply

                 what this upstream can't be told        a conversation with a hole in it
    report       left out, or told as nearly as can be   repaired: always in the same way, so that caches hold
    lossless     refused                                 repaired
    strict       refused                                 refused

Refused is a 400 before anything is sent; it names what would be lost or repaired.  A conversation has a hole where a
call has no result, or a result no call: after a turn that was interrupted, mostly.  A repair loses nothing: the call
gets a result that says so, the result is told as text.

Who wants which: the field ``x-pipeline-fidelity`` of a request, the options of its key ({"forward": {"fidelity":
"strict"}}), ``[forward] fidelity = "strict"``; the first that says it holds.
"""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from pipeline.errors import InvalidRequest, Unsupported
from pipeline.exchange import Exchange
from pipeline.prompt import Edit

Mode = Literal["report", "lossless", "strict"]

ASKED = b"x-pipeline-fidelity"
TOLD = b"x-pipeline-changes"
NAMED = 5  # losses that a refusal names one by one


def mode(exchange: Exchange, default: Mode) -> Mode:
    """How strict this caller is.  Raises InvalidRequest for a word that is none."""
    asked = exchange.request.header(ASKED) or default
    for word in MODES:
        if asked == word:
            return word
    raise InvalidRequest(f"{ASKED.decode()}: report, lossless or strict is expected, not {asked!r}")


def demand(exchange: Exchange, default: Mode) -> None:
    """Refuse an attempt that would do to the caller's request what it does not want done."""
    edits = exchange.prompt.edits
    if any(edit.lossy or edit.action == "repaired" for edit in edits):
        refuse(edits, mode(exchange, default))


def refuse(edits: Sequence[Edit], how: Mode) -> None:
    """Raise Unsupported, which names what would be lost or repaired, if *edits* have any that *how* does not want."""
    unwanted = [edit for edit in edits if UNWANTED[how](edit)]
    if unwanted:
        named = "; ".join(f"{edit.path or 'request'}: {edit.why}" for edit in unwanted[:NAMED])
        more = f"; and {len(unwanted) - NAMED} more" if len(unwanted) > NAMED else ""
        does = "lose" if all(edit.lossy for edit in unwanted) else "lose or repair"
        raise Unsupported(f"{how}: this would {does} {named}{more}", param=unwanted[0].path)


MODES: tuple[Mode, ...] = get_args(Mode)
UNWANTED: dict[Mode, Callable[[Edit], bool]] = {
    "report": lambda edit: False,
    "lossless": lambda edit: edit.lossy,
    "strict": lambda edit: edit.lossy or edit.action == "repaired",
}


def told(edits: Sequence[Edit]) -> bytes:
    """The report in one field: how many changes, and how many of them lost or repaired something."""
    lost = repaired = 0
    for edit in edits:
        lost += edit.lossy
        repaired += edit.action == "repaired"
    return b"%d; lost=%d" % (len(edits), lost) + (b"; repaired=%d" % repaired if repaired else b"")
