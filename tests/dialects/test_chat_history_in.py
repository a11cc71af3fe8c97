"""A Chat conversation in the Messages shape: order, pairing, repairs, and nothing that changes with the next turn."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from stages.dialects.envelope import wrap
from tests.dialects.chat_prompts import Body, asked, claudes, in_, legal_messages, losses
from tests.dialects.chat_replies import PROMPTS

HELLO: Body = {"role": "user", "content": "Hi"}


def text(value: str) -> Body:
    return {"type": "text", "text": value}


def call(id_: str, name: str = "f", arguments: Any = "{}") -> Body:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: Body, **fields: Any) -> Body:
    return {"role": "assistant", "content": None, "tool_calls": [*calls], **fields}


def result(id_: str, content: Any = "ok") -> Body:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def messages(*said: Body, model: str = "claude-opus-5") -> list[Body]:
    made, _ = claudes(asked(*said, model=model))
    found: list[Body] = made["messages"]
    return found


# -- instructions -----------------------------------------------------------------------------------------------------


def test_leading_instructions_are_system_blocks() -> None:
    """Each message and part stays a block of its own, so that cache marks keep their place."""
    marked = {**text("c"), "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    leading: list[Body] = [{"role": "system", "content": "a"}, {"role": "developer", "content": [text("b"), marked]}]
    hub, _ = in_(asked(*leading, HELLO))
    assert hub["system"] == [text("a"), text("b"), marked]
    assert hub["messages"] == [{"role": "user", "content": [text("Hi")]}]


def test_later_instructions_stay_where_they_are() -> None:
    """Never hoisted: that would void the cache. Where a role of their own is not allowed they are a reminder."""
    said = messages(HELLO, {"role": "assistant", "content": "Yes"}, {"role": "system", "content": "Hurry"}, HELLO)
    assert said[-1]["content"] == [text("<system-reminder>\nHurry\n</system-reminder>"), text("Hi")]


def test_later_instructions_keep_their_role_where_allowed() -> None:
    """After the user's words and before the assistant's, models that take it get role system."""
    later = [HELLO, {"role": "system", "content": "Hurry"}, {"role": "assistant", "content": "Yes"}, HELLO]
    assert [said["role"] for said in messages(*later)] == ["user", "system", "assistant", "user"]
    assert [said["role"] for said in messages(*later, model="claude-sonnet-5")] == ["user", "assistant", "user"]


# -- calls and results ------------------------------------------------------------------------------------------------


def test_results_come_first_and_in_the_order_of_the_calls() -> None:
    """Tool messages and the user's words after them are one user message."""
    said = messages(HELLO, calling(call("a"), call("b")), result("b", "2"), {"role": "user", "content": "And?"},
                    result("a", "1"))  # fmt: skip
    assert said[-1] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "1"},
            {"type": "tool_result", "tool_use_id": "b", "content": "2"},
            text("And?"),
        ],
    }


def test_text_comes_before_calls() -> None:
    """An assistant's words stand before what it calls."""
    (_, said, _) = messages(HELLO, {**calling(call("a", arguments='{"x": 1}')), "content": "Wait."}, result("a"))
    assert said["content"] == [text("Wait."), {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [("", {}), (None, {}), ('{"a": [1]}', {"a": [1]}), ("{bad", {"_raw": "{bad"}), ("[1]", {"_raw": "[1]"}),
     ({"a": 1}, {"a": 1}), ('{"a":' * 300 + "1" + "}" * 300, {"_raw": '{"a":' * 300 + "1" + "}" * 300})],
)  # fmt: skip
def test_arguments(arguments: Any, given: Body) -> None:
    """Arguments become an object; what is none is kept as it is, in one."""
    said = messages(HELLO, calling(call("a", arguments=arguments)), result("a"))
    assert said[1]["content"][0]["input"] == given


def test_a_call_without_a_result_gets_one() -> None:
    """An interrupted turn can go on: the missing result says what happened."""
    hub, edits = in_(
        asked(HELLO, calling(call("a"), call("b")), result("b"), {"role": "assistant", "content": "Hm"}, HELLO)
    )
    legal_messages(hub)
    lost, kept = hub["messages"][2]["content"]
    assert (lost["tool_use_id"], lost["is_error"], kept["tool_use_id"]) == ("a", True, "b")
    assert [edit.action for edit in edits if "no result" in edit.why] == ["repaired"]


def test_a_result_without_a_call_becomes_text() -> None:
    """Nothing is lost, and nobody refuses the request."""
    said = messages(HELLO, calling(call("a")), result("a"), result("a", "twice"), result("z", "late"))
    assert said[-1]["content"][1:] == [
        text("[result of tool call a]"), text("twice"), text("[result of tool call z]"), text("late")
    ]  # fmt: skip


def test_strange_ids_are_coded() -> None:
    """Ids with characters that Anthropic refuses are coded, call and result alike."""
    _, said, results = messages(HELLO, calling(call("functions.f:0")), result("functions.f:0"))
    assert said["content"][0]["id"] == results["content"][0]["tool_use_id"] == "gwid_ZnVuY3Rpb25zLmY6MA"


def test_ids_used_twice_are_told_apart() -> None:
    """Servers that count from 0 in every turn give one id to many calls."""
    said = messages(HELLO, calling(call("call_0")), result("call_0", "1"), calling(call("call_0"), call("call_0")),
                    result("call_0", "2"), result("call_0", "3"))  # fmt: skip
    assert [block["id"] for block in said[1]["content"] + said[3]["content"]] == ["call_0", "call_0_2", "call_0_3"]
    assert [block["content"] for block in said[4]["content"]] == ["2", "3"]


def test_the_older_functions() -> None:
    """function_call and role function are a call and its result."""
    said = messages(HELLO, {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
                    {"role": "function", "name": "f", "content": "ok"})  # fmt: skip
    assert said[1]["content"][0]["id"] == said[2]["content"][0]["tool_use_id"] == "call_1"


def test_a_free_form_call() -> None:
    """Its text is the one member of its input."""
    free = {"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    assert messages(HELLO, calling(free), result("a"))[1]["content"][0]["input"] == {"input": "ls"}


def test_pictures_in_results_stay_there() -> None:
    """The Messages shape takes them where Chat's own servers would not."""
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    said = messages(HELLO, calling(call("a")), result("a", [text("see"), picture]))
    assert [block["type"] for block in said[2]["content"][0]["content"]] == ["text", "image"]


# -- the edges of a conversation --------------------------------------------------------------------------------------


def test_a_conversation_begins_with_the_user() -> None:
    """One that does not gets a word to begin with."""
    said = messages({"role": "assistant", "content": "Welcome"}, HELLO)
    assert [message["role"] for message in said] == ["user", "assistant", "user"]
    assert messages({"role": "system", "content": "Be brief"}) == [{"role": "user", "content": [text(".")]}]


def test_an_answer_already_begun() -> None:
    """Models that go on with it get it without white space at its end; others are asked to continue."""
    begun = {"role": "assistant", "content": "The answer is "}
    assert messages(HELLO, begun, model="claude-sonnet-4-5")[-1]["content"] == [text("The answer is")]
    assert messages(HELLO, begun)[-1] == {"role": "user", "content": [text("Continue.")]}


def test_empty_words_go() -> None:
    """Blocks without words are refused, so there are none; a message that is nothing else disappears."""
    said = messages(HELLO, {"role": "assistant", "content": ""}, {"role": "user", "content": [text(" "), text("Go")]})
    assert said == [{"role": "user", "content": [text("Hi"), text("Go")]}]


def test_neighbours_of_one_role_are_one_message() -> None:
    """The API joins them anyway; some servers refuse them."""
    said = messages(HELLO, HELLO, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}, HELLO)
    assert [len(message["content"]) for message in said] == [2, 2, 1]


# -- thoughts ---------------------------------------------------------------------------------------------------------


def test_signed_thoughts_come_back() -> None:
    """What Claude signed is put before what it said, block by block; what is in an envelope stays in it."""
    hub, edits = in_(PROMPTS["replayed"])
    assert hub["messages"][1]["content"][:2] == [
        {"type": "thinking", "thinking": "one", "signature": "EqOne=="},
        {"type": "redacted_thinking", "data": "EmRed=="},
    ]
    assert not [path for path in losses(edits) if "reasoning" in path]
    sealed = wrap("responses", "gpt", "gAAAA")
    detail = {"type": "reasoning.text", "text": "x", "signature": sealed, "index": 0}
    hub, _ = in_(asked(HELLO, {"role": "assistant", "content": "y", "reasoning_details": [detail]}, HELLO))
    assert hub["messages"][1]["content"][0]["signature"] == sealed


@pytest.mark.parametrize("fields", [{"reasoning_content": "hm"}, {"reasoning": "hm"}, {"reasoning_details": [
    {"type": "reasoning.text", "text": "hm", "signature": "abc", "format": "google-gemini-v1"}]}])  # fmt: skip
def test_other_thoughts_are_dropped_and_recorded(fields: Body) -> None:
    """A signature of anyone else is a 400, and words alone are no thoughts."""
    hub, edits = in_(asked(HELLO, {"role": "assistant", "content": "y", **fields}, HELLO))
    assert hub["messages"][1]["content"] == [text("y")]
    assert losses(edits) == ["messages[1].reasoning_content"]


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ([], "messages"),
        ([{"role": "robot", "content": "x"}], "messages[0].role"),
        (["x"], "messages[0]"),
        ([{"role": "user", "content": 5}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
        ([HELLO, {"role": "assistant", "tool_calls": [{"id": "a"}]}], "messages[1].tool_calls[0].function"),
        ([HELLO, {"role": "assistant", "tool_calls": [call("")]}], "messages[1].tool_calls[0].id"),
        ([HELLO, {"role": "tool", "content": "x"}], "messages[1].tool_call_id"),
        ([HELLO, {"role": "assistant", "tool_calls": 3}], "messages[1].tool_calls"),
    ],
)
def test_what_is_no_conversation_is_refused_by_place(said: list[Any], param: str) -> None:
    """The error names the field, as its protocol's clients expect."""
    with pytest.raises(InvalidRequest) as raised:
        in_({"model": "claude-opus-5", "messages": said})
    assert raised.value.param == param
    assert raised.value.message.startswith(param)


@pytest.mark.parametrize("part", [
    {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
    {"type": "file", "file": {"file_id": "file_1"}},
    {"type": "video_url", "video_url": {"url": "https://example.com"}},
    {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}},
    {"type": "file", "file": {"file_data": "data:application/zip;base64,AAAA", "filename": "a.zip"}},
    {"type": "refusal", "refusal": "no"},
])  # fmt: skip
def test_what_can_not_be_shown_is_refused(part: Body) -> None:
    """A model that answers without the file is worse than an error."""
    with pytest.raises(Unsupported) as raised:
        in_(asked({"role": "user", "content": [part]}))
    assert (raised.value.param or "").startswith("messages[0].content[0]")


# -- what holds for every conversation --------------------------------------------------------------------------------

words = st.sampled_from(["", " ", "a", "Grüße"])
contents = words | st.lists(st.builds(text, words), max_size=2)
ids = st.sampled_from(["a", "b", "call_0", "f.x:1"])
instructions = st.fixed_dictionaries({"role": st.sampled_from(["system", "developer"]), "content": contents})
users = st.fixed_dictionaries({"role": st.just("user"), "content": contents})
results = st.fixed_dictionaries({"role": st.just("tool"), "tool_call_id": ids, "content": contents})
assistants = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | words},
    optional={
        "tool_calls": st.lists(st.builds(call, ids), max_size=3),
        "reasoning_content": words,
        "reasoning_details": st.lists(
            st.just({"type": "reasoning.text", "text": "t", "signature": "EqS=", "format": "anthropic-claude-v1"}),
            max_size=1,
        ),
    },
)
conversations = st.lists(instructions | users | results | assistants, min_size=1, max_size=9)
models = st.sampled_from(["claude-opus-5", "claude-sonnet-4-5", "claude-opus-5-5", "unknown"])


@given(conversations, models)
def test_every_conversation_becomes_a_legal_one(said: list[Body], model: str) -> None:
    """Whatever the order of messages, results and ids: the Messages API would take it."""
    hub, _ = in_(asked(*said, model=model))
    if hub["messages"][-1]["role"] == "assistant":
        hub["messages"].append({"role": "user", "content": [text("x")]})
    legal_messages(hub)


@given(conversations, conversations, models)
def test_a_conversation_is_a_prefix_of_its_continuation(said: list[Body], more: list[Body], model: str) -> None:
    """What was sent stays as it was sent when the assistant's next message and all after it are added."""
    said = [*said, {"role": "user", "content": "turn"}]
    before, _ = in_(asked(*said, model=model))
    after, _ = in_(asked(*said, {"role": "assistant", "content": "answer"}, *more, model=model))
    assert after.get("system") == before.get("system")
    assert after["messages"][: len(before["messages"])] == before["messages"]


@given(conversations)
def test_translation_is_a_function(said: list[Body]) -> None:
    """Equal prompts are equal after translation, and the prompt given is not changed."""
    body = asked(*said)
    copy = repr(body)
    assert in_(body) == in_(body)
    assert repr(body) == copy
