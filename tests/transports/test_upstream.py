"""The words of the client: origins are parsed strictly, errors hold no secret, a deadline moves."""

import math

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from transports.upstream import ConnectFailed, Deadline, Malformed, Origin, TimedOut, Timers, Truncated, UpstreamError


@pytest.mark.parametrize(
    ("url", "written", "authority"),
    [
        ("https://api.example.com", "https://api.example.com", "api.example.com"),
        ("https://API.Example.com/v1?x=1", "https://api.example.com", "api.example.com"),
        ("https://api.example.com:443/", "https://api.example.com", "api.example.com"),
        ("http://api.example.com:443/", "http://api.example.com:443", "api.example.com:443"),
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434", "127.0.0.1:11434"),
        ("http://my_container:8000", "http://my_container:8000", "my_container:8000"),
        ("http://[::1]:8080/v1", "http://[::1]:8080", "[::1]:8080"),
        ("https://[2001:DB8:0::1]", "https://[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_an_origin_is_what_a_url_names_without_its_path(url: str, written: str, authority: str) -> None:
    """Host is lower case, the scheme's own port is left out of Host, IPv6 stands in brackets."""
    origin = Origin.parse(url)
    assert str(origin) == written
    assert origin.authority == authority
    assert Origin.parse(written) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https:///v1",
        "https://user:hunter2@api.example.com",
        "https://hunter2@api.example.com",
        "https://api.example.com:0x50",
        "https://api.example.com:99999",
        "https://api.example.com:hunter2",
        "https://api example.com",
        "https://api.exa\tmple.com",
        "https://api.example.com\r\nx: y",
        "https://bücher.example",
        "https://a%2fb",
        "https://a\\b",
        "http://[::1",
        "http://[hunter2]/",
        "http://[fe80::1%25eth0]/",
    ],
)
def test_what_is_no_plain_origin_is_refused_without_quoting_it(url: str) -> None:
    """A URL in a configuration may hold a secret by mistake: the error must not repeat it."""
    with pytest.raises(ValueError, match="a URL") as raised:
        Origin.parse(url)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


@given(st.text(max_size=40))
def test_any_text_is_an_origin_or_a_value_error(text: str) -> None:
    """Nothing else ever leaves the parser, and what it takes is printable in a Host field."""
    try:
        origin = Origin.parse("https://" + text)
    except ValueError:
        return
    assert origin.authority.isascii()
    assert not set(origin.authority) & set("/?#@\\% \r\n\t")


def test_errors_are_one_family_with_what_a_retry_needs_to_know() -> None:
    """One except clause takes them all; each says in one line what happened to whom."""
    origin = Origin.parse("https://api.example.com/secret-path")
    late = TimedOut(origin, "first_byte", 300)
    assert str(late) == "https://api.example.com: no answer within 300 s"
    assert (late.phase, late.seconds) == ("first_byte", 300)
    assert ConnectFailed("x", "dns").reason == "dns"
    assert not Truncated("x", answered=False).answered
    assert all(issubclass(kind, UpstreamError) for kind in (ConnectFailed, TimedOut, Truncated, Malformed))


async def test_a_deadline_moves_with_its_phase_and_rests_in_between(autojump_clock: trio.testing.MockClock) -> None:
    """Each phase has its own timer from where it begins; a caller at work has none."""
    deadline = Deadline(Timers(first_byte=3, idle=4))
    with deadline.scope as scope:
        deadline.expect("first_byte")
        await trio.sleep(2.9)
        deadline.expect("idle")
        await trio.sleep(3.9)
        deadline.rest()
        assert scope.deadline == math.inf
        await trio.sleep(1000)
        deadline.expect("idle")
        await trio.sleep_forever()
    assert scope.cancelled_caught
    assert (deadline.phase, deadline.seconds) == ("idle", 4)
