"""For all tests: what belongs to a user's own directories goes to a temporary one."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("shared", deadline=None)  # a busy machine is no failure of what is tested
settings.load_profile("shared")


@pytest.fixture(autouse=True, scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The data directory of whoever runs the tests is not theirs to write to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))
        yield
