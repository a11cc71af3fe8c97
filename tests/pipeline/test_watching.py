"""Watching: a change is told once, when it is whole."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
import trio
import trio.testing

from pipeline.watching import LOOK, Marks, marks, watch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One that is watched."""
    file = tmp_path / "pipeline.toml"
    write(file, "one")
    return file


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def at_once(files: Iterable[Path]) -> Marks:
    """The marks, taken here: no clock jumps over a thread that is at work."""
    await trio.lowlevel.checkpoint()
    return marks(files)


async def seen(file: Path, nursery: trio.Nursery) -> list[str]:
    """What was in *file* whenever it changed, from now on."""
    found: list[str] = []

    async def changed() -> None:
        found.append(file.read_text())  # noqa: ASYNC240  # small, local

    nursery.start_soon(watch, lambda: [file], changed, at_once)
    await looks(1)
    return found


async def looks(count: int) -> None:
    """Returns after so many looks."""
    for _ in range(count):
        await trio.sleep(LOOK)


async def test_a_change_is_told_once(file: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Written in place, or with another file renamed over it; nothing is told where nothing changed."""
    found = await seen(file, nursery)
    await looks(3)
    assert found == []
    write(file, "two!")
    await looks(4)
    assert found == ["two!"]
    other = file.with_name("other")
    write(other, "three")
    os.replace(other, file)
    await looks(4)
    assert found == ["two!", "three"]


async def test_half_a_file_is_not_read(
    file: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Who writes for a while, or takes it away for a moment, is waited for."""
    found = await seen(file, nursery)
    for length in range(1, 6):
        write(file, "x" * 10 * length)
        await looks(1)
    os.unlink(file)
    await looks(3)
    assert found == []
    write(file, "whole")
    await looks(3)
    assert found == ["whole"]


async def test_a_link_that_is_turned_is_a_change(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """As Kubernetes does with the files of a ConfigMap."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pipeline.toml").write_text(name)
    link = tmp_path / "current"
    link.symlink_to("first")
    found = await seen(link / "pipeline.toml", nursery)
    fresh = tmp_path / "fresh"
    fresh.symlink_to("second")
    os.replace(fresh, link)
    await looks(4)
    assert found == ["second"]
