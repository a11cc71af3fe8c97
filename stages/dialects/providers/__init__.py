"""Providers: one file each, found by its name; see ``stages.dialects.provider``.

    [upstreams.work]
    dialect = "chat"
    provider = "deepseek"       # stages/dialects/providers/deepseek.py

A preset says which provider it is.  Without one, the model's name alone decides what it takes (``chat.families``).
"""

import importlib
import pkgutil

from pipeline.dialect import Dialect
from stages.dialects.provider import Provider, Spoken, SpokenChat


def names() -> list[str]:
    """The providers there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def provider(name: str) -> Provider:
    """The provider called *name*.  Raises LookupError."""
    if name not in names():
        raise LookupError(name)
    found: Provider = importlib.import_module(f"{__name__}.{name}").PROVIDER
    return found


def spoken(dialect: Dialect, name: str) -> Spoken:
    """*dialect* as provider *name* speaks it; of any but Chat, only its door differs.  Raises LookupError."""
    return (SpokenChat if dialect.NAME == "chat" else Spoken)(dialect, provider(name))
