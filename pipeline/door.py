"""The door: who may be let in without a key, and the key that stands there where nobody has set one.

    no key configured, loopback            anyone on this machine
    the same, but an upstream is a program under the operator's own login
                                           whoever has the owner's key: made once, kept in a file only the owner reads
    from elsewhere                         keys are configured, or it does not start (``loading``)

A page in a browser, another user of this machine, a container: all of them reach a loopback port.  What runs under a
person's login must not be theirs, and still needs no configuration.
"""

from pathlib import Path

import attrs
import platformdirs

from pipeline.config import Config
from pipeline.naming import dialects
from pipeline.problems import ConfigError
from pipeline.secret import made_once

OWNER = "owner"  # the name of whoever holds the key


def locked(config: Config, file: Path | None = None) -> Config:
    """*config* with the owner's key, where one must stand there and none is configured.  Raises ConfigError.

    *file*: where the key is kept; made if it is not there.
    """
    custom = any(entry.replace == "auth" or entry.name == "auth" for entry in config.stages)
    settings = config.settings.get("auth", {})
    if not guarded(config) or settings.get("keys") or custom or "auth" in config.without:
        return config
    key = kept(file or key_file())
    return attrs.evolve(
        config, settings={**config.settings, "auth": {**settings, "keys": [{"name": OWNER, "key": key}]}}
    )


def guarded(config: Config) -> list[str]:
    """The upstreams that must not be open to everyone."""
    known = dialects()
    return [name for name, upstream in config.upstreams.items() if hasattr(known.get(upstream.dialect), "OPENER")]


def key_file() -> Path:
    """Where the owner's key is kept."""
    return Path(platformdirs.user_data_dir("pipeline")) / "key"


def kept(file: Path) -> str:
    """The key in *file*, made now if there is none.  Of two that make it at once, one wins.  Raises ConfigError."""
    try:
        key = made_once(file).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"auth.keys: the owner's key can't be kept in {file}: {error}"]) from error
    if not key:
        raise ConfigError([f"auth.keys: {file} is to hold the owner's key and is empty; delete it"])
    return key


def told(config: Config) -> str:
    """Where a person finds the key that ``locked`` put into *config*; "" if it did not."""
    file, keys = key_file(), config.settings.get("auth", {}).get("keys")
    ours = guarded(config) and file.exists() and keys == [{"name": OWNER, "key": kept(file)}]
    return f"in {file}" if ours else ""
