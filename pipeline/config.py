"""What can be configured, as classes: the schema is the class, a field's comment is its help.

    Config ─┬─ server      where we listen
            ├─ log         what we say of ourselves
            ├─ upstreams   who answers, by name
            ├─ store       where keys, limits and books are kept
            ├─ admin       who may look after all that while it runs
            ├─ metrics     what Prometheus reads, and who may
            ├─ capture     whole exchanges in files
            ├─ traces      where spans of OpenTelemetry go
            ├─ stages      the line, where it differs from the default
            └─ settings    [auth], [meter] …: the settings of a stage, under its name in the line

Immutable; ``reading`` makes them of the layers, ``loading`` builds what they describe.  No global: each part of the
program gets its own piece.  This file must not know where a value came from.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs

from pipeline.admin.settings import Settings as AdminSettings
from pipeline.bounds import Bytes, Count, Number, Seconds, Wait
from pipeline.credentials.settings import OAuth
from pipeline.globs import in_full
from pipeline.layers import Layers
from pipeline.observe.settings import Capture, Metrics, Traces
from pipeline.secret import Secret
from pipeline.store.settings import Settings as StoreSettings
from pipeline.structure import Check


def _port(value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError(f"expected a port from 0 to 65535, got {value}")


def _workers(value: int) -> None:
    if not 1 <= value <= MOST_WORKERS:
        raise ValueError(f"expected 1 to {MOST_WORKERS} processes, got {value}")


def _origin(value: str) -> None:
    if not _ORIGIN.fullmatch(value):
        raise ValueError(f'expected an origin such as "https://chat.example.com", got "{value}"')


MOST_WORKERS = 64

_ORIGIN = re.compile(r"(?i)[a-z][a-z0-9+.-]*://[^/\s]+")

Port = Annotated[int, Check(_port)]
Workers = Annotated[int, Check(_workers)]
Level = Literal["debug", "info", "warning", "error"]
Role = Literal["stage", "attempt", "source", "sink"]


@attrs.frozen(kw_only=True)
class Tls:
    """A certificate and its key, both PEM files; the certificate's file holds the chain."""

    certificate: Path
    key: Path


@attrs.frozen(kw_only=True)
class Server:
    """Where we listen, and what a connection may ask for."""

    host: str = "127.0.0.1"  # any other than a loopback address needs keys under [auth]
    port: Port = 4096  # 0: the system chooses
    names: tuple[str, ...] = ()  # host names we answer to, besides loopback and the address a connection came to
    tls: Tls | None = None
    drain: Wait = 30.0  # seconds that running requests may take to end after SIGTERM
    ping: Seconds = 10.0  # seconds of silence in a stream before a ping
    max_body: Bytes = 32 * 1024 * 1024  # of a request; over it 413
    max_connections: Number = 10_000  # open at once; further clients wait until one leaves
    max_connections_per_client: Count = 0  # of those, from one address (of IPv6: a /64); more are closed; 0: any number
    workers: Workers = 1  # processes on one port; 1: this one and no other
    watch: bool = True  # take over what changes in the files of the configuration while it runs
    cors: Literal["off", "localhost", "*"] | tuple[Annotated[str, Check(_origin)], ...] = "off"  # pages that may ask


@attrs.frozen(kw_only=True)
class Log:
    """What we say of ourselves; prompts, replies and keys are never in it unless *bodies* says so."""

    level: Level = "info"
    file: Path | None = None  # stderr where there is none
    bodies: bool = False  # prompts and replies too: for a search for errors, never for long
    format: Literal["auto", "json", "console"] = "auto"  # auto: for people on a terminal, JSON anywhere else
    recent: Count = 500  # requests that are kept in memory, for the admin


@attrs.frozen(kw_only=True)
class Entry:
    """One entry of a list of stages.  Its other keys are the stage's own settings."""

    use: str  # "auth": stages.auth:stage; "pkg.mod:name": yours
    name: str | None = None  # its name in the line; default: the last word of use
    role: Role | None = None  # once per exchange, once per attempt, or an end of the line; default: by its name
    before: str | None = None  # into the default line, before the stage of that name
    after: str | None = None
    replace: str | None = None  # in the place, and under the name, of that stage
    settings: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Upstream:
    """One place that answers.  A preset supplies what is not said here."""

    preset: str | None = None
    dialect: str  # the protocol it speaks
    provider: str | None = None  # whose way of speaking it; none: the model's name decides what it takes
    url: str = ""  # with or without /v1, or a full endpoint
    key: Secret | None = None  # "…", { env = "NAME" } or { file = "path" }
    keys: tuple[Secret, ...] | None = None  # several, in place of one; [] where all stand in the store
    oauth: OAuth | None = None  # a client of the operator's own, for upstreams that let one in
    client_key: bool = False  # send the caller's own credential on, in place of a key of ours
    connect: Seconds = 10.0
    first_byte: Seconds = 300.0
    first_token: Seconds | None = None  # of a stream, from the request to its first word; none: no bound of its own
    idle: Seconds = 300.0  # between two reads of a stream
    models: tuple[str, ...] = ()  # globs of the models it has; none: any
    client_identity: Literal["always", "never", "auto"] = "never"  # when who asks is kept from it; see the stage
    preface: str = ""  # the operator's own words before the system prompt, where who asks is kept from it
    headers: dict[str, str | Secret] = attrs.field(factory=dict)  # put on every request, last
    query: dict[str, str] = attrs.field(factory=dict)  # put on every request's URL
    stages: tuple[Entry, ...] | None = None  # once per attempt, after translate; none: the default
    ca: Path | None = None  # more authorities (PEM), beside the system's
    http2: bool = False  # exchanges share connections over HTTP/2, where it agrees
    proxy: str = "env"  # env: HTTPS_PROXY and its kin; none; or a URL
    serve: str | None = None  # "pkg.mod:name" of a server that is started beside the gateway, in place of a url
    settings: dict[str, Any] = attrs.field(factory=dict)  # of that server


@attrs.frozen(kw_only=True)
class Config:
    """Everything that can be configured."""

    server: Server = Server()
    log: Log = Log()
    store: StoreSettings = attrs.field(factory=StoreSettings)
    admin: AdminSettings = attrs.field(factory=AdminSettings)
    metrics: Metrics = attrs.field(factory=Metrics)
    capture: Capture = attrs.field(factory=Capture)
    traces: Traces = attrs.field(factory=Traces)
    upstreams: dict[str, Upstream] = attrs.field(factory=dict)
    stages: tuple[Entry, ...] = ()
    without: tuple[str, ...] = ()  # stages left out of the default line; a line without auth or meter says so here
    settings: dict[str, dict[str, Any]] = attrs.field(factory=dict)  # by the name of the stage
    unused: tuple[str, ...] = ()  # upstreams that --upstream left out
    layers: Layers = attrs.field(factory=Layers, eq=False, repr=False)  # where each value came from

    @property
    def example_model(self) -> str:
        """A model that may be asked for: the first that is named in full."""
        named = [name for upstream in self.upstreams.values() for name in upstream.models]
        return next(in_full(named), "your-model")
