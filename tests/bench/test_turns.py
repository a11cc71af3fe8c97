"""Two states of the source, asked in turn."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_folder_is_held_against_the_first(tmp_path: Path) -> None:
    """One row for each; the first is once itself, and a folder runs what is in it, from wherever it is asked."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("pipeline", "stages", "transports"):
        (other / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "bench.turns", str(ROOT), str(other), "--rounds", "1", "--settle", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=90)
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == [str(ROOT), str(other)]
    assert rows[0][3] == "1.000"
    assert float(rows[1][1].removesuffix(" µs")) > 0
