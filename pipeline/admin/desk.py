"""The desk: what the calls of the API work with.

Desk   the gateway as it runs, its store, its configuration; one for all requests
Ask    one request to the API, and who asks
"""

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from pipeline.admin import accounts, audit
from pipeline.admin.gate import Gate, Who
from pipeline.config import Config
from pipeline.loading import Built
from pipeline.server import Gateway
from pipeline.store.database import Database
from pipeline.store.keys import digest
from pipeline.store.store import Store
from pipeline.upstream import Upstream
from transports.messages import Headers, Request

T = TypeVar("T")


@attrs.define(eq=False, kw_only=True)
class Desk:
    """The gateway as it runs."""

    gateway: Gateway
    store: Store
    built: Built
    urls: list[str]
    gate: Gate
    invitation: str  # what the first account is made with, while there is none

    @property
    def config(self) -> Config:
        """What is configured."""
        return self.built.config

    def upstream(self, name: str) -> Upstream | None:
        """The upstream called *name*."""
        return next((upstream for upstream in self.gateway.upstreams if upstream.name == name), None)

    async def welcoming(self) -> bool:
        """Whether nobody has an account yet, so that one may be made with the invitation."""
        return self.config.admin.password is None and not await self.store.read(accounts.named)


def invitation(pepper: bytes) -> str:
    """A secret that is shown once, on the terminal: the same from all processes before one store, and unguessable."""
    return digest(pepper, "invitation")[:20]


@attrs.define(eq=False, kw_only=True)
class Ask:
    """One request to the API, and what else its answer's head is to say."""

    desk: Desk
    request: Request
    who: Who | None
    fields: Headers = attrs.field(factory=list)

    @property
    def user(self) -> str:
        """Who asks."""
        return self.who.user if self.who is not None else ""

    @property
    def now(self) -> int:
        """The moment, in ms."""
        return self.desk.gate.now()

    @property
    def url(self) -> str:
        """Where the one who asks found the gateway."""
        host = self.request.header(b"host")
        return f"{self.request.scheme}://{host}" if host else self.desk.urls[0]

    async def read(self, work: Callable[[Database], T]) -> T:
        """What *work* finds in the store."""
        return await self.desk.store.read(work)

    async def change(
        self,
        what: str,
        target: str | Callable[[T], str],
        work: Callable[[Database], T],
        detail: dict[str, Any] | None = None,
    ) -> T:
        """What *work* gives, done together with its line in the audit.  *target* may be known only then."""
        now, user = self.now, self.user

        def both(db: Database) -> T:
            done = work(db)
            named = target if isinstance(target, str) else target(done)
            audit.note(db, now, user, what, named, detail or {})
            return done

        return await self.desk.store.write(both)

    async def note(self, what: str, target: str, detail: dict[str, Any] | None = None) -> None:
        """A line in the audit for what was done elsewhere."""
        await self.change(what, target, lambda db: None, detail)
