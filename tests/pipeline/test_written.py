"""Written: TOML that says the same, and is fit to be read."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.layers import Text
from pipeline.written import value, written

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, width=32), texts)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
tables = st.dictionaries(texts, values, max_size=3)


@given(st.dictionaries(texts, values, max_size=3), st.dictionaries(texts, tables, max_size=3))
def test_what_is_written_reads_the_same(tree: dict[str, Any], upstreams: dict[str, Any]) -> None:
    """Whatever the names and the values; a list of tables stands on its line."""
    said = tree | ({"upstreams": upstreams} if upstreams else {})
    assert tomllib.loads(written(said, lambda path: "why")) == said


def test_it_is_fit_to_be_read() -> None:
    """What is no table first, a heading for each upstream, remarks behind."""
    tree = {"server": {"port": 1}, "without": ["meter"], "upstreams": {"a b": {"key": {"env": "K"}}}}
    assert written(tree, lambda path: "PORT" if path == ("server", "port") else "") == (
        'without = ["meter"]\n\n[server]\nport = 1                                      # PORT\n\n'
        '[upstreams."a b"]\nkey = { env = "K" }\n'
    )


def test_a_text_is_what_it_reads_like() -> None:
    """A number where it is one, else a string."""
    assert [value(Text("90.5")), value(Text("on")), value("7")] == ["90.5", '"on"', '"7"']
