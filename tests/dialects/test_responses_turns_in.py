"""The input of Responses prompts, as turns."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from stages.dialects.envelope import unwrap, wrap
from stages.dialects.responses.errors import NotStored
from tests.dialects.chat_prompts import legal_messages
from tests.dialects.responses_oracle import lost, to_hub
from tests.dialects.responses_prompts import Body

USER: Body = {"role": "user", "content": "Hi"}


def said(*input_: Body, model: str = "claude-opus-5", **fields: Any) -> list[Body]:
    hub, _ = to_hub({"model": model, "input": [*input_]}, **fields)
    legal_messages(hub)
    return list(hub["messages"])


def call(id_: str, **more: Any) -> Body:
    return {"type": "function_call", "call_id": id_, "name": "f", "arguments": "{}", **more}


def output(id_: str, text: Any = "ok") -> Body:
    return {"type": "function_call_output", "call_id": id_, "output": text}


def words(text: str, kind: str = "input_text") -> Body:
    return {"type": kind, "text": text}


def kinds(messages: list[Body]) -> list[tuple[str, list[str]]]:
    return [(message["role"], [block["type"] for block in message["content"]]) for message in messages]


def test_items_are_grouped_in_their_order() -> None:
    """Neighbours of one speaker are one turn; what the assistant did stays in the order it did it."""
    messages = said(
        USER,
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "First."}]},
        call("a"),
        {"type": "message", "role": "assistant", "content": "Second."},
        call("b"),
        output("b"),
        output("a", "done"),
        {"role": "user", "content": [{"type": "input_text", "text": "Go on."}]},
    )
    assert kinds(messages) == [
        ("user", ["text"]),
        ("assistant", ["text", "tool_use", "text", "tool_use"]),
        ("user", ["tool_result", "tool_result", "text"]),
    ]
    assert [block["tool_use_id"] for block in messages[2]["content"][:2]] == ["a", "b"]  # in the order of the calls


def test_calls_one_after_another() -> None:
    """Each call that waited for the one before is a turn of its own."""
    messages = said(USER, call("a"), output("a"), call("b"), output("b"))
    assert [role for role, _ in kinds(messages)] == ["user", "assistant", "user", "assistant", "user"]


def test_instructions_keep_their_place() -> None:
    """Leading ones are the system prompt, block by block; later ones stay where they are."""
    hub, _ = to_hub(
        {
            "model": "claude-opus-5-5",
            "instructions": "One.",
            "input": [
                {
                    "role": "developer",
                    "content": [{"type": "input_text", "text": "Two."}, {"type": "input_text", "text": "Three."}],
                },
                {"role": "system", "content": "Four."},
                USER,
                {"role": "developer", "content": "Amid."},
                {"role": "user", "content": "More."},
                {"role": "developer", "content": "Last."},
            ],
        }
    )
    assert [block["text"] for block in hub["system"]] == ["One.", "Two.", "Three.", "Four."]
    assert kinds(hub["messages"]) == [("user", ["text", "text", "text"]), ("system", ["text"])]
    assert hub["messages"][0]["content"][1]["text"] == "<system-reminder>\nAmid.\n</system-reminder>"


def test_reasoning_of_others_is_wrapped() -> None:
    """What OpenAI encrypted stays its own: in an envelope, with the item's id and words."""
    summary = [words("A", "summary_text"), words("B", "summary_text")]
    item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAA"}
    hub, _ = to_hub({"model": "claude-opus-5", "input": [USER, item, call("a"), output("a")]})
    block = hub["messages"][1]["content"][0]
    assert block["thinking"] == "A\n\nB"
    envelope = unwrap(block["signature"])
    assert envelope is not None
    assert (envelope.dialect, envelope.payload, envelope.ref) == ("responses", "gAAA", "rs_1")


def test_claudes_own_comes_back_bare() -> None:
    """Signatures, sealed thoughts and blocks of Claude's servers are what they were."""
    block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    sealed = [
        wrap("anthropic", "claude", "EqQB"),
        wrap("anthropic", "claude", "ErUB", kind="redacted"),
        wrap("anthropic", "claude", msgspec.json.encode(block).decode(), kind="block"),
    ]
    items: list[Body] = [{"type": "reasoning", "id": "x", "summary": [], "encrypted_content": text} for text in sealed]
    items[0]["summary"] = [{"type": "summary_text", "text": "Hm"}]
    search = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "x"}}
    hub, edits = to_hub(
        {"model": "claude-opus-5", "input": [USER, *items, search, {"role": "assistant", "content": "Found."}]}
    )
    assert hub["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "ErUB"},
        block,
        {"type": "text", "text": "Found."},
    ]  # fmt: skip
    assert "input" not in "".join(edit.path for edit in edits)  # the search was shown for people only


def test_reasoning_without_anything_to_it() -> None:
    """Words alone are kept for those who want them back; an item without words and seal says nothing."""
    plain = {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": "Raw."}]}
    hub, _ = to_hub({"model": "m", "input": [USER, plain, {"role": "assistant", "content": "x"}]})
    assert hub["messages"][1]["content"][0] == {"type": "thinking", "thinking": "Raw.", "signature": ""}
    hub, _ = to_hub({"model": "m", "input": [USER, {**plain, "content": []}, {"role": "assistant", "content": "x"}]})
    assert kinds(hub["messages"])[1] == ("assistant", ["text"])


def test_orphans_are_repaired() -> None:
    """A call without a result gets one that says so, a result without a call becomes text; both are recorded."""
    hub, edits = to_hub(
        {"model": "claude-opus-5", "input": [USER, call("a"), {"role": "user", "content": "x"}, output("z", "lost")]}
    )
    legal_messages(hub)
    result, text, *rest = hub["messages"][2]["content"]
    assert result["is_error"] is True
    assert text["text"] == "x"
    assert "lost" in rest[-1]["text"]
    assert len(edits) == 2


def test_ids_and_names_that_others_refuse() -> None:
    """Strange ids and names become others, the same in call and result; an id used twice is two."""
    messages = said(USER, call("f.a:0", name="a.b"), output("f.a:0"), call("f.a:0"), output("f.a:0"))
    first, second = messages[1]["content"][0], messages[3]["content"][0]
    assert first["id"] != second["id"]
    assert messages[2]["content"][0]["tool_use_id"] == first["id"]
    assert messages[4]["content"][0]["tool_use_id"] == second["id"]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (call("a", arguments=""), {}),
        (call("a", arguments='{"x": 1}'), {"x": 1}),
        (call("a", arguments="[1]"), {"_raw": "[1]"}),
        (call("a", arguments="nonsense"), {"_raw": "nonsense"}),
        ({"type": "custom_tool_call", "call_id": "a", "name": "p", "input": "*** Begin"}, {"input": "*** Begin"}),
        (
            {"type": "shell_call", "call_id": "a", "action": {"commands": ["ls"], "timeout_ms": 1}},
            {"commands": ["ls"], "timeout_ms": 1},
        ),
        (
            {"type": "apply_patch_call", "call_id": "a", "operation": {"type": "delete_file", "path": "x"}},
            {"operation": {"type": "delete_file", "path": "x"}},
        ),
        (
            {"type": "local_shell_call", "id": "l", "call_id": "a", "action": {"type": "exec", "command": ["ls"]}},
            {"command": ["ls"]},
        ),
        (
            {"type": "tool_search_call", "call_id": "a", "execution": "client", "arguments": {"query": "x"}},
            {"query": "x"},
        ),
    ],
)
def test_inputs(item: Body, expected: Any) -> None:
    """Whatever kind of call it is, its input is one object."""
    messages = said(USER, item, output("a"))
    assert messages[1]["content"][0]["input"] == expected


def test_a_local_shells_output_names_the_item() -> None:
    """Its call is found by the item's id."""
    item = {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_1", "action": {"type": "exec", "command": []}}
    messages = said(USER, item, {"type": "local_shell_call_output", "id": "lsh_1", "output": "done"})
    assert messages[2]["content"] == [{"type": "tool_result", "tool_use_id": "call_1", "content": "done"}]


def test_what_a_server_did_is_told() -> None:
    """Steps of hosted tools are text; that they were more is recorded."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "trio"}}
    hub, edits = to_hub({"model": "claude-opus-5", "input": [USER, search, {"role": "assistant", "content": "x"}]})
    assert hub["messages"][1]["content"][0]["text"] == '[web_search: {"action":{"query":"trio"}}]'
    assert "input[1]" in lost(edits)


@pytest.mark.parametrize(
    "kind", ["computer_call", "compaction", "compaction_trigger", "image_generation_call", "new_thing"]
)
def test_what_has_no_place_is_refused(kind: str) -> None:
    """An item that can't be told is named."""
    with pytest.raises(Unsupported, match=kind) as raised:
        said(USER, {"type": kind})
    assert raised.value.param == "input[1]"


def test_references_are_refused() -> None:
    """Items are not kept here."""
    with pytest.raises(NotStored):
        said(USER, {"type": "item_reference", "id": "msg_1"})


def test_the_assistant_may_not_begin() -> None:
    """A conversation begins with the user, and one that is empty is no conversation."""
    assert said({"role": "assistant", "content": "Hello"}, USER)[0]["content"][0]["text"] == "."
    assert said()[0]["role"] == "user"


# -- any conversation -------------------------------------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "c", "call.1:0"])
SEALED = {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": wrap("anthropic", "claude", "Eq==")}
TURNS = st.lists(
    st.one_of(
        st.builds(lambda text: {"role": "user", "content": text}, st.sampled_from(["x", "", "y"])),
        st.builds(lambda text: {"role": "developer", "content": text}, st.sampled_from(["d", " "])),
        st.builds(lambda text: {"role": "assistant", "content": text}, st.sampled_from(["z", ""])),
        st.builds(call, IDS),
        st.builds(output, IDS),
        st.just(
            {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": wrap("anthropic", "claude", "Eq==")}
        ),
    ),
    max_size=9,
)


@given(TURNS, TURNS)
def test_a_translation_is_a_prefix_of_its_continuations(before: list[Body], after: list[Body]) -> None:
    """What was sent stays as it was sent: caches and bound signatures live on that."""
    whole, _ = to_hub({"model": "claude-opus-5", "input": [*before, {"role": "assistant", "content": "cut"}, *after]})
    begun, _ = to_hub({"model": "claude-opus-5", "input": [*before, {"role": "assistant", "content": "cut"}]})
    legal_messages(whole)
    kept = begun["messages"][: -1 if begun["messages"][-1]["role"] != "assistant" else None]
    for message, continued in zip(kept, whole["messages"], strict=False):
        if message["content"] != continued["content"]:
            assert continued["content"][: len(message["content"])] == message["content"]
    assert whole.get("system") == begun.get("system")


@given(TURNS)
def test_any_conversation_is_legal(items: list[Body]) -> None:
    """However its items are strewn, what comes of them is what the Messages API takes."""
    hub, _ = to_hub({"model": "claude-opus-5", "input": items})
    legal_messages(hub)


@pytest.mark.parametrize("bad", [{"type": 3}, {"role": "user", "content": 3}, {"type": "function_call"}, output("")])
def test_broken_items(bad: Body) -> None:
    """What is no item is refused, by its place."""
    with pytest.raises(InvalidRequest) as raised:
        said(USER, bad)
    assert str(raised.value.param).startswith("input[1]")
