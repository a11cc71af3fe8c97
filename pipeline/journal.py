"""The journal: one structured line per exchange, and nothing of what was said in it.

    who · what · where · how long · how it ended · how many changes

Prompts and replies are in it only while ``[log] bodies`` is on: for a search for errors, never for long.  Secrets never
are: no header is written, and keys are a type that does not show itself.
"""

import structlog
import trio

from pipeline.exchange import Exchange
from transports.messages import Head, Response

BODY = 64 * 1024  # bytes of a prompt or a reply that are written at most

log = structlog.get_logger("pipeline")


def note(exchange: Exchange, response: Response) -> None:
    """Write the line of *exchange*, which is over."""
    attempt = exchange.committed
    fields = {
        "id": exchange.id,
        "caller": exchange.caller.name if exchange.caller else None,
        "dialect": exchange.dialect.NAME,
        "operation": exchange.operation,
        "streamed": exchange.streaming,
        "asked": exchange.asked or None,
        "upstream": attempt.upstream if attempt else None,
        "model": attempt.model if attempt else None,
        "attempts": len(exchange.attempts),
        "status": exchange.head.status if exchange.head else None,
        "error": type(exchange.error).__name__ if exchange.error else None,
        "why": str(exchange.error)[:500] if exchange.error else None,
        "changes": len(attempt.edits) if attempt else 0,
        "seconds": round(trio.current_time() - exchange.began, 4),
        "first": round(attempt.first - exchange.began, 4) if attempt and attempt.first is not None else None,
        "stages": {name: round(seconds * 1e6) for name, seconds in exchange.stages.items()},
    }
    if isinstance(response, Overheard):
        fields |= {"prompt": response.prompt[:BODY].decode(errors="replace"), "reply": response.said()}
    log.info("request", **fields)


class Overheard:
    """A response that keeps a bounded part of what is written, for the journal."""

    def __init__(self, response: Response) -> None:
        self.prompt = b""  # the request's body, as it was read
        self._response = response
        self._written = bytearray()

    @property
    def started(self) -> bool:
        """As the response's."""
        return self._response.started

    async def start(self, head: Head) -> None:
        """As the response's."""
        await self._response.start(head)

    async def write(self, data: bytes) -> None:
        """As the response's; *data* is kept while there is room."""
        self._written += data[: BODY - len(self._written)]
        await self._response.write(data)

    async def finish(self) -> None:
        """As the response's."""
        await self._response.finish()

    def said(self) -> str:
        """What was kept."""
        return self._written.decode(errors="replace")
