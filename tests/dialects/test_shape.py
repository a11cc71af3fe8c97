"""What a prompt must look like: each check gives its value back, or names the place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from stages.dialects import shape

GOOD: list[tuple[Any, Any]] = [
    (shape.text, ""), (shape.name, "x"), (shape.mapping, {}), (shape.sequence, []), (shape.flag, False),
    (shape.number, 0.5), (shape.number, 3), (shape.count, 0),
]  # fmt: skip
BAD: list[tuple[Any, Any]] = [
    (shape.text, None), (shape.name, ""), (shape.mapping, []), (shape.sequence, {}), (shape.flag, 1),
    (shape.number, True), (shape.number, "1"), (shape.count, -1), (shape.count, True), (shape.count, 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("check", "value"), GOOD)
def test_what_fits_is_given_back(check: Any, value: Any) -> None:
    """The same object."""
    assert check(value, ("x",)) is value


@pytest.mark.parametrize(("check", "value"), BAD)
def test_what_does_not_fit_is_named(check: Any, value: Any) -> None:
    """The message begins with the place, which is the error's param, too."""
    with pytest.raises(InvalidRequest) as raised:
        check(value, ("messages", 3, "content"))
    assert raised.value.param == "messages[3].content"
    assert raised.value.message.startswith("messages[3].content: ")


def test_objects_have_their_places() -> None:
    """Each member with its path; one that is no object is named by it."""
    assert list(shape.objects([{"a": 1}], ("tools",))) == [(("tools", 0), {"a": 1})]
    assert shape.objects([{"a": 1}], ("tools",), 7) == [(("tools", 7), {"a": 1})]  # the first is not always the first
    with pytest.raises(InvalidRequest) as raised:
        list(shape.objects([{}, 5], ("tools",)))
    assert raised.value.param == "tools[1]"


@given(st.integers(0, 30), st.integers(1, 30), st.booleans())
def test_depth(levels: int, limit: int, lists: bool) -> None:
    """A value is deep if it has more levels than the limit, of objects or arrays."""
    value: Any = {}
    for _ in range(levels):
        value = [value, 1] if lists else {"x": value, "y": 1}
    assert shape.deep(value, limit) == (levels >= limit)
