"""The words both HTTP versions share: names in lower case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.messages import Nothing, Request, lowered

NAMES = st.binary(min_size=1, max_size=60)


@given(st.lists(st.tuples(NAMES, st.binary()), max_size=8))
def test_only_names_become_lower_case(headers: list[tuple[bytes, bytes]]) -> None:
    """Values, order and repetitions stay."""
    assert lowered(headers) == [(name.lower(), value) for name, value in headers]


@given(st.lists(st.tuples(NAMES, st.binary()), max_size=8))
def test_folded_fields_are_read_as_ever(headers: list[tuple[bytes, bytes]]) -> None:
    """All of them, in their order, however often; no field has the byte that is between them (RFC 9110 §5.5)."""
    headers = [(name.replace(b"\n", b" "), value.replace(b"\n", b" ")) for name, value in headers]
    request = Request("GET", "/", list(headers), Nothing())
    for _ in range(2):
        request.fold()
        assert request.headers == headers
        assert request.header(b"x") == dict(reversed([(n, v.decode("latin-1")) for n, v in headers])).get(b"x")
    assert "headers=" in repr(request)
    with pytest.raises(AttributeError):
        _ = request.heads  # type: ignore[attr-defined]  # there is no such thing


def test_folded_fields_take_less() -> None:
    """Else an open stream would keep an object for each name and value, and one for each pair."""
    request = Request("GET", "/", [(b"x-%d" % number, b"y" * 20) for number in range(20)], Nothing())
    request.fold()
    assert request.headers is not request.headers


def test_a_name_met_again_is_one_object() -> None:
    """Thousands of open streams have the same ones."""
    [(one, _)] = lowered([(b"X-Met-Again", b"1")])
    [(other, _)] = lowered([(b"-".join([b"X", b"Met", b"Again"]), b"2")])
    assert one is other


def test_strangers_names_take_no_room() -> None:
    """Whatever names are sent, long or many, few are kept, and those of the next request are right all the same."""
    long = b"X-" + b"y" * 60_000
    assert lowered([(long, b"")])[0][0] is not lowered([(long, b"")])[0][0]
    for number in range(2000):
        assert lowered([(b"X-%d" % number, b"")]) == [(b"x-%d" % number, b"")]
