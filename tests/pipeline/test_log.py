"""Log: where lines go, and how they look."""

import errno
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pipeline.config import Log
from pipeline.log import logs
from pipeline.secret import Secret


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Other tests log as if nothing had been set up."""
    yield
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_machines_get_a_json_object_a_line() -> None:
    """With level, time and cause; what JSON can't say is printed, a secret as ***."""
    stream = io.StringIO()
    with logs(Log(), stream):
        log = structlog.get_logger("pipeline")
        log.debug("unsaid")
        log.info("hello", key=Secret("hunter2"), path=Path("a"), n=1)
        try:
            raise ValueError("cause")
        except ValueError as error:
            log.error("failed", exc_info=error)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["timestamp"].endswith("Z")
    assert {**first, "timestamp": ""} == {
        "event": "hello",
        "level": "info",
        "timestamp": "",
        "key": "***",
        "path": "a",
        "n": 1,
    }
    assert second["exception"].endswith("ValueError: cause")


@pytest.mark.parametrize("form", ["json", "console"])
def test_half_of_a_character_is_said_too(tmp_path: Path, form: str) -> None:
    """A client may send one, and UTF-8 has no word for it; the line is written all the same."""
    file = tmp_path / "log"
    with logs(Log(file=file, format=form)):  # type: ignore[arg-type]  # either word
        structlog.get_logger("pipeline").info("hello", asked="half \ud800", key=Secret("hunter2"))
    assert "\\ud800" in file.read_text()
    assert "hunter2" not in file.read_text()


def test_people_get_prose() -> None:
    """On a terminal, or where it is asked for."""
    for log, stream in ((Log(), Terminal()), (Log(format="console"), io.StringIO())):
        with logs(log, stream):
            structlog.get_logger("pipeline").warning("hello", key=Secret("hunter2"))
        assert "hello" in stream.getvalue()
        assert "hunter2" not in stream.getvalue()
        assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(("level", "expected"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_decides_what_is_said(level: str, expected: int) -> None:
    """That level and above."""
    stream = io.StringIO()
    with logs(Log(level=level), stream):  # type: ignore[arg-type]  # each of the four words
        log = structlog.get_logger("pipeline")
        for say in (log.debug, log.info, log.warning, log.error):
            say("x")
    assert len(stream.getvalue().splitlines()) == expected


def test_a_file_takes_the_place_of_stderr(tmp_path: Path) -> None:
    """It is appended to, line by line; afterwards nothing meets a closed file."""
    file, stream = tmp_path / "log", io.StringIO()
    file.write_text("before\n")
    with logs(Log(file=file), stream):
        structlog.get_logger("pipeline").info("one")
        assert len(file.read_text().splitlines()) == 2
    structlog.get_logger("pipeline").info("two")
    assert len(file.read_text().splitlines()) == 2
    assert json.loads(stream.getvalue())["event"] == "two"


class Disk(io.StringIO):
    """A file on a disk that may be full."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_log_that_cannot_be_written_ends_nobody() -> None:
    """Whoever says something goes on; once there is room again the log tells how much of it may be missing."""
    disk = Disk()
    with logs(Log(), disk):
        log = structlog.get_logger("pipeline")
        log.info("one")
        disk.full = True
        log.info("two")
        log.error("three")
        disk.full = False
        log.info("four")
        log.info("five")
    said = [json.loads(line) for line in disk.getvalue().splitlines()]
    assert [line["event"] for line in said] == ["one", "four", "lines of the log may be missing", "five"]
    assert (said[2]["lines"], said[2]["why"], said[2]["level"]) == (2, "No space left on device", "warning")


def test_a_file_that_cannot_be_closed_well_ends_nobody(tmp_path: Path) -> None:
    """What waits in it for a full disk is lost when another one is opened, and when all is over."""
    full = Log(file=Path("/dev/full"))
    with logs(full) as turn:
        structlog.get_logger("pipeline").info("lost")
        turn(Log(file=tmp_path / "log"))
        structlog.get_logger("pipeline").info("kept")
        turn(full)
        structlog.get_logger("pipeline").info("lost")
    assert "kept" in (tmp_path / "log").read_text()
