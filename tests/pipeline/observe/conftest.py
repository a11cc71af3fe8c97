"""An office whose figures can be read."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from pipeline.observe.opening import observing, shown
from tests.pipeline.admin.office import CONFIGURED, Office, office

Watched = Callable[[str], AbstractAsyncContextManager[Office]]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """Opens an office of which everything is observed, as further settings say."""

    @asynccontextmanager
    async def opened(more: str = "") -> AsyncIterator[Office]:
        async with office(tmp_path, CONFIGURED + more) as at, observing(at.front.desk.config) as observer:
            at.gateway.observer = observer
            shown(at.gateway, at.front.desk.config)
            yield at

    return opened
