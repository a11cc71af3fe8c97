"""Exposition: /metrics, told to whoever may read it.

    no token, not remote ─▶ this machine        token ─▶ whoever shows it, from wherever        remote ─▶ anyone

One of several workers asks the others, whatever they are asked by themselves (``gathered``).
Callers' keys open nothing here: what a gateway does is its operator's affair.
"""

from collections.abc import Callable
from typing import Any

import attrs

from pipeline.admin.gate import local, same
from pipeline.observe.gathered import Gathered, families
from pipeline.observe.metrics import Metrics
from pipeline.observe.settings import Metrics as Settings
from pipeline.peers import Peers
from pipeline.server import write
from transports.messages import Head, Headers, Request, Response

PLAIN: Headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
CHALLENGE = (b"www-authenticate", b'Bearer realm="metrics"')


@attrs.frozen(eq=False)
class Exposition:
    """Answers what is asked of /metrics.  *worker*: our name among *peers*; "" where there are none."""

    settings: Settings
    metrics: Metrics
    peers: Callable[[], Peers]
    worker: str = ""

    def tell(self) -> list[Any]:
        """What another worker is told."""
        return [self.worker, families(self.metrics.registry)]

    async def answer(self, request: Request, response: Response) -> None:
        """Answer *request* (a ``transports`` Handler)."""
        if request.method not in ("GET", "HEAD"):
            await write(response, *line(405, "these are figures: GET them", (b"allow", b"GET, HEAD")))
        elif self.settings.token is None and not self.settings.remote and not local(request):
            text = "the figures are for this machine only; [metrics] token or remote = true opens them"
            await write(response, *line(403, text))
        elif self.settings.token is not None and not same(bearer(request), self.settings.token.reveal()):
            await write(response, *line(401, "a Bearer with the token of [metrics] is expected", CHALLENGE))
        else:
            told = Gathered([self.tell(), *await self.peers().ask("metrics")]) if self.worker else None
            media, figures = self.metrics.told(request.header(b"accept") or "", told)
            await write(response, Head(200, [*PLAIN, (b"content-type", media.encode())]), figures)


def bearer(request: Request) -> str:
    """The token that *request* shows (RFC 6750 §2.1); "" for none."""
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def line(status: int, text: str, *more: tuple[bytes, bytes]) -> tuple[Head, bytes]:
    """One line of text."""
    return Head(status, [*PLAIN, (b"content-type", b"text/plain; charset=utf-8"), *more]), f"{text}\n".encode()
