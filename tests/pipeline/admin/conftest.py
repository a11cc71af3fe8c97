"""One office for a test that asks for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.pipeline.admin.office import Office, office


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Office]:
    """With a configured account, and nothing in its store."""
    async with office(tmp_path) as opened:
        yield opened
