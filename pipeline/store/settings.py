"""What can be configured of the store: the table ``[store]``."""

from pathlib import Path
from typing import Annotated

import attrs

from pipeline.bounds import Seconds
from pipeline.secret import Secret
from pipeline.structure import Check

SCHEMES = ("postgresql://", "postgres://")
NO_SERVER = "expected postgresql://…; the embedded database is a file"


def _spool(value: int) -> None:
    if value < 4 * 1024 * 1024:
        raise ValueError(f"expected at least 4 MiB (4194304), got {value}")


def _key(value: Secret | None) -> None:
    if value is not None and len(value.reveal()) < 16:
        raise ValueError("expected a text of 16 characters or more, drawn by chance")


def _keys(values: tuple[Secret, ...]) -> None:
    for value in values:
        _key(value)


def _server(value: Secret | None) -> None:
    if value is not None and not value.reveal().startswith(SCHEMES):
        raise ValueError(NO_SERVER)


def _days(value: int) -> None:
    if value < 0:
        raise ValueError(f"expected a number of days, or 0 for ever, got {value}")


@attrs.frozen(kw_only=True)
class Settings:
    """Where records, keys and limits are kept."""

    file: Path | None = None  # the embedded database; pipeline.db in the user's data directory
    url: Annotated[Secret | None, Check(_server)] = None  # "postgresql://…" in place of the file, for several gateways
    folder: Path | None = None  # of what is on its way into the database; beside the file, or in the data directory
    pepper: Secret | None = None  # what keys are hashed with; made at first start, in a file beside the folder
    secret_key: Annotated[Secret | None, Check(_key)] = None  # what upstreams' credentials are sealed with; likewise
    old_secret_keys: Annotated[tuple[Secret, ...], Check(_keys)] = ()  # those of before; they still open
    keep: Annotated[int, Check(_days)] = 0  # days that requests are kept, 0: for ever; their sums stay
    spool: Annotated[int, Check(_spool)] = 32 * 1024 * 1024  # bytes that may wait for the database
    patience: Seconds = 5.0  # that a request waits for the store, before it is refused with 503
    stale: Seconds = 30.0  # that keys are believed without the database
