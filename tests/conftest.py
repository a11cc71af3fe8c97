"""For all tests: what belongs to a user's own directories goes to a temporary one."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("shared", deadline=None)  # a busy machine is no failure of what is tested
settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the tests of a gateway that already runs need to know of it."""
    group = parser.getgroup("gateway", "a gateway that runs")
    group.addoption("--gateway", metavar="URL", help="ask this one what every gateway must do, and run no other test")
    group.addoption("--gateway-key", default="any", help="a key that it takes (any)")
    group.addoption("--gateway-model", default="", help="a model that it has (the first that it lists)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--gateway`` only those tests run that can ask it: those that take a ``door``."""
    if config.getoption("--gateway") is not None:
        asking = [item for item in items if "door" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in asking])
        items[:] = asking


@pytest.fixture(autouse=True, scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The data directory of whoever runs the tests is not theirs to write to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))
        yield
