"""Reloading: another configuration takes the place of the one in force, while requests run.

    config ──▶ build ──▶ open what is new ──▶ turn ──▶ the generation of before retires (``opening``)
                 └──────────┴──wrong──▶ nothing has changed; why is kept (``loaded``) and raised

What is equal in both stays the same object: a limiter counts on, a pool keeps its connections.  What can't change
while the gateway listens keeps its old value until a restart, and is named.
"""

from collections.abc import Iterator

import attrs
import structlog
import trio

from pipeline.admin.front import Front
from pipeline.config import Config
from pipeline.cors import Cors
from pipeline.door import locked
from pipeline.loading import build
from pipeline.opening import Generation, Generations
from pipeline.problems import ConfigError
from pipeline.server import Gateway
from transports.listen import Tls

# Settings that count at once, by section; those of other sections, and of these all others, wait for a restart.
LIVE = {
    "server": frozenset({"drain", "ping", "cors", "tls", "watch"}),
    "log": frozenset({"level", "file", "format", "bodies"}),
    "admin": frozenset({"user", "password", "remote"}),
    "capture": frozenset({"enabled", "folder", "most", "each", "keys", "models"}),
}
WHOLE = frozenset({"upstreams", "stages", "without", "settings", "unused", "layers"})  # sections that do

log = structlog.get_logger("pipeline")


def waiting(old: Config, new: Config) -> Iterator[tuple[str, str]]:
    """Section and name of the settings of *new* that differ from *old* and count after a restart only."""
    for section in (field.name for field in attrs.fields(Config) if field.name not in WHOLE):
        was, is_ = getattr(old, section), getattr(new, section)
        for field in attrs.fields(type(is_)):
            if getattr(was, field.name) != getattr(is_, field.name) and not live(section, field.name, was, is_):
                yield section, field.name


def live(section: str, name: str, old: object, new: object) -> bool:
    """Whether the setting counts at once; a certificate is replaced, but a door does not begin to speak TLS."""
    if (section, name) == ("server", "tls"):
        return (getattr(old, name) is None) == (getattr(new, name) is None)
    return name in LIVE.get(section, ())


def held_back(old: Config, new: Config, names: list[tuple[str, str]]) -> Config:
    """*new*, with the settings *names* as they are in *old*."""
    for section, name in names:
        kept = attrs.evolve(getattr(new, section), **{name: getattr(getattr(old, section), name)})
        new = attrs.evolve(new, **{section: kept})
    return new


@attrs.define(eq=False, kw_only=True)
class Reloading:
    """What a gateway turns from one configuration to the next with."""

    gateway: Gateway
    generations: Generations
    present: Generation
    tls: Tls | None = None
    front: Front | None = None
    _turn: trio.Lock = attrs.field(factory=trio.Lock)

    async def take(self, config: Config) -> list[str]:
        """Put *config* in force; gives the settings that wait for a restart.

        Raises ConfigError, with all that is wrong: nothing has changed then.
        """
        loaded = self.gateway.loaded
        async with self._turn:
            old = self.present.built.config
            names = list(waiting(old, config))
            try:
                built = build(locked(held_back(old, config, names)), self.present.built)
                generation = await self.generations.turn(built)
            except ConfigError as error:
                loaded.refused(error.lines)
                raise
            except Exception as raised:  # a stage of somebody's can't be imported, or entered: that is no end of us
                log.error("a configuration can't be opened", exc_info=raised)
                lines = [f"it can't be opened: {type(raised).__name__}: {raised}"]
                loaded.refused(lines)
                raise ConfigError(lines) from raised
            self._turned(generation)
            loaded.taken([f"{section}.{name}" for section, name in names])
            return loaded.waiting

    def _turned(self, generation: Generation) -> None:
        """Requests begin with *generation* from now on."""
        built, gateway = generation.built, self.gateway
        gateway.turn(built.line, generation.upstreams, built.dialects, generation.uses)
        gateway.cors = Cors(built.config.server.cors)
        gateway.heart.period = built.config.server.ping
        gateway.observer.take(built.config)
        if self.tls is not None and built.tls is not None:
            self.tls.context = built.tls
        if self.front is not None:
            self.front.turn(built)
        self.generations.retire(self.present)
        self.present = generation
