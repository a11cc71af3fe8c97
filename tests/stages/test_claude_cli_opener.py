"""What all programs of an upstream share; and what is said at start of a CLI that is missing or logged out."""

from pathlib import Path

import pytest
import structlog
import structlog.testing

from pipeline.problems import ConfigError
from stages.claude_cli import Opener, Settings
from stages.dialects.claude_cli.errors import LOGIN
from tests.stages.fake_clis import cli, opener


async def test_a_program_that_is_missing(tmp_path: Path) -> None:
    """It does not start, and says what is missing and where it is configured."""
    with pytest.raises(ConfigError) as caught:
        async with opener(tmp_path, command=("no-such-cli",)):
            pass
    (line,) = caught.value.lines
    assert line.startswith("upstreams.cli.settings.command: there is no program no-such-cli")


async def test_it_is_looked_for_where_the_operator_says(tmp_path: Path) -> None:
    """In the PATH that the program itself gets."""
    with pytest.raises(ConfigError):
        async with opener(tmp_path, {"PATH": str(tmp_path)}, command=("python3",)):
            pass


async def test_a_directory_that_is_missing(tmp_path: Path) -> None:
    """Tools have nowhere to work."""
    with pytest.raises(ConfigError) as caught:
        async with opener(tmp_path, directory=tmp_path / "gone", tools=("Read",)):
            pass
    assert caught.value.lines[0].startswith("upstreams.cli.settings.directory: there is no directory")


async def test_a_cli_that_is_logged_out_is_named(tmp_path: Path) -> None:
    """The gateway starts all the same: the login may come later, and other upstreams answer meanwhile."""
    with structlog.testing.capture_logs() as logs:
        async with cli(tmp_path, {"FAKE_SIGNED_OUT": "1"}):
            pass
    (entry,) = logs
    assert (entry["event"], entry["upstream"], entry["log_level"]) == (LOGIN, "cli", "warning")


async def test_a_cli_that_is_logged_in_is_not_mentioned(tmp_path: Path) -> None:
    """Nothing is wrong."""
    with structlog.testing.capture_logs() as logs:
        async with cli(tmp_path) as found:
            assert found.heard()[0]["arguments"] == ["auth", "status"]
    assert logs == []


async def test_a_program_that_can_t_tell(tmp_path: Path) -> None:
    """Is given the benefit of the doubt."""
    with structlog.testing.capture_logs() as logs:
        async with opener(tmp_path, command=("/bin/sh", str(tmp_path / "nothing"))):
            pass
        mute = tmp_path / "mute"
        mute.write_text("")
        mute.chmod(0o700)
        async with opener(tmp_path, command=(str(mute),)):
            pass
    assert [entry["event"] for entry in logs] == [LOGIN, "the CLI can't be asked for its login"]


async def test_programs_work_in_a_folder_of_their_own(tmp_path: Path) -> None:
    """Empty, and readable by nobody else; the operator's where there are tools."""
    async with opener(tmp_path) as made:
        assert made.directory == tmp_path / "home" / "empty"
        assert list(made.directory.iterdir()) == []
        assert made.directory.stat().st_mode & 0o077 == 0
        assert made.home.stat().st_mode & 0o077 == 0
    async with opener(tmp_path, directory=tmp_path, tools=("Read",)) as made:
        assert made.directory == tmp_path


def test_where_it_is_for_people() -> None:
    """A program has no address."""
    assert str(Opener(name="cli", settings=Settings()).origin) == "program://claude"
