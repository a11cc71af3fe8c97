"""The revision of the tables that this program reads and writes, and how a database gets there.

none ──create──▶ HEAD          older ──migration──▶ HEAD          later ──▶ Unmigrated
"""

import importlib
from pathlib import Path

import structlog

from pipeline.store.database import Backend
from pipeline.store.sqlite import Sqlite

HEAD = "0002"

log = structlog.get_logger("pipeline")


class Unmigrated(Exception):
    """The database can't be brought to what this program needs."""


def prepare(backend: Backend, url: str) -> None:
    """Bring *backend*, which SQLAlchemy reaches at *url*, to HEAD; blocks.  Raises Unmigrated, Outage."""
    at = backend.revision()
    if at == HEAD or (at is None and backend.create()):
        return
    if isinstance(backend, Sqlite):
        copy = beside(backend.file, f"before-{HEAD}")
        backend.backup(copy)
        log.info("the store is migrated", database=str(backend.file), copy=str(copy), revision=HEAD)
    importlib.import_module("pipeline.store.migration").migrate(url, to=HEAD)


def beside(file: Path, what: str) -> Path:
    """A name beside *file* that is not taken."""
    path, number = file.with_name(f"{file.name}.{what}"), 1
    while path.exists():
        number += 1
        path = file.with_name(f"{file.name}.{what}-{number}")
    return path
