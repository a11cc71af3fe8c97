"""Log: where the lines go, how they look, which are said at all.

    auto ──▶ a terminal: for people · anything else: one JSON object a line

Set up once, by the command line; everybody else takes ``structlog.get_logger`` and says what happened.  Lines go to
stderr, so that stdout holds what a command prints and nothing else.  Where they can't be written (a full disk, a reader
that has gone) the gateway goes on without them: a request is worth more than its line.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock
from typing import Any, TextIO

import attrs
import msgspec
import structlog

from pipeline.config import Log

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_JSON = msgspec.json.Encoder(enc_hook=str)  # what JSON has no word for is said as it prints: a Secret as ***


@contextmanager
def logs(log: Log, stream: TextIO | None = None) -> Iterator[Callable[[Log], None]]:
    """Log as *log* says, to its file or to *stream* (stderr), until the block is left.  Raises OSError.

    Gives what changes that meanwhile: its file is opened anew, also if it is the same, so that it can be rotated.
    """
    with ExitStack() as files:

        def turn(log: Log) -> None:
            fresh = None if log.file is None else log.file.open("a", 1, "utf-8", "backslashreplace")
            configure(log, fresh or stream or sys.stderr)
            files.close()
            if fresh is not None:
                files.callback(shut, fresh)

        turn(log)
        try:
            yield turn
        finally:
            configure(log, stream or sys.stderr)  # what is said later must not meet a closed file


def shut(file: TextIO) -> None:
    """Close *file*, also if what waits in it can't be written."""
    with suppress(OSError):
        file.close()


@attrs.define(eq=False)
class Pen:
    """Writes lines to *stream*, which flushes each, from any thread; those that can't be written are told of later."""

    stream: TextIO
    failed: int = 0  # lines since the last that was written
    _why: str = ""
    _lock: Lock = attrs.field(factory=Lock)

    def msg(self, line: str) -> None:
        """Write *line*."""
        try:
            with self._lock:
                self.stream.write(line + "\n")
        except OSError as error:
            self.failed, self._why = self.failed + 1, str(error.strerror)
            return
        if self.failed:
            failed, self.failed = self.failed, 0
            structlog.get_logger("pipeline").warning("lines of the log may be missing", lines=failed, why=self._why)

    debug = info = warning = error = critical = msg  # what structlog calls it by, after the level


def configure(log: Log, stream: TextIO) -> None:
    """Write to *stream* from now on."""
    people = log.format == "console" or (log.format == "auto" and stream.isatty())
    logger = Pen(stream)  # one for all lines: a factory would make one for each
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_people(stream) if people else _machines()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[log.level]),
        logger_factory=lambda *_: logger,
    )


def _people(stream: TextIO) -> list[Any]:
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]


def _machines() -> list[Any]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_encode)]


def _encode(event: Any, **_: Any) -> str:
    try:
        return _JSON.encode(event).decode()
    except UnicodeEncodeError:  # half of a character, which a client may send and UTF-8 has no word for
        return json.dumps(event, default=str)
