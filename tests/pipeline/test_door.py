"""The door: where a key must stand, and whose it is."""

import os
import stat
from pathlib import Path

import pytest

from pipeline import door
from pipeline.door import guarded, kept, locked, told
from pipeline.loading import build
from pipeline.problems import ConfigError
from tests.pipeline.configs import configured, refused

PROGRAM = '[upstreams.cli]\npreset = "claude_cli"\n'
SERVER = '[upstreams.up]\npreset = "simulated"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key is kept."""
    monkeypatch.setattr(door, "key_file", lambda: tmp_path / "data" / "key")
    return tmp_path / "data" / "key"


def test_a_key_is_made_once(file: Path) -> None:
    """For its owner's eyes, long enough, and the same at every start."""
    config = locked(configured(PROGRAM))
    (entry,) = config.settings["auth"]["keys"]
    assert entry == {"name": "owner", "key": kept(file)}
    assert len(entry["key"]) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert locked(configured(PROGRAM)).settings == config.settings
    assert os.listdir(file.parent) == ["key"]
    auth = dict(build(config).line.stages)["auth"]
    assert [holder.name for holder in auth.keys] == ["owner"]
    assert told(config) == f"in {file}"


@pytest.mark.parametrize(
    "text",
    [
        SERVER,
        f'{PROGRAM}[auth]\nkeys = [{{ name = "ada", key = "sk-ada" }}]',
        f'{PROGRAM}[[stages]]\nuse = "tests.doubles:anyone"\nreplace = "auth"',
        f'without = ["auth", "meter"]\n{PROGRAM}',
    ],
    ids=["no program", "keys of the operator's", "another auth", "no auth"],
)
def test_no_key_is_made(file: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is needed, or where the operator has said who may come in."""
    monkeypatch.setattr("tests.doubles.anyone", lambda exchange: None, raising=False)
    config = configured(text)
    assert locked(config) is config
    assert told(config) == ""
    assert not file.exists()


def test_a_line_without_auth_is_refused() -> None:
    """There would be nobody to ask for a key."""
    lines = refused(f'without = ["auth"]\n{PROGRAM}{SERVER}')
    assert any(
        line.startswith("pipeline.toml: upstreams.cli: runs a program under the operator's login") for line in lines
    )


def test_the_owners_key_is_not_for_the_network() -> None:
    """An address that others reach wants keys that somebody has chosen."""
    lines = refused(f'[server]\nhost = "0.0.0.0"\n{PROGRAM}')
    assert any("server.host" in line for line in lines)


def test_of_two_that_make_it_at_once_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both go on with the same key."""
    file = tmp_path / "key"

    def faster(source: Path, target: Path) -> None:
        file.write_text("of the other\n")
        raise FileExistsError

    monkeypatch.setattr(os, "link", faster)
    assert kept(file) == "of the other"
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_a_key_that_can_t_be_kept(tmp_path: Path) -> None:
    """It does not start, and says where the key was to be."""
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(ConfigError, match=r"auth\.keys: the owner's key can't be kept in"):
        kept(tmp_path / "folder" / "key")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigError, match="delete it"):
        kept(tmp_path / "empty")


def test_who_is_guarded() -> None:
    """Programs, however they are configured."""
    assert guarded(configured(f'{SERVER}{PROGRAM}[upstreams.other]\ndialect = "claude_cli"')) == ["cli", "other"]
    assert guarded(configured(SERVER)) == []
