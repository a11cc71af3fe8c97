"""The journal: one structured line per exchange, and nothing of what was said in it.

    who · what · where · how long · what it used and cost · how it ended · how many changes

Prompts and replies are in it only while ``[log] bodies`` is on: for a search for errors, never for long.  Secrets never
are: no header is written, and keys are a type that does not show itself.
"""

from operator import attrgetter
from typing import Any

import structlog
import trio

from pipeline.exchange import Attempt, Exchange
from pipeline.live import BOOKED, RULE, WORK
from pipeline.prompt import Edit
from pipeline.store.record import CLASSES, Flag, Record, clean
from transports.messages import Head, Response

BODY = 64 * 1024  # bytes of a prompt or a reply that are written at most
EDITS = 200  # changes that are told of one stage at most

LEFT = "the client left"  # what is said of an answer that nobody read to its end
_WHY = {"ClientGone": LEFT, "Drained": "the time to drain was over"}  # of an end that is no error of anybody's

_COUNTS = attrgetter(*CLASSES)
_UNPRICED = int(Flag.UNPRICED)

log = structlog.get_logger("pipeline")


def told(exchange: Exchange) -> dict[str, Any]:
    """What the line of *exchange*, which is over, says.  Times in seconds, those of stages in microseconds."""
    attempt, caller, records = exchange.committed, exchange.caller, exchange.noted(BOOKED) or []
    error, why = ended(exchange, records)
    line = {
        "id": exchange.id,
        "caller": caller.name if caller else None,
        "key": caller.id if caller else None,
        "session": exchange.noted(WORK) or None,
        "route": clean(f"{exchange.request.method} {exchange.request.path}"),
        "dialect": exchange.dialect.NAME,
        "operation": exchange.operation,
        "streamed": exchange.streaming,
        "asked": clean(exchange.asked) or None,
        "rule": exchange.noted(RULE),
        "upstream": attempt.upstream if attempt else None,
        "model": attempt.model if attempt else None,
        "attempts": len(exchange.attempts),
        "status": exchange.head.status if exchange.head else None,
        "error": error,
        "why": why,
        "changes": len(attempt.edits) if attempt else 0,
        **used(records),
        "seconds": round(trio.current_time() - exchange.began, 4),
        "first": since(exchange, attempt.first) if attempt else None,
        "stages": micros(exchange.stages),
    }
    if exchange.effects is not None:
        line["down"] = micros(exchange.effects.down())
    return line


def ended(exchange: Exchange, records: list[Record]) -> tuple[str | None, str | None]:
    """How *exchange* ended, and why, if not well; where nobody failed and yet it broke off, the books know."""
    if exchange.error is not None:
        return type(exchange.error).__name__, str(exchange.error)[:500]
    error = records[0].error if records else ""
    return error or None, _WHY.get(error)


def used(records: list[Record]) -> dict[str, Any]:
    """Tokens and dollars in *records*, those of what was asked beside it included; None: not known."""
    if not records:
        return {"tokens": None, "cost": None}
    sums = dict(zip(CLASSES, map(sum, zip(*map(_COUNTS, records), strict=True)), strict=True))
    cost = 0
    for record in records:  # one, as a rule
        if record.flags & _UNPRICED:
            return {"tokens": sums, "cost": None}
        cost += record.cost
    return {"tokens": sums, "cost": cost / 1e6}


def micros(seconds: dict[str, float]) -> dict[str, int]:
    """*seconds* by stage, in microseconds."""
    return {name: round(each * 1e6) for name, each in seconds.items()}


def note(line: dict[str, Any], response: Response | None = None) -> None:
    """Write *line*; with what *response* overheard, if it did."""
    if isinstance(response, Overheard):
        prompt, reply = response.prompt[:BODY], bytes(response.written[:BODY])
        line = line | {"prompt": prompt.decode(errors="replace"), "reply": reply.decode(errors="replace")}
    log.info("request", **line)


# -- more than a line -------------------------------------------------------------------------------------------------


def brief(exchange: Exchange, line: dict[str, Any]) -> dict[str, Any]:
    """*line* with each attempt, and with what stages did beside taking their time."""
    tries = [tried(exchange, attempt) for attempt in exchange.attempts]
    edits = exchange.committed.edits if exchange.committed else exchange.prompt.edits
    did = effects(exchange, line["stages"], edits)
    return {"at": round(exchange.arrived * 1000), **line, "tries": tries, "effects": did}


def whole(entry: dict[str, Any]) -> dict[str, Any]:
    """*entry*, which was brief, with what each stage did: most did nothing that its time does not tell.

    It may be JSON that was read again; without effects, if they were too many.
    """
    if "effects" not in entry:
        return entry
    did = {each["stage"]: each for each in entry["effects"]}
    ran = [did.pop(name, None) or effect(name, up) for name, up in entry["stages"].items()]
    return {**entry, "effects": [*ran, *did.values()]}


def tried(exchange: Exchange, attempt: Attempt) -> dict[str, Any]:
    """One try at an upstream; times in seconds since the request came."""
    return {
        "upstream": attempt.upstream,
        "model": attempt.model,
        "status": attempt.status,
        "error": type(attempt.error).__name__ if attempt.error else None,
        "why": attempt.why or None,
        "began": since(exchange, attempt.began),
        "first": since(exchange, attempt.first),
        "ended": since(exchange, attempt.ended),
    }


def since(exchange: Exchange, at: float | None) -> float | None:
    """Seconds from the begin of *exchange* to *at*."""
    return None if at is None else round(at - exchange.began, 4)


def effects(exchange: Exchange, up: dict[str, int], edits: list[Edit]) -> list[dict[str, Any]]:
    """What stages did: their *edits*, and, where that was looked at, the events they saw and changed.

    *up*: microseconds by stage.  Edits stand there as they are: JSON has their fields (``recent.in_json``).
    """
    did: dict[str, dict[str, Any]] = {}
    for edit in edits:
        if edit.stage not in did:
            did[edit.stage] = effect(edit.stage, up.get(edit.stage, 0))
        made = did[edit.stage]["edits"]
        if len(made) < EDITS:
            made.append(edit)
    for seen in exchange.effects.stages if exchange.effects else ():
        if seen.stage in up or seen.stage in did:  # it did not refuse
            looked = did.setdefault(seen.stage, effect(seen.stage, up.get(seen.stage, 0)))
            looked |= {"down": round(seen.down * 1e6), "events": seen.events, "changed": seen.changed}
    return list(did.values())


def effect(stage: str, up: int) -> dict[str, Any]:
    """What *stage* did that took *up* microseconds, as far as nobody looked and it changed nothing."""
    return {"stage": stage, "up": up, "down": None, "events": None, "changed": None, "edits": []}


class Overheard:
    """A response that keeps what is written, up to *most* bytes of it, beside the *prompt* it answers."""

    def __init__(self, response: Response, prompt: bytes, most: int) -> None:
        self.prompt, self.written, self.finished = prompt, bytearray(), False
        self.head: Head | None = None
        self._response, self._most = response, most

    @property
    def started(self) -> bool:
        """As the response's."""
        return self._response.started

    async def start(self, head: Head) -> None:
        """As the response's."""
        self.head = head
        await self._response.start(head)

    async def write(self, data: bytes) -> None:
        """As the response's; *data* is kept while there is room."""
        self.written += data[: self._most - len(self.written)]
        await self._response.write(data)

    def write_now(self, data: bytes) -> bool:
        """As the response's; *data* is kept while there is room."""
        self.written += data[: self._most - len(self.written)]
        return self._response.write_now(data)

    async def finish(self) -> None:
        """As the response's."""
        await self._response.finish()
        self.finished = True
