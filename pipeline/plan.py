"""Plan: an upstream as it is configured → all that is known of it before a connection is made.

    [upstreams.work] ──▶ dialect · origin and base · stages of an attempt · how to connect ──pool──▶ Upstream

What can be wrong with it is noted here, by its place; what a provider is called, and where it lives, is in presets.
"""

import math
import re
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path as File
from typing import Any, get_type_hints
from urllib.parse import urlencode

import attrs

from pipeline import config as configured
from pipeline.address import locate
from pipeline.arrange import Order, arrange_attempt
from pipeline.config import Config
from pipeline.dialect import Dialect
from pipeline.layers import Layers
from pipeline.naming import LoadFailed, Stages, load
from pipeline.problems import Note, Problems, unknown
from pipeline.secret import Secret
from pipeline.shape import shape
from pipeline.structure import structure
from pipeline.upstream import Opener, Upstream
from pipeline.way import Reached, Serve, Way
from transports.messages import HOP_BY_HOP, Headers
from transports.upstream import Origin, Timers
from transports.upstream_connect import Connector, System, tls_context
from transports.upstream_proxy import Proxy

Named = tuple[str, Callable[..., Any]]

_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.1
_KEY = re.compile(r"[\x21-\x7e]+")
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")  # RFC 9110 §5.5


@attrs.frozen(eq=False)
class Plan:
    """An upstream but for its connections."""

    name: str
    config: configured.Upstream
    dialect: Dialect
    place: tuple[Origin, str] | None  # origin and base; None for one that is started
    stages: tuple[Named, ...]
    way: Way

    def upstream(self, reached: Reached) -> Upstream:
        """The upstream, reached as *reached* says."""
        origin, base = self.place or locate(reached.url, self.dialect)
        config = self.config
        return Upstream(
            name=self.name,
            dialect=self.dialect,
            origin=origin,
            base=base,
            key=config.key,
            wallet=reached.wallet,
            client_key=config.client_key,
            pool=reached.pool,
            connector=None if self.way.opener else self.way.connector,
            timers=Timers(connect=config.connect, first_byte=config.first_byte, idle=config.idle),
            first_token=config.first_token or math.inf,
            models=config.models,
            headers=fields(config.headers),
            query=urlencode(config.query),
            client_identity=config.client_identity,
            preface=config.preface,
            program=self.way.opener is not None,
            stages=self.stages,
            windows=reached.windows,
            condition=reached.condition,
            listed=reached.listed,
        )


@attrs.frozen(eq=False)
class Planner:
    """Makes the plans of one configuration; what is wrong is noted.

    *ways*: those of the configuration before, by the upstream's name; what leads to the same place is the same object.
    """

    config: Config
    order: Order
    stages: Stages
    dialects: Mapping[str, Dialect]
    problems: Problems
    ways: Mapping[str, Way] = attrs.field(factory=dict)
    _system: System = attrs.field(init=False, factory=System)
    _tls: dict[File, ssl.SSLContext] = attrs.field(init=False, factory=dict)  # by the file of authorities

    def plan(self, name: str) -> Plan | None:
        """The plan of the upstream called *name*; None if too little is right."""
        upstream, note = self.config.upstreams[name], self.problems.below("upstreams", name)
        dialect = self._dialect(upstream, note)
        check_credentials(upstream, note)
        check_fields(upstream.headers, self.problems.below("upstreams", name, "headers"))
        stages, connector = self._stages(name, upstream), self._connector(upstream, note)
        if dialect is not None and hasattr(dialect, "OPENER"):
            opener = opener_of(name, upstream, dialect.OPENER, self.config.layers, note)
            serve, place = None, (opener.origin, "") if opener else None
        else:
            opener = None
            serve = server_of(upstream, self.config.layers, note)
            place = place_of(upstream, dialect, self.dialects, note)
        if dialect is None or connector is None:
            return None
        return Plan(name, upstream, dialect, place, stages, self._way(name, connector, opener, serve))

    def _way(self, name: str, connector: Connector, opener: Opener | None, serve: Serve | None) -> Way:
        """The way to the upstream called *name*; that of before, if it is the same."""
        config = self.config.upstreams[name]
        authorities = b"" if config.ca is None else config.ca.read_bytes()  # it was read a moment ago
        way = Way(name=name, config=config, connector=connector, opener=opener, serve=serve, authorities=authorities)
        before = self.ways.get(name)
        return before if before is not None and before.same(way) else way

    def _dialect(self, upstream: configured.Upstream, note: Note) -> Dialect | None:
        """The dialect of *upstream*, as its provider speaks it."""
        dialect = self.dialects.get(upstream.dialect)
        if dialect is None:
            note(("dialect",), unknown(upstream.dialect, self.dialects, "dialect"))
        elif upstream.provider is not None:
            try:
                dialect = load("stages.dialects.providers:spoken")(dialect, upstream.provider)
            except LookupError:
                known = load("stages.dialects.providers:names")()
                note(("provider",), unknown(upstream.provider, known, "provider"))
        return dialect

    def _stages(self, name: str, upstream: configured.Upstream) -> tuple[Named, ...]:
        """The stages of an attempt, none of which may wait on the way down."""
        slots = self.order.attempt
        if upstream.stages is not None:
            slots = arrange_attempt(name, upstream.stages, self.order, self.problems)
        named = tuple((slot.name, self.stages.made(slot)) for slot in slots)
        for slot, (_, stage) in zip(slots, named, strict=True):
            if shape(stage).down == "waits":
                text = f"{slot.name} waits on the way down; what runs once per attempt must not: no async transform"
                self.problems.add(slot.path or ("upstreams", name), text)
        return named

    def _connector(self, upstream: configured.Upstream, note: Note) -> Connector | None:
        """What makes connections to *upstream*: its authorities (20 ms to read, so once for all) and its proxy."""
        environ = {"env": self.config.layers.environ, "none": {}}.get(upstream.proxy, {"ALL_PROXY": upstream.proxy})
        if upstream.proxy not in ("env", "none"):
            try:
                Proxy.parse(upstream.proxy)
            except ValueError as error:
                note(("proxy",), f'{error}; or "env" or "none"')
        try:
            if upstream.ca is not None and upstream.ca not in self._tls:
                self._tls[upstream.ca] = tls_context(upstream.ca)
            tls = None if upstream.ca is None else self._tls[upstream.ca]
            return Connector(tls=tls, system=self._system, environ=environ, http2=upstream.http2)
        except OSError as error:
            note(("ca",), f"{upstream.ca} can't be used: {error.strerror or error}")
        return None


def place_of(
    upstream: configured.Upstream, dialect: Dialect | None, dialects: Mapping[str, Dialect], note: Note
) -> tuple[Origin, str] | None:
    """Origin and base of *upstream*; None for one that has to be started, or after noting what is wrong."""
    if not upstream.url:
        if not upstream.serve:
            whose = f"preset {upstream.preset} has none, it is your own"
            note(("url",), f"required, but missing; {whose if upstream.preset else 'a preset would supply it'}")
        return None
    try:
        return None if dialect is None else locate(upstream.url, dialect, dialects.values())
    except ValueError as error:
        note(("url",), str(error))
    return None


def server_of(upstream: configured.Upstream, layers: Layers, note: Note) -> Serve | None:
    """What starts the server of *upstream*, if it has one of ours; its settings are typed by its own signature."""
    if not upstream.serve:
        if upstream.settings:
            note(("settings",), "these are for a server that is started, and this upstream has none: serve is not set")
        return None
    if upstream.url:
        note(("serve",), "a url, or a server that is started: not both")
    try:
        serve = load(upstream.serve)
    except LoadFailed as error:
        note(("serve",), str(error))
        return None
    kind = get_type_hints(serve).get("settings", dict[str, Any])
    settings = structure(upstream.settings, kind, layers, lambda where, text: note(("settings", *where), text))
    return partial(serve, dialect=upstream.dialect, settings=settings)


def opener_of(name: str, upstream: configured.Upstream, use: str, layers: Layers, note: Note) -> Opener | None:
    """What opens *upstream*, which is no server; its settings are typed by its own annotation."""
    for key in ("url", "serve", "client_key", "oauth", "preface"):
        if getattr(upstream, key):
            note((key,), f"{upstream.dialect} is a program of this machine, under a login of its own: not with it")
    named = load(use)
    kind = get_type_hints(named).get("settings", dict[str, Any])
    settings = structure(upstream.settings, kind, layers, lambda where, text: note(("settings", *where), text))
    complaints: list[str] = [] if settings is None else getattr(settings, "complaints", list)()
    for complaint in complaints:
        note(("settings",), complaint)
    if settings is None or complaints:
        return None
    made: Opener = named(name=name, settings=settings)
    return made


def check_credentials(upstream: configured.Upstream, note: Note) -> None:
    """Note what can't be shown to *upstream*, and what does not go together."""
    for name in ("key", "keys", "oauth"):
        if getattr(upstream, name) is not None and upstream.client_key:
            note(("client_key",), f"the caller's credential or one of ours: not client_key and {name}")
    if upstream.key is not None and not _KEY.fullmatch(upstream.key.reveal()):
        note(("key",), "is no key: one word of visible ASCII characters")
    for number, key in enumerate(upstream.keys or ()):
        if not _KEY.fullmatch(key.reveal()):
            note(("keys", number), "is no key: one word of visible ASCII characters")
    if upstream.preface and upstream.client_identity == "never":
        note(("preface",), 'goes with client_identity = "always" or "auto": otherwise prompts pass untouched')


def check_fields(headers: Mapping[str, str | Secret], note: Note) -> None:
    """Note what can't be a header field of a request."""
    for name, value in headers.items():
        text = value.reveal() if isinstance(value, Secret) else value
        if not _FIELD.fullmatch(name):
            note((name,), "is no name of a header field")
        elif name.lower().encode() in HOP_BY_HOP:
            note((name,), "belongs to the connection, which sets it itself")
        elif not _VALUE.fullmatch(text):
            note((name,), "is no value of a header field: visible characters, spaces only between them")


def fields(headers: Mapping[str, str | Secret]) -> Headers:
    """*headers* as they are sent."""
    texts = {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers.items()}
    return [(name.lower().encode(), text.encode("latin-1")) for name, text in texts.items()]
