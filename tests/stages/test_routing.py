"""Rules: the first that holds, all that is said of it, and nothing looked up that is not asked for."""

import timeit
from collections.abc import Mapping

import attrs
import pytest

from stages.routing import LONGEST, REMEMBERED, Entry, Rule, Rules


@attrs.define
class Known:
    """Facts as they are given, and which of them were asked for."""

    key: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    thinking: bool = False
    images: bool = False
    size: int = 100
    tokens: int = 10


class Dear(Known):
    """Facts that must not be asked for."""

    def __getattribute__(self, name: str) -> object:
        assert name not in {"images", "tokens", "thinking"}, name
        return super().__getattribute__(name)


def rules(*given: Rule) -> Rules:
    """*given*, by number."""
    return Rules(tuple(Entry(f"rules[{number}]", rule) for number, rule in enumerate(given)))


@pytest.mark.parametrize(
    ("rule", "facts", "holds"),
    [
        (Rule(), Known(), True),
        (Rule(keys=("team-*", "ada")), Known(key="ada"), True),
        (Rule(keys=("team-*", "ada")), Known(key="team-1"), True),
        (Rule(keys=("team-*", "ada")), Known(key="Ada"), False),
        (Rule(headers={"X-Agent": "sub-*"}), Known(headers={"x-agent": "sub-1"}), True),
        (Rule(headers={"x-agent": "sub-*"}), Known(headers={"x-agent": "main"}), False),
        (Rule(headers={"x-agent": "*"}), Known(), False),
        (Rule(headers={"a": "1", "b": "2"}), Known(headers={"a": "1"}), False),
        (Rule(thinking=True), Known(thinking=True), True),
        (Rule(thinking=False), Known(thinking=True), False),
        (Rule(images=True), Known(), False),
        (Rule(images=False), Known(), True),
        (Rule(over_tokens=10), Known(tokens=10), False),
        (Rule(over_tokens=10), Known(tokens=11), True),
        (Rule(up_to_tokens=10), Known(tokens=10), True),
        (Rule(up_to_tokens=10), Known(tokens=11), False),
        (Rule(over_bytes=99, up_to_bytes=100), Known(size=100), True),
        (Rule(over_bytes=99, up_to_bytes=100), Known(size=101), False),
        (Rule(thinking=True, images=True), Known(thinking=True), False),
    ],
)
def test_a_rule_holds_where_all_that_it_says_does(rule: Rule, facts: Known, holds: bool) -> None:
    """Each condition, at its edge."""
    assert rule.holds(facts) is holds


def test_the_first_rule_that_holds_counts() -> None:
    """Names by glob, in upper and lower case as they are."""
    some = rules(Rule("a-*", thinking=True), Rule("a-1"), Rule("a-*"))
    for name, facts, label in (
        ("a-1", Known(thinking=True), "rules[0]"),
        ("a-1", Known(), "rules[1]"),
        ("a-2", Known(), "rules[2]"),
    ):
        found = some.find(name, facts)
        assert found is not None
        assert found.label == label
    assert some.find("A-1", Known()) is None


def test_nothing_dear_is_looked_up_where_something_cheap_decides() -> None:
    """Nor for rules of other names."""
    some = rules(
        Rule("b", images=True), Rule("a", keys=("x",), over_tokens=5), Rule("a", headers={"h": "1"}, images=True)
    )
    assert some.find("a", Dear()) is None


def test_a_thousand_rules_cost_what_one_does() -> None:
    """Once a name is known; and names are remembered within bounds."""
    some = rules(*(Rule(f"m{number}-*") for number in range(1000)), Rule("a"))
    some.find("a", Known())
    seconds = min(timeit.repeat(lambda: some.find("a", Known()), number=100, repeat=5)) / 100
    assert seconds < 50e-6
    for number in range(REMEMBERED + 10):
        some.find(f"n{number}", Known())
    assert len(some._known) <= REMEMBERED
    some.find("a" * (LONGEST + 1), Known())
    assert max(map(len, some._known)) <= LONGEST
