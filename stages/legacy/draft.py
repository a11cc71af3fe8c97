"""A draft: the pipeline.toml that stands for an older system's settings, and what is said of each of them.

draft.put(("server", "port"), 3000, place)      PORT → server.port = 3000
draft.leave("PORT", "…")                        PORT – …
"""

import re
from collections.abc import Mapping
from typing import Any

import attrs

from pipeline.layers import Place, Text, spell
from pipeline.problems import Path
from pipeline.resolved import MASK, SECRET, toml
from stages.legacy.variables import Variables
from stages.presets import reading as presets

# Two doors that most of the older systems left open, and what is told of them.
OPEN = "every address, and no key: here this machine alone; other machines need -H 0.0.0.0 and keys under [auth]"
CORS = "every page of every site could ask; here none can, unless [server] cors names it"

_LEVELS = {"trace": "debug", "warn": "warning", "critical": "error", "off": "error", "fatal": "error"}


@attrs.define
class Draft:
    """What has been written so far, of the settings that *variables*, *flags* and *file* hold."""

    name: str  # of the system
    variables: Variables
    flags: Mapping[str, str] = attrs.field(factory=dict)
    file: Mapping[str, Any] = attrs.field(factory=dict)  # its own TOML, where it has one
    file_name: str = ""
    tree: dict[str, Any] = attrs.field(init=False, factory=dict)
    places: dict[Path, Place] = attrs.field(init=False, factory=dict)
    became: dict[Path, str] = attrs.field(init=False, factory=dict)
    left: list[str] = attrs.field(init=False, factory=list)

    def put(self, path: Path, value: Any, place: Place | None = None, why: str = "") -> None:
        """Say *value* at *path*, which stood at *place*; None: the system did so by itself."""
        *tables, name = map(str, path)
        table = self.tree
        for key in tables:
            table = table.setdefault(key, {})
        table[name] = value
        self.places[path] = place or Place(self.name, "its default")
        shown = MASK if isinstance(value, str) and SECRET.search(name) else value
        who = "its default" if place is None else place.name
        self.became[path] = f"{who} → {spell(path)} = {toml(shown)}{f'; {why}' if why else ''}"

    def leave(self, name: str, why: str) -> None:
        """Say of the setting *name* why it is not taken."""
        self.left.append(f"{name} – {why}")

    def leave_variables(self, reasons: Mapping[str, str]) -> None:
        """The same of each variable that is set."""
        for name, why in reasons.items():
            if (found := self.variables.find(name)) is not None:
                self.leave(found[1].name, why)

    # -- settings that several systems have ---------------------------------------------------------------------------

    def number(self, name: str, path: Path, default: int | None = None) -> None:
        """Put the variable *name* at *path*, or else *default*; what is no number is refused where it is read."""
        if (found := self.variables.find(name)) is not None:
            self.put(path, int(found[0]) if re.fullmatch(r"\d{1,18}", found[0]) else Text(found[0]), found[1])
        elif default is not None:
            self.put(path, default)

    def text(self, name: str, path: Path, default: str | None = None, why: str = "") -> None:
        """Put the text of the variable *name* at *path*, or else *default*."""
        if (found := self.variables.find(name)) is not None:
            self.put(path, found[0], found[1], why)
        elif default is not None:
            self.put(path, default)

    def secret(self, path: Path, *names: str) -> bool:
        """Put the first of the variables *names* that is set at *path*, by its name; whether there was one."""
        if (found := self.variables.first(*names)) is None:
            return False
        self.put(path, {"env": found[1].name}, found[1])
        return True

    def level(self, crate: str) -> bool:
        """Put the level that RUST_LOG has for *crate*; whether it has one."""
        found = self.variables.find("RUST_LOG")
        level = None if found is None else directed(found[0], crate)
        if found is None or level is None:
            return False
        self.put(("log", "level"), level, found[1])
        return True

    def upstream(self, url: str, place: Place | None) -> Path:
        """Put an upstream at *url* that speaks Chat Completions, as whoever lives there does; gives its path."""
        preset = preset_at(url)
        path: Path = ("upstreams", preset or "upstream")
        self.put((*path, "dialect"), "chat")
        if preset and (provider := presets.read(preset).get("provider")):
            self.put((*path, "provider"), provider, place)
        self.put((*path, "url"), url, place)
        return path


def directed(directives: str, crate: str) -> str | None:
    """The level that *directives* (RUST_LOG's: ``info,crate=debug``) have for *crate*, in our words; None for none."""
    levels = {}
    for directive in directives.lower().split(","):
        target, equals, level = directive.strip().rpartition("=")
        levels[target.partition("[")[0] if equals else ""] = leveled(level)
    return levels.get(crate) or levels.get("")


def leveled(word: str) -> str | None:
    """The level that another program calls *word*; None for what is no level."""
    word = _LEVELS.get(word.strip().lower(), word.strip().lower())
    return word if word in {"debug", "info", "warning", "error"} else None


def preset_at(url: str) -> str | None:
    """The preset whose server *url* is at."""
    host = _host(url)
    known = {_host(presets.read(name).get("url", "")): name for name in reversed(presets.names())}
    return known.get(host) if host else None


def _host(url: str) -> str:
    """Host and port in *url*, as far as it is one; a machine's own two names are one."""
    found = re.match(r"(?i)https?://(?:[^/@]*@)?([^/?#\s]+)", url)
    return "" if found is None else found.group(1).lower().replace("localhost", "127.0.0.1")
