"""The front: what is below /admin.

/admin ─▶ /admin/            the page, and /admin/swagger: files
/admin/api/openapi.json      the document of the API, to whoever is near
/admin/api/…                 the API
"""

from functools import cache, partial
from typing import Any

import trio

from pipeline.admin import (
    configured,
    connection,
    keys,
    line,
    models,
    overview,
    prices,
    recent,
    session,
    upstreams,
    usage,
)
from pipeline.admin.api import BELOW, GUARDED, Api
from pipeline.admin.assets import Assets
from pipeline.admin.desk import Ask, Desk, invitation
from pipeline.admin.gate import Gate
from pipeline.admin.openapi import document
from pipeline.admin.refusal import Refused
from pipeline.admin.route import Route, get
from pipeline.loading import Built
from pipeline.server import Gateway, write
from pipeline.store.store import Store
from transports.messages import Head, Request, Response

MOVED = {"/admin": b"/admin/", "/admin/docs": b"/admin/swagger"}
PAGES = {"": "index.html", "swagger": "swagger.html"}  # what a path below /admin/ means, besides a file's own name


async def show(ask: Ask) -> dict[str, Any]:
    """This document."""
    return documented()


ROUTES: tuple[Route, ...] = (
    *session.ROUTES,
    *overview.ROUTES,
    *keys.ROUTES,
    *models.ROUTES,
    *prices.ROUTES,
    *upstreams.ROUTES,
    *usage.ROUTES,
    *recent.ROUTES,
    *line.ROUTES,
    *configured.ROUTES,
    *connection.ROUTES,
    get("/openapi.json", show, open=True),
)


@cache
def documented() -> dict[str, Any]:
    """The document of all routes; made when it is first asked for, which a start has no time for."""
    return document(ROUTES)


class Front:
    """Answers whatever is below /admin."""

    def __init__(self, desk: Desk, assets: Assets) -> None:
        self.desk, self.assets = desk, assets
        self._api = Api(desk, ROUTES)

    def turn(self, built: Built) -> None:
        """Show *built* from now on, which is what runs, and let in whom it lets in."""
        self.desk.built = built
        self.desk.gate.settings = built.config.admin

    async def handle(self, request: Request, response: Response) -> None:
        """Answer *request* (a ``transports`` Handler)."""
        if request.path.startswith(BELOW + "/"):
            await self._api.answer(request, response)
            return
        try:
            self.desk.gate.near(request)
        except Refused as refused:
            await write(response, *plain(403, str(refused)))
            return
        await write(response, *await self._page(request))

    async def _page(self, request: Request) -> tuple[Head, bytes]:
        """A file of the page."""
        if (there := MOVED.get(request.path)) is not None:
            return Head(308, [*GUARDED, (b"location", there)]), b""
        if request.method not in ("GET", "HEAD"):
            head, body = plain(405, "this is a page: GET it")
            return Head(405, [*head.headers, (b"allow", b"GET, HEAD")]), body
        name = request.path.removeprefix("/admin/")
        return await self.assets.answer(request, PAGES.get(name, name)) or plain(404, "there is no such page")


def plain(status: int, text: str) -> tuple[Head, bytes]:
    """One line of text."""
    return Head(status, [*GUARDED, (b"content-type", b"text/plain; charset=utf-8")]), f"{text}\n".encode()


async def opened(gateway: Gateway, built: Built, store: Store, urls: list[str]) -> Front:
    """The front of *gateway*, which listens at *urls*; its files are listed in a thread."""
    gate = Gate(built.config.admin, store)
    gateway.tells["overview"] = partial(overview.tell, gateway)
    secret = invitation(store.keys.pepper)
    desk = Desk(gateway=gateway, store=store, built=built, urls=urls, gate=gate, invitation=secret)
    return Front(desk, await trio.to_thread.run_sync(Assets))
