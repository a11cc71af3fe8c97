"""The spool: whatever was appended is found again, whatever happened; and what was taken never comes back."""

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.store import spool
from pipeline.store.spool import PIECE, SEGMENT, Orphan, Spool, SpoolFull, framed, orphans, read

LIMIT = 4 * SEGMENT
ROOT = Path(__file__).parents[3]


def entries(made: Spool) -> list[tuple[int, bytes]]:
    """What somebody would find who came upon its files now."""
    return Orphan(made.folder, -1).entries()


def test_entries_are_found_in_their_order(tmp_path: Path) -> None:
    """At once: nothing is buffered."""
    made = Spool(tmp_path, LIMIT)
    assert [made.append(payload) for payload in (b"a", b"", b"ccc")] == [1, 2, 3]
    assert entries(made) == [(1, b"a"), (2, b""), (3, b"ccc")]
    made.close()


def test_a_folder_is_its_process_own_until_that_ends(tmp_path: Path) -> None:
    """Another process adopts it only then."""
    made = Spool(tmp_path, LIMIT)
    made.append(b"a")
    assert list(orphans(tmp_path)) == []
    made.close()
    (orphan,) = orphans(tmp_path)
    assert (orphan.instance, orphan.entries()) == (made.instance, [(1, b"a")])
    assert list(orphans(tmp_path)) == [], "one adopts it, not two"
    orphan.close(done=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_nothing_left_in_it_goes_with_its_process(tmp_path: Path) -> None:
    """Everything is in the database."""
    made = Spool(tmp_path, LIMIT)
    made.applied(made.append(b"a"))
    made.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_ends_nobody(tmp_path: Path) -> None:
    """Somebody cleaned up: whoever closes goes on, and has let go of its files."""
    made = Spool(tmp_path, LIMIT)
    made.applied(made.append(b"a"))
    shutil.rmtree(made.folder)
    open_before = len(os.listdir("/proc/self/fd"))
    made.close()
    assert len(os.listdir("/proc/self/fd")) == open_before - 3  # two segments, and the lock


def test_segments_are_used_again(tmp_path: Path) -> None:
    """However much passes through, a spool whose entries are taken stays as small as it was."""
    made = Spool(tmp_path, LIMIT)
    for _ in range(200):
        made.applied(made.append(bytes(100_000)))
    last = made.append(b"last")
    assert sum(path.stat().st_size for path in made.folder.iterdir()) <= 3 * SEGMENT
    assert entries(made)[-1] == (last, b"last")
    assert all(number > last - 25 for number, _ in entries(made)), "what is overwritten is gone"
    made.applied(last)
    made.close()


def test_when_it_is_full_it_says_so_and_keeps_room_for_those_that_run(tmp_path: Path) -> None:
    """New requests stop at three quarters, ends of running ones go on to the end."""
    made = Spool(tmp_path, LIMIT)
    begun = written = 0
    while True:
        begun += made.room
        try:
            made.append(bytes(10_000))
        except SpoolFull:
            break
        written += 1
    assert 0 < begun < written < LIMIT // 10_000
    assert [number for number, _ in entries(made)] == list(range(1, written + 1))
    made.applied(written)
    assert made.room
    made.append(b"again")
    made.close()


def test_a_full_disk_is_no_matter_while_there_are_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were filled when they were made; new requests stop when the last one is begun."""
    made = Spool(tmp_path, LIMIT)

    def full(fd: int, data: bytes, offset: int) -> int:
        if len(data) == PIECE:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data, offset)

    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", full)
    written = 0
    while made.room:
        made.append(bytes(10_000))
        written += 1
    assert written > SEGMENT // 10_100
    after = made.append(b"the end of one that runs")
    made.applied(after)
    assert made.room, "what the database took is room again, with the disk still full"
    made.close()


def test_a_segment_is_filled_a_piece_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To its end; what is written in one the system keeps in one, and goes through for each entry."""
    pieces: list[tuple[int, int]] = []

    def seen(fd: int, data: bytes, offset: int) -> int:
        pieces.append((offset, len(data)))
        return write(fd, data, offset)

    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", seen)
    made = Spool(tmp_path, LIMIT)
    assert {size for _, size in pieces} == {PIECE}
    assert PIECE <= SEGMENT // 64
    assert sorted(pieces) == sorted([(start, PIECE) for start in range(0, SEGMENT, PIECE)] * spool.LEAST)
    assert {path.stat().st_size for path in made.folder.iterdir() if path.name != spool.LOCK} == {SEGMENT}
    made.close()


def test_a_process_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """Not even what it wrote last; and its lock goes with it."""
    program = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from pipeline.store.spool import Spool
spool = Spool(Path(sys.argv[1]), {LIMIT})
number = 0
while True:
    number = spool.append(b"entry %d" % (number + 1))
    sys.stdout.write(f"{{number}}\\n")
    sys.stdout.flush()
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(500):
        process.stdout.readline()
    process.kill()
    told = process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    (orphan,) = orphans(tmp_path)
    found = orphan.entries()
    assert found[-1][0] >= int(told[-1] if told else 500)
    assert found == [(number, b"entry %d" % number) for number in range(1, len(found) + 1)]
    orphan.close(done=True)


def test_after_a_failed_sync_all_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into other files: those that failed are not trusted again."""
    made = Spool(tmp_path, LIMIT)
    numbers = [made.append(b"%d" % number) for number in range(5)]
    made.applied(numbers[1])
    old = set(made.folder.iterdir())

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(OSError, match="Input/output"):
            made.sync()
    assert made.synced == 0
    made.renew()
    assert not old & set(made.folder.iterdir()) - {made.folder / spool.LOCK}
    assert [number for number, _ in entries(made)] == numbers[2:]
    assert made.append(b"more") == 6
    made.sync()
    assert made.synced == 6
    made.close()


def test_writing_anew_that_fails_leaves_what_there_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And may be tried again."""
    made = Spool(tmp_path, LIMIT)
    made.append(b"a")
    before = set(made.folder.iterdir())

    def full(fd: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            made.renew()
    assert set(made.folder.iterdir()) == before
    assert (made.append(b"b"), entries(made)) == (2, [(1, b"a"), (2, b"b")])
    made.close()


def test_appending_is_cheap(tmp_path: Path) -> None:
    """It happens where everything else happens: on the loop."""
    made = Spool(tmp_path, 32 * SEGMENT)
    payload = bytes(300)
    took = []
    for _ in range(2000):
        began = time.perf_counter()
        made.append(payload)
        took.append(time.perf_counter() - began)
    made.close()
    assert sorted(took)[len(took) // 2] < 0.0005


# -- torn files -------------------------------------------------------------------------------------------------------

PAYLOADS = st.lists(st.binary(max_size=40), min_size=1, max_size=8)


def written(payloads: list[bytes], begin: int) -> bytes:
    """A segment that begins with entry *begin*."""
    data = b""
    for number, payload in enumerate(payloads, begin):
        data += framed(number, payload)
    return data


@settings(deadline=None)
@given(PAYLOADS, st.data())
def test_a_torn_segment_is_read_up_to_the_tear(payloads: list[bytes], data: st.DataObject) -> None:
    """Cut anywhere, or with a byte changed: what is found is what was written, from the beginning on."""
    whole = written(payloads, 1)
    cut = data.draw(st.integers(0, len(whole)))
    found = [payload for _, payload in read(whole[:cut] + bytes(100))]
    assert found == payloads[: len(found)]
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]
    found = [payload for _, payload in read(changed)]
    assert found == payloads[: len(found)]
    assert len(found) < len(payloads)


@settings(deadline=None)
@given(PAYLOADS, PAYLOADS)
def test_what_is_left_of_earlier_entries_is_never_taken_for_later_ones(early: list[bytes], late: list[bytes]) -> None:
    """A segment is written over from its beginning."""
    segment = bytearray(written(early, 1) + bytes(2000))
    fresh = written(late, 100)
    segment[: len(fresh)] = fresh
    assert [number for number, _ in read(bytes(segment))] == list(range(100, 100 + len(late)))
