"""The words both HTTP versions share: names in lower case."""

from hypothesis import given
from hypothesis import strategies as st

from transports.messages import lowered

NAMES = st.binary(min_size=1, max_size=60)


@given(st.lists(st.tuples(NAMES, st.binary()), max_size=8))
def test_only_names_become_lower_case(headers: list[tuple[bytes, bytes]]) -> None:
    """Values, order and repetitions stay."""
    assert lowered(headers) == [(name.lower(), value) for name, value in headers]


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
