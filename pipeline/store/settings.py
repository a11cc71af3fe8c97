"""What can be configured of the store: the table ``[store]``."""

from pathlib import Path
from typing import Annotated

import attrs

from pipeline.secret import Secret
from pipeline.structure import Check


def _positive(value: float) -> None:
    if not value > 0:
        raise ValueError(f"expected more than 0, got {value:g}")


def _spool(value: int) -> None:
    if value < 4 * 1024 * 1024:
        raise ValueError(f"expected at least 4 MiB (4194304), got {value}")


Seconds = Annotated[float, Check(_positive)]


@attrs.frozen(kw_only=True)
class Settings:
    """Where records, keys and limits are kept."""

    file: Path | None = None  # the embedded database; pipeline.db in the user's data directory
    url: Secret | None = None  # "postgresql://…" in place of the file, for several gateways at once
    folder: Path | None = None  # of what is on its way into the database; beside the file, or in the data directory
    pepper: Secret | None = None  # what keys are hashed with; made at first start, in a file beside the folder
    spool: Annotated[int, Check(_spool)] = 32 * 1024 * 1024  # bytes that may wait for the database
    patience: Seconds = 5.0  # that a request waits for the store, before it is refused with 503
    stale: Seconds = 30.0  # that keys are believed without the database
