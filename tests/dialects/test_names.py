"""Names of tools and ids of calls: legal everywhere, the same in every turn, and given back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from pipeline.events import BlockStarted, Event, Text, TextDelta, ToolUse
from stages.dialects import names
from stages.dialects.names import alias, raw_id, restoring, safe_id, short_id

anything = st.text(min_size=1) | st.from_regex(r"[a-zA-Z0-9_.-]{1,90}", fullmatch=True) | st.just("gwid_YWJj")


@given(anything)
def test_an_alias_is_legal_and_final(name: str) -> None:
    """Any name becomes a legal one, a legal one stays, and an alias is its own."""
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", alias(name))
    assert alias(alias(name)) == alias(name)
    if re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
        assert alias(name) == name


@given(anything, anything)
def test_aliases_differ(one: str, other: str) -> None:
    """Different names have different aliases."""
    assert (alias(one) == alias(other)) == (one == other or alias(one) == other or alias(other) == one)


def test_aliases_never_change() -> None:
    """They are in prompts that upstreams have cached: a new version of ours must not make others."""
    assert alias("mcp.files/read") == "mcp_files_read_gw7c0cd8d6c0857ded"


@given(anything)
def test_an_id_goes_there_and_back(raw: str) -> None:
    """Any id becomes one that Anthropic takes, and is given back; a legal one stays."""
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", safe_id(raw))
    assert raw_id(safe_id(raw)) == raw
    if re.fullmatch(r"[a-zA-Z0-9_-]+", raw) and not raw.startswith("gwid_"):
        assert safe_id(raw) == raw


@given(st.text())
def test_what_is_no_code_stays(text: str) -> None:
    """An id that only looks coded is left as it is."""
    for given_ in (text, f"gwid_{text}"):
        assert safe_id(raw_id(given_)) == given_ or raw_id(given_) == given_


@given(anything)
def test_short_ids(raw: str) -> None:
    """An id fits; one that fits anyway stays."""
    assert len(short_id(raw, 40)) <= 40
    assert (short_id(raw, 40) == raw) == (len(raw) <= 40)


def calls(events: list[Event]) -> list[object]:
    return [event.block for event in events if isinstance(event, BlockStarted)]


def test_calls_get_their_own_names_back() -> None:
    """What was renamed comes back under the name the client knows, free-form tools marked; all else stays."""
    body = {
        "tools": [
            {"type": "function", "function": {"name": "a.b"}},
            {"type": "custom", "custom": {"name": "sh"}},
            {"name": "c d", "input_schema": {}},
            {"type": "function", "function": {"name": "plain"}},
        ]
    }
    restored = restoring(body)
    assert restored is not None
    assert restored.kinds == frozenset({BlockStarted})  # type: ignore[attr-defined]  # set by reads()
    for name, block in (
        (alias("a.b"), ToolUse("1", "a.b")),
        ("sh", ToolUse("1", "sh", {"type": "custom"})),
        (alias("c d"), ToolUse("1", "c d")),
    ):
        (event,) = restored(BlockStarted(0, ToolUse("1", name), frame=b"x")) or []
        assert isinstance(event, BlockStarted)
        assert (event.block, event.frame) == (block, None)
    for event in (BlockStarted(0, ToolUse("1", "plain")), BlockStarted(0, Text()), TextDelta(0, "x")):
        assert restored(event) is None


@pytest.mark.parametrize("body", [{}, {"tools": None}, {"tools": [5, {"name": "ok"}, {"type": "function"}]}])
def test_nothing_to_restore(body: dict[str, object]) -> None:
    """Where all names are legal the reply is not looked at."""
    assert restoring(body) is None


def test_names_that_can_not_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tools under one alias would be one tool to the model: the request is refused."""
    monkeypatch.setattr(names, "alias", lambda name: "same")
    with pytest.raises(InvalidRequest, match="told apart"):
        restoring({"tools": [{"name": "a"}, {"name": "b"}]})


def test_a_copy_of_ids_goes_its_own_way() -> None:
    """It knows those that were given before, and the other nothing of those that it gives."""
    ids = names.Ids()
    ids.unique("a")
    copied = ids.copy()
    assert [copied.unique("a"), ids.unique("a"), copied.unique("a")] == ["a_2", "a_2", "a_3"]
