"""Clients that leave at any moment: no task, socket or upstream request is left, and no slot is ever stuck."""

from pathlib import Path

import pytest

from bench.cancellations import run
from tests.e2e.test_flow import PATHS


@pytest.mark.slow
@pytest.mark.parametrize("dialect", list(PATHS))
async def test_hundreds_of_clients_that_leave_at_random_leave_nothing_behind(tmp_path: Path, dialect: str) -> None:
    """Tasks, files and pool are as before; what the model was asked is over, and booked once; the next is served."""
    found = await run(tmp_path, dialect=dialect, count=300, clients=12, seed=11)
    print(found.told())  # noqa: T201  # the bound
    assert found.wrong == []
    assert found.left == 300
    assert found.closing
    assert max(found.closing) < 1
