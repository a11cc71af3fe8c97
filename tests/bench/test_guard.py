"""The hot paths cost what they did: CPU against a yardstick of pure Python, in the same run."""

import pytest

from bench.guard import MOST, PATHS, ratios, recorded


@pytest.mark.timeout(300)
def test_no_hot_path_has_become_dearer() -> None:
    """Each path within 15 % of what was recorded; tried again where it is not, since a neighbour can only add."""
    allowed = {name: ratio * MOST for name, ratio in recorded().items()}
    found = ratios(enough=allowed)
    assert set(found) == set(PATHS) == set(allowed)
    assert {name: ratio for name, ratio in found.items() if ratio > allowed[name]} == {}
