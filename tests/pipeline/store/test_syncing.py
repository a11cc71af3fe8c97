"""Syncing: nobody passes before it is on the disk, many share one sync, and a broken disk is told in time."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from pipeline.errors import StoreUnavailable
from pipeline.store.spool import SEGMENT, Spool
from pipeline.store.syncing import Syncing
from tests.pipeline.store.records import until


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path, 4 * SEGMENT)
    yield made
    made.applied(made.appended)
    made.close()


class Counting:
    """Counts syncs; *fails* says what a sync raises, as long as it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: OSError | None = None) -> None:
        self.syncs, self.fails, self._really = 0, fails, os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self)

    def __call__(self, fd: int) -> None:
        self.syncs += 1
        if self.fails is not None:
            raise self.fails
        self._really(fd)


def begin(spool: Spool, syncing: Syncing) -> int:
    number = spool.append(b"entry")
    syncing.begun()
    return number


async def test_until_means_on_the_disk(spool: Spool, nursery: Any) -> None:
    """Not before."""
    syncing = Syncing(spool, patience=5)
    number = begin(spool, syncing)
    assert spool.synced == 0
    nursery.start_soon(syncing.run)
    with trio.fail_after(5):
        await syncing.until(number)
    assert spool.synced == number
    await syncing.until(number)  # at once: it is
    nursery.cancel_scope.cancel()


async def test_many_share_one_sync(spool: Spool, nursery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait at the same time."""
    counting, syncing = Counting(monkeypatch), Syncing(spool, patience=5)
    nursery.start_soon(syncing.run)
    with trio.fail_after(5):
        async with trio.open_nursery() as waiting:
            for _ in range(100):
                waiting.start_soon(syncing.until, begin(spool, syncing))
    assert counting.syncs <= 3
    nursery.cancel_scope.cancel()


async def test_one_alone_is_not_made_to_wait_for_others(
    spool: Spool, nursery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sync begins with it; once others joined, the next gives others time to."""
    monkeypatch.setattr("pipeline.store.syncing.JOIN", 3600)  # nobody looks: what happens, happens at once
    counting, syncing = Counting(monkeypatch), Syncing(spool, patience=5)
    nursery.start_soon(syncing.run)
    number = begin(spool, syncing)
    await until(lambda: spool.synced == number)
    with trio.fail_after(5):
        async with trio.open_nursery() as waiting:
            for _ in range(3):  # the first is alone, as far as anybody knows
                waiting.start_soon(syncing.until, begin(spool, syncing))
    syncs, number = counting.syncs, begin(spool, syncing)
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert (counting.syncs, spool.synced) == (syncs, number - 1)
    nursery.cancel_scope.cancel()


async def test_what_nobody_waits_for_is_synced_all_the_same(spool: Spool, nursery: Any) -> None:
    """The machine may fail while the model thinks."""
    syncing = Syncing(spool, patience=5)
    nursery.start_soon(syncing.run)
    number = begin(spool, syncing)
    await until(lambda: spool.synced == number)
    nursery.cancel_scope.cancel()


async def test_a_disk_that_recovers_is_noticed_by_nobody(
    spool: Spool, nursery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is written anew, and whoever waited passes."""
    counting = Counting(monkeypatch, OSError(errno.EIO, "Input/output error"))
    syncing = Syncing(spool, patience=30)
    nursery.start_soon(syncing.run)
    async with trio.open_nursery() as waiting:
        waiting.start_soon(syncing.until, begin(spool, syncing))
        await until(lambda: counting.syncs > 0)
        counting.fails = None
        waiting.cancel_scope.deadline = trio.current_time() + 5
    assert spool.synced == spool.appended == 1
    assert not syncing.lost
    nursery.cancel_scope.cancel()


async def test_what_a_disk_lost_is_never_called_synced(
    spool: Spool, nursery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While there is no room to write it anew, nobody passes: the next sync of the same file would call it there."""
    counting, syncing = Counting(monkeypatch, OSError(errno.EIO, "Input/output error")), Syncing(spool, patience=0.3)
    write, tries = os.pwrite, []

    def full(fd: int, data: bytes, offset: int) -> int:
        tries.append(len(data))
        raise OSError(errno.ENOSPC, "No space left on device")

    nursery.start_soon(syncing.run)
    number = begin(spool, syncing)
    monkeypatch.setattr(os, "pwrite", full)
    await until(lambda: counting.syncs > 0)
    counting.fails = None
    with pytest.raises(StoreUnavailable), trio.fail_after(5):
        await syncing.until(number)
    assert (counting.syncs, spool.synced) == (1, 0)
    assert tries, "it was tried"
    monkeypatch.setattr(os, "pwrite", write)
    await until(lambda: not syncing.lost)
    assert spool.synced == number
    nursery.cancel_scope.cancel()


async def test_the_thread_ends_with_its_task(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync that has begun is waited for: the files are closed after it, not under it."""
    order, token = [], trio.lowlevel.current_trio_token()
    slow = trio.Event()

    def sync(fd: int) -> None:
        trio.from_thread.run(slow.wait, trio_token=token)
        order.append("synced")

    monkeypatch.setattr(os, "fdatasync", sync)
    syncing = Syncing(spool, patience=5)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(syncing.run)
        begin(spool, syncing)
        await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
        slow.set()
    order.append("over")
    assert order == ["synced", "over"]


async def test_who_waits_too_long_is_told(spool: Spool, nursery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an error that is neither theirs nor the upstream's; and new ones need not begin until it is over."""
    counting = Counting(monkeypatch, OSError(errno.EIO, "Input/output error"))
    syncing = Syncing(spool, patience=0.3)
    nursery.start_soon(syncing.run)
    with pytest.raises(StoreUnavailable) as caught, trio.fail_after(5):
        await syncing.until(begin(spool, syncing))
    assert (caught.value.status, caught.value.retryable, syncing.lost) == (503, False, True)
    counting.fails = None
    await until(lambda: not syncing.lost)
    with trio.fail_after(5):
        await syncing.until(begin(spool, syncing))
    nursery.cancel_scope.cancel()


async def test_a_disk_that_says_nothing_is_told_as_well(
    spool: Spool, nursery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system whose server is gone."""
    silent = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def hang(fd: int) -> None:
        trio.from_thread.run(silent.wait, trio_token=token)

    monkeypatch.setattr(os, "fdatasync", hang)
    syncing = Syncing(spool, patience=0.2)
    nursery.start_soon(syncing.run)
    with pytest.raises(StoreUnavailable), trio.fail_after(5):
        await syncing.until(begin(spool, syncing))
    silent.set()
    await trio.sleep(0.05)
    nursery.cancel_scope.cancel()
