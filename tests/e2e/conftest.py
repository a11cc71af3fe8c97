"""Gateways that many tests share: one before each dialect of the simulated model, for the whole run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import Gateway, running


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Gateway]]:
    """By the dialect of the upstream."""
    at: Path = tmp_path_factory.mktemp("gateways")
    with running(at / "anthropic", dialect="anthropic") as messages, running(at / "chat", dialect="chat") as chat:
        yield {"anthropic": messages, "chat": chat}


@pytest.fixture(params=["anthropic", "chat"])
def gateway(request: pytest.FixtureRequest, shared: dict[str, Gateway]) -> Gateway:
    """Each of them in turn."""
    return shared[request.param]
