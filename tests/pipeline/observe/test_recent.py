"""The ring: bounded in number and in bytes."""

import json

import attrs
import pytest

from pipeline.observe.recent import LONGEST, Recent
from pipeline.prompt import Edit


def ids(recent: Recent) -> list[str]:
    return [json.loads(entry)["id"] for entry in recent.listed(100)]


def test_the_last_ones_are_kept() -> None:
    """The newest first."""
    recent = Recent(3)
    for number in range(5):
        recent.add({"id": f"r{number}"})
    assert ids(recent) == ["r4", "r3", "r2"]
    assert [json.loads(entry)["id"] for entry in recent.listed(1)] == ["r4"]
    assert (recent.one("r1"), recent.one("r3")) == (None, b'{"id":"r3"}')


def test_bytes_are_bounded() -> None:
    """Whatever the number; the account of them is exact."""
    recent = Recent(1000, size=300)
    for number in range(100):
        recent.add({"id": f"r{number}", "text": "x" * 50})
        assert recent.held == sum(map(len, recent.listed(1000))) <= 300
    assert ids(recent)[0] == "r99"
    recent.add({"id": "r99", "text": ""})
    assert recent.held == sum(map(len, recent.listed(1000)))


def test_an_entry_that_is_too_long_goes_without_its_changes() -> None:
    """One request with ten thousand edits is not to drive out all others."""
    recent = Recent()
    recent.add({"id": "r", "effects": ["x" * LONGEST]})
    assert recent.one("r") == b'{"id":"r"}'


@pytest.mark.parametrize("word", ["temperature", "half a character: \ud800"])
def test_an_edit_is_told_by_its_fields(word: str) -> None:
    """Also where something in it is nothing that UTF-8 has a word for."""
    recent, edit = Recent(), Edit("warmer", word, "set", "warm", lossy=True)
    recent.add({"id": "r", "effects": [{"edits": [edit]}]})
    (told,) = json.loads(recent.one("r") or b"")["effects"][0]["edits"]
    assert told == attrs.asdict(edit) | {"path": word.replace("\ud800", "?")}


def test_none_may_be_kept() -> None:
    """Where that is configured."""
    recent = Recent(0)
    recent.add({"id": "r"})
    assert len(recent) == 0
