"""A gateway that is killed, again and again, under load; ``python -m bench.kill`` is the long form."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bench.kill import House, place, rounds
from bench.programs import Program, simulated
from tests.postgres import NEEDED, found


@pytest.fixture
def model() -> Iterator[Program]:
    """A simulated model, in a process of its own."""
    with simulated("anthropic") as program:
        yield program


@pytest.mark.slow
@pytest.mark.parametrize("postgres", [False, True])
def test_a_kill_costs_nothing_that_a_client_saw(tmp_path: Path, model: Program, postgres: bool) -> None:
    """No record lost, none doubled, each with the tokens its client was told, sums right, nothing left open."""
    if postgres and found() is None:
        pytest.skip(NEEDED)
    with place(tmp_path, postgres=postgres) as settings:
        house = House(tmp_path, model.port, settings, Random(7), clients=4)
        came_to = rounds(house, 8)
    assert came_to.wrong == []
    assert came_to.ended > 10
    assert came_to.cut > 0
