"""The program itself: what a start has to wait for, and what it leaves for later."""

import gc
import importlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# What only some gateways need, and most of them later: migration, tunnels, seals, spans, a server for the books.
LATER = {"alembic", "sqlalchemy", "httpcore", "anyio", "cryptography", "opentelemetry", "psycopg"}

SERVES = """
import sys
import trio
import pipeline.__main__
from pathlib import Path
from pipeline.reading import configured
from pipeline.serving import serve

async def main():
    async with trio.open_nursery() as nursery:
        config = configured({"server": {"port": 0}, "store": {"file": str(Path(sys.argv[1]) / "books.db")}})
        await nursery.start(serve, config)
        print(*sys.modules)
        nursery.cancel_scope.cancel()

trio.run(main)
"""


def test_a_plain_start_imports_what_it_needs(tmp_path: Path) -> None:
    """Whoever imports more for everybody makes every start, and every restart after a crash, later and larger."""
    command = [sys.executable, "-c", SERVES, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    modules = set(done.stdout.split())
    assert {"pipeline.serving", "stages.forward"} <= modules
    assert LATER & modules == set()
    commands = {name for name in modules if name.startswith("pipeline.commands.")}
    assert commands == {"pipeline.commands.life"}


def test_the_collector_is_at_work_once_all_is_imported() -> None:
    """It rests for the imports only: a command that lasts needs it."""
    importlib.import_module("pipeline.__main__")
    assert gc.isenabled()
