"""Settings with their secrets covered."""

from pathlib import Path

import attrs

from pipeline.admin.masked import masked
from pipeline.config import Entry
from pipeline.secret import Secret


@attrs.frozen
class Mine:
    """Settings of somebody's stage."""

    token: str = "t0k3n"
    file: Path = Path("a/b")
    within: tuple[dict[str, object], ...] = ({"password": "p4ss", "n": 1, "s": Secret("s3cret")},)
    url: str = "https://me:hidden@host/x"
    _state: int = attrs.field(init=False, default=1)


def test_secrets_are_covered_by_type_by_name_and_in_addresses() -> None:
    """At any depth; what is no setting is not told."""
    assert masked(Mine()) == {
        "token": "***",
        "file": "a/b",
        "within": [{"password": "***", "n": 1, "s": "***"}],
        "url": "https://host/x",
    }


def test_what_has_no_settings_has_none() -> None:
    """A function, say; an entry of the line is what was written."""
    assert masked(print) == {}
    entry = Entry(use="mine", settings={"key": "k"})
    assert masked({"stages": [entry]}) == {"stages": [{"use": "mine", "key": "***"}]}
