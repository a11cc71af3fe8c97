"""Pages: which memory is moved to large ones, and that it is."""

import ctypes
import subprocess
import sys

import pytest

from pipeline.pages import LARGE, pieces

MAPS = """\
559000000000-559000001000 r-xp 00000000 fe:00 18710                      /usr/bin/python3
559000100000-559000900000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000500000 rw-p 00000000 00:00 0
7f0000500000-7f0000600000 rw-p 00000000 00:00 0
7f0000800000-7f0001000000 rw-s 00000000 00:01 77                         /dev/zero (deleted)
7f0001000000-7f0001800000 ---p 00000000 00:00 0
7f0001800000-7f0001c00000 rw-p 00000000 fe:00 4711                       /usr/lib/with spaces.so
"""


def test_pieces_are_ours_alone_and_aligned() -> None:
    """Of memory that has no file, is written to and shared with nobody; where a mapping begins and ends, nothing."""
    assert [f"{piece:x}" for piece in pieces(MAPS)] == [
        "559000200000", "559000400000", "559000600000", "7f0000000000", "7f0000200000",
    ]  # fmt: skip


def collapses() -> bool:
    """Whether this system moves memory to large pages when it is asked to."""
    library, two = ctypes.CDLL(None, use_errno=True), 2 * LARGE
    if not hasattr(library, "madvise"):
        return False
    room = ctypes.create_string_buffer(two)
    start = -(-ctypes.addressof(room) // LARGE) * LARGE
    ctypes.memset(start, 1, LARGE)
    return bool(library.madvise(ctypes.c_size_t(start), ctypes.c_size_t(LARGE), 25) == 0)


@pytest.mark.skipif(not collapses(), reason="needs Linux 6.1 and large pages")
def test_what_is_full_is_moved_and_what_is_empty_is_not_filled() -> None:
    """16 MB lie on large pages then; 64 MB of which one page in a hundred is there take no more."""
    program = """
import mmap, pathlib, re, trio
from pipeline.pages import SMALL, gather

def kilobytes(what):
    return int(re.search(what + r": +(\\d+)", pathlib.Path("/proc/self/smaps_rollup").read_text())[1])

full = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE)
full.write(b"a" * len(full))
sparse = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE)
for at in range(0, len(sparse), 100 * SMALL):
    sparse[at] = 1
huge, resident = kilobytes("AnonHugePages"), kilobytes("Rss")
trio.run(gather)
trio.run(gather)
print(kilobytes("AnonHugePages") - huge, kilobytes("Rss") - resident, full[:] == b"a" * len(full))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    moved, more, same = done.stdout.split()
    assert int(moved) >= 14 * 1024
    assert int(more) < 4 * 1024
    assert same == "True"
