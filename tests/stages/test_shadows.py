"""Shadows: what is said to take another does, whatever the request."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.routing import Entry, Rule, Rules
from stages.shadows import covers, impossible, joined, shadows, takes
from tests.stages.test_routing import Known

GLOBS = st.text("ab*?[]", max_size=6)


@given(GLOBS, GLOBS, st.text("ab*", max_size=6))
def test_a_glob_that_covers_another_fits_all_that_it_fits(glob: str, other: str, name: str) -> None:
    """Whatever the name."""
    if covers(glob, other) and fnmatchcase(name, other):
        assert fnmatchcase(name, glob) or name == other == glob


@pytest.mark.parametrize(
    ("glob", "other"), [("*", "a?"), ("*", "*"), ("a-*", "a-b*"), ("a-*", "a-1"), ("*b*", "a*b?c"), ("a?c", "abc")]
)
def test_what_plainly_covers_is_known_to(glob: str, other: str) -> None:
    """Stars of all kinds, and one name."""
    assert covers(glob, other)


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        (Rule("a"), Rule("a", thinking=True), True),
        (Rule("a", thinking=True), Rule("a"), False),
        (Rule("a", thinking=True), Rule("a", thinking=False), False),
        (Rule("a", keys=("x-*", "y")), Rule("a", keys=("x-1", "y")), True),
        (Rule("a", keys=("x-*",)), Rule("a"), False),
        (Rule("a", headers={"H": "*"}), Rule("a", headers={"h": "1", "i": "2"}), True),
        (Rule("a", headers={"h": "1"}), Rule("a", headers={"h": "*"}), False),
        (Rule("a", over_tokens=5), Rule("a", over_tokens=5, up_to_tokens=9), True),
        (Rule("a", over_tokens=6), Rule("a", over_tokens=5), False),
        (Rule("a", up_to_bytes=6), Rule("a"), False),
    ],
)
def test_a_rule_takes_another_if_each_condition_does(first: Rule, second: Rule, taken: bool) -> None:
    """In either direction for itself."""
    assert takes(first, second) is taken
    assert takes(first, first)


LIMITS = st.none() | st.integers(0, 3)
SOME = st.sampled_from(["a", "b", "a*", "*", "*b", "?"])
RULES = st.builds(
    Rule,
    match=SOME,
    keys=st.lists(SOME, max_size=2).map(tuple),
    headers=st.dictionaries(st.sampled_from(["h", "H", "i"]), SOME, max_size=2),
    thinking=st.none() | st.booleans(),
    images=st.none() | st.booleans(),
    over_tokens=LIMITS,
    up_to_tokens=LIMITS,
    over_bytes=LIMITS,
    up_to_bytes=LIMITS,
)
FACTS = st.builds(
    Known,
    key=st.sampled_from(["", "a", "b", "ab"]),
    headers=st.dictionaries(st.sampled_from(["h", "i"]), st.sampled_from(["a", "b", "ab"])),
    thinking=st.booleans(),
    images=st.booleans(),
    size=st.integers(0, 4),
    tokens=st.integers(0, 4),
)


@given(st.lists(RULES, min_size=2, max_size=4), st.sampled_from(["a", "b", "ab", "c"]), FACTS)
def test_what_is_said_to_be_in_the_shadow_never_holds_first(rules: list[Rule], name: str, facts: Known) -> None:
    """Whatever the request: the words of it and the rules that route it agree."""
    entries = [Entry(f"rules[{number}]", rule) for number, rule in enumerate(rules)]
    shadowed = {text.partition(" ")[0] for text in shadows(entries)}
    found = Rules(tuple(entries)).find(name, facts)
    assert found is None or found.label not in shadowed


@given(st.lists(RULES, max_size=12))
def test_what_begins_otherwise_need_not_be_looked_at(rules: list[Rule]) -> None:
    """Each held against all before it gives the same sentences."""
    entries = [Entry(f"rules[{number}]", rule) for number, rule in enumerate(rules)]
    before: list[tuple[str, Rule]] = []
    expected = []
    for entry in entries:
        name = f'{entry.label} ("{entry.rule.match}")'
        taker = next((other for other, rule in before if takes(rule, entry.rule)), None)
        if taker is not None:
            expected.append(f"{name} is never reached: {taker} before it takes all that it would")
        else:
            before += [*joined(before, entry), (name, entry.rule)]
    assert list(shadows(entries)) == expected


def test_many_names_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three thousand none is held against all before it: a start would take minutes with ten thousand."""
    held: list[Rule] = []

    def counted(first: Rule, second: Rule) -> bool:
        held.append(first)
        return takes(first, second)

    monkeypatch.setattr("stages.shadows.takes", counted)
    names = [Rule(f"name-{number}") for number in range(1000, 3000)]
    families = [Rule(f"family-{number}-*") for number in range(1000, 2000)]
    one, other = said(*names, *families, Rule("name-1500"), Rule("family-1500-x"))
    assert one.startswith('rules[3000] ("name-1500") is never reached: rules[500] ("name-1500")')
    assert other.startswith('rules[3001] ("family-1500-x") is never reached: rules[2500] ("family-1500-*")')
    assert len(held) == 2


def said(*rules: Rule) -> list[str]:
    """What is said of *rules*."""
    return list(shadows([Entry(f"rules[{number}]", rule) for number, rule in enumerate(rules)]))


def test_two_rules_that_divide_all_between_them_leave_nothing() -> None:
    """Thinking or not, pictures or not; but not two that differ in more."""
    (told,) = said(Rule("a-*", thinking=True), Rule("a-*", thinking=False), Rule("a-1", keys=("x",)))
    assert told == (
        'rules[2] ("a-1") is never reached: rules[0] ("a-*") with rules[1] ("a-*") before it takes all that it would'
    )
    assert not said(Rule("a-*", thinking=True), Rule("a-*", thinking=False, images=True), Rule("a-1"))
    assert not said(Rule("a-*", thinking=True), Rule("a-1", thinking=False), Rule("a-*"))


@pytest.mark.parametrize(
    "rule",
    [Rule(""), Rule("a", over_bytes=5, up_to_bytes=5), Rule("a", up_to_tokens=-1), Rule("a", headers={"x:y": "*"})],
)
def test_what_can_never_hold_by_itself_is_named(rule: Rule) -> None:
    """With its place."""
    (told,) = impossible(Entry("rules[7]", rule))
    assert told.startswith(f'rules[7] ("{rule.match}") can never hold: ')
