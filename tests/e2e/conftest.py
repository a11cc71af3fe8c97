"""Gateways that many tests share: one before each dialect of the simulated model, for the whole run."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.e2e.running import Door, Gateway, running


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Gateway]]:
    """By the dialect of the upstream; started when first asked for."""
    at = tmp_path_factory.mktemp("gateways")
    with ExitStack() as exits:
        yield cache(lambda dialect: exits.enter_context(running(at / dialect, dialect=dialect)))


@pytest.fixture(params=["anthropic", "chat", "responses"])
def gateway(request: pytest.FixtureRequest, shared: Callable[[str], Gateway]) -> Gateway:
    """Each of them in turn."""
    return shared(request.param)


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Door:
    """The gateway of ``--gateway``, or else one of ours."""
    url = request.config.getoption("--gateway")
    if url is None:
        return Door(request.getfixturevalue("shared")("anthropic").url)
    return Door(url.rstrip("/"), request.config.getoption("--gateway-key"), request.config.getoption("--gateway-model"))
