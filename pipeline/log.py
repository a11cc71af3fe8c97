"""Log: where the lines go, how they look, which are said at all.

    auto ──▶ a terminal: for people · anything else: one JSON object a line

Set up once, by the command line; everybody else takes ``structlog.get_logger`` and says what happened.  Lines go to
stderr, so that stdout holds what a command prints and nothing else.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import msgspec
import structlog

from pipeline.config import Log

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_JSON = msgspec.json.Encoder(enc_hook=str)  # what JSON has no word for is said as it prints: a Secret as ***


@contextmanager
def logs(log: Log, stream: TextIO | None = None) -> Iterator[None]:
    """Log as *log* says, to its file or to *stream* (stderr), until the block is left.  Raises OSError."""
    if log.file is None:
        configure(log, stream or sys.stderr)
        yield
        return
    with log.file.open("a", encoding="utf-8", buffering=1) as file:
        configure(log, file)
        try:
            yield
        finally:
            configure(log, stream or sys.stderr)  # what is said later must not meet a closed file


def configure(log: Log, stream: TextIO) -> None:
    """Write to *stream* from now on."""
    people = log.format == "console" or (log.format == "auto" and stream.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_people(stream) if people else _machines()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[log.level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
    )


def _people(stream: TextIO) -> list[Any]:
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]


def _machines() -> list[Any]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_encode)]


def _encode(event: Any, **_: Any) -> str:
    return _JSON.encode(event).decode()
