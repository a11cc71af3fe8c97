"""The crowd: who has how many connections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.crowd import Crowd, client_of


def test_a_client_may_have_so_many_and_no_more() -> None:
    """Others are not concerned; who leaves makes room; who has none left is forgotten."""
    crowd = Crowd(2)
    assert [crowd.enter("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert crowd.enter("192.0.2.2")
    crowd.leave("192.0.2.1")
    assert crowd.enter("192.0.2.1")
    for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        crowd.leave(peer)
    assert len(crowd) == 0


def test_without_a_bound_nothing_is_counted() -> None:
    """Behind a proxy everybody is one client."""
    crowd = Crowd(0)
    assert all(crowd.enter("127.0.0.1") for _ in range(100))
    assert len(crowd) == 0
    crowd.leave("127.0.0.1")


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("2001:db8:1:3::9", "2001:db8:1:3::"),
        ("::1", "::"),
        ("", ""),
    ],
)
def test_who_a_client_is(peer: str, client: str) -> None:
    """One address; of IPv6 all that one site is given; an IPv4 address however it is written."""
    assert client_of(peer) == client


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())), st.integers(1, 3))
def test_the_count_is_that_of_open_connections(steps: list[tuple[str, bool]], most: int) -> None:
    """However clients come and go."""
    crowd, inside = Crowd(most), dict.fromkeys("abc", 0)
    for peer, comes in steps:
        if comes:
            may = crowd.enter(peer)
            assert may == (inside[peer] < most)
            inside[peer] += may
        elif inside[peer]:
            crowd.leave(peer)
            inside[peer] -= 1
    assert len(crowd) == sum(count > 0 for count in inside.values())
