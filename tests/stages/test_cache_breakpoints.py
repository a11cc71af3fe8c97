"""Breakpoints: where a client has set none, at places that stay from turn to turn, and nothing else is changed."""

from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.document import Path
from pipeline.prompt import spell
from stages.cache_breakpoints import CacheBreakpoints, stage
from tests.doubles import exchange

MARK = {"type": "ephemeral"}
MARK_TEXT = b',"cache_control":{"type":"ephemeral"}'
BILLING = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.329.7b4; cc_entrypoint=cli;"}
TOOL = {"name": "Read", "input_schema": {"type": "object", "properties": {"cache_control": {"type": "string"}}}}


class Anthropic:
    """As much of a dialect as an exchange asks for."""

    NAME = "anthropic"


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def run(body: Any, *, dialect: Any = Anthropic, **settings: Any) -> Any:
    """The prompt's bytes after the stage, and what was recorded."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    made = exchange(raw, dialect=dialect, began=0.0)
    CacheBreakpoints(**settings)(made)
    return made.prompt.encode(), made.prompt.edits


def marks(value: Any, path: Path = ()) -> list[Path]:
    """Where markers are, other than in tools' inputs and schemas."""
    if isinstance(value, dict):
        below = [(key, child) for key, child in value.items() if key not in {"input", "input_schema", "cache_control"}]
        own = [path] if "cache_control" in value else []
    else:
        below, own = list(enumerate(value)) if isinstance(value, list) else [], []
    return own + [place for key, child in below for place in marks(child, (*path, key))]


def placed(body: Any, **settings: Any) -> list[str]:
    """Where the stage put markers."""
    return sorted(map(spell, marks(msgspec.json.decode(run(body, **settings)[0]))))


LOOP: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "system": [BILLING, text("You are an agent."), text("Be brief.")],
    "tools": [TOOL, {**TOOL, "name": "Write"}, {**TOOL, "name": "Later", "defer_loading": True}],
    "messages": [
        {"role": "user", "content": "Read a.txt"},
        {
            "role": "assistant",
            "content": [
                text("Yes."),
                {"type": "tool_use", "id": "t", "name": "Read", "input": {"cache_control": "no"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "hello"}]},
    ],
}


def test_four_breakpoints_are_set_where_the_client_set_none() -> None:
    """The last tool that is loaded, the last system block, the turn before and the newest."""
    assert placed(LOOP) == ["messages[0].content[0]", "messages[2].content[0]", "system[2]", "tools[1]"]


def test_nothing_but_markers_is_added() -> None:
    """With the markers taken out again, every byte is the client's: whitespace, order, numbers."""
    body = {**LOOP, "messages": [{"role": "user", "content": [text("Read a.txt")]}, *LOOP["messages"][1:]]}
    raw = msgspec.json.format(msgspec.json.encode({**body, "temperature": 1.50})).replace(b"1.5", b"1.500")
    edited, edits = run(raw)
    assert edited.count(MARK_TEXT) == 4
    assert edited.replace(MARK_TEXT, b"") == raw
    assert len(edits) == 4
    assert not any(edit.lossy for edit in edits)


def test_bare_strings_become_blocks_only_where_a_marker_goes() -> None:
    """A string can't carry one; the change is recorded and says why."""
    body = {
        "model": "m",
        "system": "S",
        "messages": [{"role": role, "content": role} for role in ("user", "assistant") * 2 + ("user",)],
    }
    edited, edits = run(body)
    value = msgspec.json.decode(edited)
    assert value["system"] == [{**text("S"), "cache_control": MARK}]
    assert [type(message["content"]) for message in value["messages"]] == [str, str, list, str, list]
    assert [edit.path for edit in edits] == ["system", "messages[2].content", "messages[4].content"]
    assert all("block" in edit.why for edit in edits)


def test_a_tool_loop_reads_what_the_turn_before_has_written() -> None:
    """The newest place of one request is the previous place of the next."""
    longer = [
        *LOOP["messages"],
        {"role": "assistant", "content": [text("More.")]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "u", "content": [text("x")]}]},
    ]
    newest = [place for place in placed(LOOP) if "messages" in place][-1]
    assert [place for place in placed({**LOOP, "messages": longer}) if "messages" in place] == [
        newest,
        "messages[4].content[0]",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"cache_control": MARK},
        {"system": [{**text("S"), "cache_control": MARK}]},
        {"tools": [{**TOOL, "cache_control": MARK}]},
        {"messages": [{"role": "user", "content": [{**text("x"), "cache_control": MARK}]}]},
        {"messages": [{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{**text("x"), "cache_control": MARK}]}]}]},
        {"messages": [{"role": "user", "content": [
            {"type": "document", "source": {"type": "content", "content": [{**text("x"), "cache_control": MARK}]}}]}]},
    ],
)  # fmt: skip
def test_a_client_that_marks_anything_marks_all(change: Any) -> None:
    """At the top, in the system prompt, on a tool, in a message, however deep: then not a byte is changed."""
    raw = msgspec.json.encode({**LOOP, **change})
    assert run(raw) == (raw, [])


@pytest.mark.parametrize(
    "change",
    [
        {"cache_control": None},
        {"messages": [{"role": "user", "content": 'say "cache_control"'}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": None}]}]},
        {"metadata": {"cache_control": "x"}},
    ],
)
def test_the_words_elsewhere_are_no_marker(change: Any) -> None:
    """In a schema, an input, a text, or null: the client has marked nothing."""
    assert run({**LOOP, **change})[1] != []


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([text("a"), {"type": "thinking", "thinking": "x", "signature": "E"}], 0),
        ([text("a"), {"type": "redacted_thinking", "data": "E"}], 0),
        ([text("a"), text("")], 0),
        ([text("a"), {"type": "novelty"}], 0),
        ([text("a"), "b", 3], 0),
        ([text("a"), {"type": "image", "source": {}}], 1),
        ([text("a"), {"type": "web_search_tool_result", "content": []}], 1),
        ([text("a"), {"type": "server_tool_use", "input": {}}], 1),
        ([text("")], None),
        ([], None),
        ("", None),
        (None, None),
    ],
)
def test_only_what_can_carry_a_marker_gets_one(content: Any, place: int | None) -> None:
    """Thoughts, empty texts and blocks of which we know nothing would be a 400."""
    body = {"model": "m", "messages": [{"role": "user", "content": content}]}
    assert placed(body) == ([] if place is None else [f"messages[0].content[{place}]"])


def test_the_attribution_line_is_never_marked() -> None:
    """It is first and alone, and different in every session."""
    assert placed({"model": "m", "system": [BILLING], "messages": []}) == []
    assert placed({"model": "m", "system": BILLING["text"], "messages": []}) == []
    assert placed({"model": "m", "system": [BILLING, text("")], "messages": []}) == []


def test_a_system_message_at_the_end_is_the_newest_turn() -> None:
    """Claude Code puts its environment there; once it is answered it is the previous one."""
    messages = [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]
    assert placed({"model": "m", "messages": messages}) == ["messages[1].content[0]"]
    messages += [{"role": "assistant", "content": "c"}, {"role": "user", "content": "d"}]
    assert placed({"model": "m", "messages": messages}) == ["messages[1].content[0]", "messages[3].content[0]"]


def test_an_answer_that_is_begun_is_the_newest() -> None:
    """Before it stands what the next request will begin with as well."""
    roles = ("user", "assistant", "user", "assistant")
    messages = [{"role": role, "content": role} for role in roles]
    assert placed({"model": "m", "messages": messages}) == ["messages[2].content[0]", "messages[3].content[0]"]


def test_settings_choose_places_and_lifetime() -> None:
    """An hour, some places, or nothing at all."""
    edited, _ = run(LOOP, ttl="1h", places=("system", "system", "newest"))
    assert edited.count(b'"cache_control":{"type":"ephemeral","ttl":"1h"}') == 2
    assert placed(LOOP, places=("tools",)) == ["tools[1]"]
    assert run(LOOP, enabled=False) == (msgspec.json.encode(LOOP), [])
    assert run(LOOP, places=())[1] == []


def test_prompts_of_other_dialects_are_left_alone() -> None:
    """The markers mean nothing there."""

    class Chat:
        NAME = "chat"

    assert run(LOOP, dialect=Chat) == (msgspec.json.encode(LOOP), [])


@pytest.mark.parametrize(
    "change", [{"tools": {}}, {"tools": ["x"]}, {"messages": {}}, {"messages": ["x"]}, {"system": 3}]
)
def test_what_makes_no_sense_is_left_to_the_api(change: Any) -> None:
    """Its own error is the better one."""
    assert len(run({**LOOP, **change})[1]) < 4


def test_it_takes_part_in_replies_only() -> None:
    """A count ignores caching."""
    assert stage.operations == {"reply"}


# -- over time --------------------------------------------------------------------------------------------------------

blocks = st.one_of(
    st.text(max_size=3).map(text),
    st.just({"type": "thinking", "thinking": "x", "signature": "E"}),
    st.just({"type": "tool_use", "id": "t", "name": "f", "input": {"cache_control": {"type": "ephemeral"}}}),
    st.text(max_size=3).map(lambda words: {"type": "tool_result", "tool_use_id": "t", "content": [text(words)]}),
)
contents = st.text(max_size=3) | st.lists(blocks, max_size=3)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": contents}), max_size=8
)
bodies = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": messages},
    optional={
        "system": contents,
        "tools": st.lists(st.sampled_from([TOOL, {**TOOL, "defer_loading": True}]), max_size=3),
    },
)


def cached(value: Any) -> Any:
    """What the API caches of a prompt: blocks, without markers."""
    if isinstance(value, list):
        return [cached(child) for child in value]
    if not isinstance(value, dict):
        return value
    value = {key: child for key, child in value.items() if key != "cache_control" or child != MARK}
    if isinstance(value.get("content"), str) and "role" in value:
        value = {**value, "content": [text(value["content"])]}
    if isinstance(value.get("system"), str):
        value = {**value, "system": [text(value["system"])]}
    return {key: child if key == "input" else cached(child) for key, child in value.items()}


@given(bodies, st.integers(0, 8))
def test_no_turn_changes_what_was_cached_before_it(body: Any, cut: int) -> None:
    """A conversation and its beginning: the same prefix, whatever markers came and went."""
    shorter, longer = ({**body, "messages": body["messages"][:size]} for size in (cut, len(body["messages"])))
    before, after = (msgspec.json.decode(run(one)[0]) for one in (shorter, longer))
    assert cached(before) == cached(shorter)
    assert cached(after) == cached(longer)
    assert cached(after)["messages"][: len(before["messages"])] == cached(before)["messages"]
    assert len(marks(after)) <= 4


said = st.text(min_size=1, max_size=3).filter(lambda words: not words.startswith("x-anthropic"))


@given(bodies, said, st.lists(st.sampled_from(["user", "system"]), min_size=1, max_size=3), said)
def test_each_turn_reads_what_the_one_before_has_written(body: Any, answer: str, roles: list[str], words: str) -> None:
    """However many messages a turn has: the newest place of one request is marked in the next one."""
    messages = [*body["messages"], {"role": "assistant", "content": "A"}, {"role": "user", "content": words}]
    shorter = {**body, "messages": messages}
    turn = [{"role": "assistant", "content": answer}, *({"role": role, "content": "t"} for role in roles)]
    before, after = placed(shorter), placed({**body, "messages": [*messages, *turn]})
    newest = f"messages[{len(messages) - 1}].content[0]"
    assert newest in before
    assert {newest, f"messages[{len(messages) + len(turn) - 1}].content[0]"} <= {*after}


@given(bodies, st.sampled_from(["5m", "1h"]))
def test_every_marker_is_one_the_api_takes(body: Any, ttl: Any) -> None:
    """At most four, none on thoughts, empty texts, deferred tools or the attribution; and once is enough."""
    edited, edits = run(body, ttl=ttl)
    value = msgspec.json.decode(edited)
    assert len(marks(value)) == len(edits) <= 4
    for place in marks(value):
        block = reduce(lambda inner, step: inner[step], place, value)
        assert block.get("type") not in {"thinking", "redacted_thinking"}
        assert block.get("text") != ""
        assert block.get("defer_loading") is not True
    assert run(edited, ttl=ttl) == (edited, [])
