"""An office: a gateway with its admin, a real store and the simulated model; requests are made without a socket."""

import base64
import json
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from pipeline.admin import front
from pipeline.admin.front import Front
from pipeline.heartbeat import Heart
from pipeline.layers import Layers
from pipeline.loading import build
from pipeline.opening import opened
from pipeline.reading import settle
from pipeline.server import Gateway
from pipeline.store.store import open_store
from tests.doubles import Bytes, Recorder
from transports.drain import Drain
from transports.messages import Headers, Request

USER, PASSWORD = "admin", "a password for tests"
CONFIGURED = f'[admin]\npassword = "{PASSWORD}"\n'
URL = "http://127.0.0.1:4096"


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The word of a refusal."""
        return str(self.json["error"]["code"])


@attrs.define
class Office:
    """*gateway* is the whole of it; ``ask`` asks its API as an admin with Basic, unless told otherwise."""

    gateway: Gateway
    front: Front

    async def ask(
        self, method: str, path: str, body: Any = None, *, basic: str | None = f"{USER}:{PASSWORD}", **fields: str
    ) -> Answer:
        """What the API says to *body* at *path*, below /admin/api; names of *fields* with ``_`` for ``-``."""
        if basic is not None:
            fields["authorization"] = "Basic " + base64.b64encode(basic.encode()).decode()
        if body is not None:
            fields.setdefault("content_type", "application/json")
        return await self.send(
            method, f"/admin/api{path}", b"" if body is None else json.dumps(body).encode(), **fields
        )

    async def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        local: str = "127.0.0.1",
        scheme: str = "http",
        **fields: str,
    ) -> Answer:
        """What the gateway says to a request as it stands."""
        fields.setdefault("host", "127.0.0.1:4096")
        headers: Headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
        recorder = Recorder()
        request = Request(method, target, headers, Bytes(body), scheme=scheme, peer="127.0.0.1", local=local)
        await self.gateway.handle(request, recorder)
        assert recorder.finished
        assert recorder.head is not None
        told = {name.decode(): value.decode() for name, value in recorder.head.headers}
        return Answer(recorder.head.status, told, bytes(recorder.body))


@asynccontextmanager
async def office(at: Path, more: str = CONFIGURED) -> AsyncIterator[Office]:
    """An office whose store is in the folder *at*."""
    text = f'[store]\nfile = "{at / "pipeline.db"}"\n[upstreams.up]\npreset = "simulated"\n{more}'
    built = build(settle(Layers(tree=tomllib.loads(text))))
    async with open_store(built.config.store) as store, opened(built, store) as upstreams:
        gateway = Gateway(
            line=built.line,
            upstreams=upstreams,
            store=store,
            dialects=built.dialects,
            heart=Heart(10),
            drain=Drain(),
        )
        desk = await front.opened(gateway, built, store, [URL])
        gateway.admin = desk.handle
        yield Office(gateway, desk)
