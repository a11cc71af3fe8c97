"""Where another gateway's settings stand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.admin.conftest import at as at  # a fixture: an office
from tests.stages.legacy.old import Old, place


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Old]:
    yield from place(tmp_path, monkeypatch)
