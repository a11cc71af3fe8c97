"""A conversation in the Messages shape as Chat: order, pairs, repairs, and nothing that changes with the next turn."""

from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from stages.dialects.chat.families import COMPATIBLE, family
from stages.dialects.envelope import wrap
from stages.dialects.names import safe_id
from tests.dialects.chat_prompts import Body, hubbed, in_, legal_chat, legal_messages, losses, out
from tests.dialects.chat_replies import HUBS

HELLO: Body = {"role": "user", "content": "Hi"}
PNG: Body = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
MODELS = ["gpt-5.1", "gpt-5.6-sol", "gpt-4.1", "deepseek-v4-pro"]


def text(value: str, **fields: Any) -> Body:
    return {"type": "text", "text": value, **fields}


def use(id_: str, name: str = "f", **given: Any) -> Body:
    return {"type": "tool_use", "id": id_, "name": name, "input": given}


def result(id_: str, content: Any = "ok", **fields: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **fields}


def said(role: str, *blocks: Body) -> Body:
    return {"role": role, "content": [*blocks]}


def messages(*spoken: Body, model: str = "gpt-5.1", **fields: Any) -> list[Body]:
    body, _ = out(hubbed(*spoken, model=model, **fields))
    legal_chat(body)
    found: list[Body] = body["messages"]
    return found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", HUBS)
def test_recorded_prompts_are_legal(name: str, model: str) -> None:
    """What Claude Code sends, Chat servers would take."""
    body, _ = out({**HUBS[name], "model": model})
    legal_chat(body)


# -- instructions -----------------------------------------------------------------------------------------------------


def test_instructions_by_family() -> None:
    """OpenAI's reasoning models hear developers, in parts; others a system, in one text."""
    system = [text("a"), text("b")]
    assert messages(HELLO, system=system)[0] == {"role": "developer", "content": system}
    assert messages(HELLO, system=system, model="llama")[0] == {"role": "system", "content": "a\n\nb"}
    assert messages(HELLO, system="a", model="gpt-4.1")[0] == {"role": "system", "content": "a"}


def test_the_clients_version_is_left_out() -> None:
    """Claude Code's first block changes with every release: before a cached prefix it is noise; that is recorded."""
    billing = text("x-anthropic-billing-header: cc_version=2.1.329.7b4;")
    body, edits = out(hubbed(HELLO, system=[billing, text("a")]))
    assert body["messages"][0]["content"] == "a"
    assert [(edit.action, edit.path, edit.lossy) for edit in edits] == [("dropped", "system[0]", False)]


def test_later_instructions_stay_where_they_are() -> None:
    """As instructions where that is allowed, as a reminder where chat templates refuse them; never hoisted."""
    spoken = [HELLO, said("system", text("Hurry")), said("assistant", text("Yes")), HELLO]
    assert [message["role"] for message in messages(*spoken)] == ["user", "developer", "assistant", "user"]
    assert messages(*spoken, model="llama")[0] == {
        "role": "user", "content": "Hi\n\n<system-reminder>\nHurry\n</system-reminder>"
    }  # fmt: skip


def test_empty_instructions_go() -> None:
    """Claude Code's system messages may be empty lists."""
    assert len(messages(HELLO, said("system"), said("assistant", text("a")), HELLO)) == 3


# -- calls and results ------------------------------------------------------------------------------------------------


def test_results_come_first_and_in_the_order_of_the_calls() -> None:
    """One tool message each, before what else the user says, wherever the results stood."""
    spoken = messages(
        HELLO, said("assistant", use("a"), use("b")), said("user", text("And?"), result("b"), result("a"))
    )
    assert [message.get("tool_call_id", message["content"]) for message in spoken[2:]] == ["a", "b", "And?"]


def test_texts_around_calls_are_joined() -> None:
    """Chat has content, then calls: what stood between them moves before, without a break."""
    spoken = messages(HELLO, said("assistant", text("I "), use("a"), text("look.")), said("user", result("a")))
    assert spoken[1]["content"] == "I look."


def test_arguments_are_compact_and_in_order() -> None:
    """The same input is always the same text."""
    spoken = messages(HELLO, said("assistant", use("a", z=1, a=["ü"])), said("user", result("a")))
    assert spoken[1]["tool_calls"][0]["function"]["arguments"] == '{"z":1,"a":["ü"]}'
    assert spoken[1]["content"] is None


def test_an_error_says_so() -> None:
    """Chat has no field for it."""
    spoken = messages(HELLO, said("assistant", use("a")), said("user", result("a", "boom", is_error=True)))
    assert spoken[2]["content"] == "[error] boom"


def test_pictures_in_results_follow_in_the_users_message() -> None:
    """Tool messages hold text only: the picture comes next to them, labelled with its call."""
    spoken = messages(HELLO, said("assistant", use("a")), said("user", result("a", [text("see"), PNG]), text("Why?")))
    assert spoken[2]["content"] == [text("see"), text("[image 1 of this result is in the next message]")]
    label, picture, why = spoken[3]["content"]
    assert label["text"] == "[image 1 of the result of tool call a]"
    assert picture["image_url"]["url"] == "data:image/png;base64,QUJD"
    assert why == text("Why?")


def test_any_block_in_a_result_is_readable() -> None:
    """What Chat knows nothing of is told as JSON."""
    block = {"type": "tool_reference", "tool_name": "Bash"}
    spoken = messages(HELLO, said("assistant", use("a")), said("user", result("a", [block])))
    assert spoken[2]["content"] == '{"type":"tool_reference","tool_name":"Bash"}'


def test_texts_of_a_result_stay_apart_where_that_is_understood() -> None:
    """OpenAI's own servers take parts in a tool's message; others get one text."""
    spoken = [HELLO, said("assistant", use("a")), said("user", result("a", [text("x"), text("y")], is_error=True))]
    assert messages(*spoken)[2]["content"] == [text("[error] x"), text("y")]
    assert messages(*spoken, model="llama")[2]["content"] == "[error] x\ny"


@pytest.mark.parametrize("content", ["", None, []])
def test_an_empty_result_is_empty(content: Any) -> None:
    """A result is needed, words are not."""
    assert messages(HELLO, said("assistant", use("a")), said("user", result("a", content)))[2]["content"] == ""


def test_pairs_are_mended() -> None:
    """A call without a result gets one; a result without a call becomes text; both are recorded."""
    body, edits = out(hubbed(HELLO, said("assistant", use("a")), said("user", result("z", "late"))))
    legal_chat(body)
    assert body["messages"][2]["content"].startswith("[error]")
    assert body["messages"][3]["content"] == "[result of tool call z]\nlate"
    assert [edit.action for edit in edits] == ["repaired", "repaired"]


def test_ids_are_given_back_or_shortened() -> None:
    """A coded id is what it was; one that OpenAI would find too long becomes a digest, in both places."""
    spoken = messages(
        HELLO, said("assistant", use(safe_id("functions.f:0"))), said("user", result(safe_id("functions.f:0")))
    )
    assert spoken[2]["tool_call_id"] == "functions.f:0"
    spoken = messages(HELLO, said("assistant", use("x" * 80)), said("user", result("x" * 80)))
    assert spoken[1]["tool_calls"][0]["id"] == spoken[2]["tool_call_id"]


def test_neighbouring_turns_are_one() -> None:
    """The Messages API joins them: results may follow calls of an earlier message of the same turn."""
    spoken = messages(HELLO, said("assistant", use("a")), said("assistant", use("b")), said("user", result("a")),
                      said("user", result("b")))  # fmt: skip
    assert [len(message.get("tool_calls", ())) for message in spoken] == [0, 2, 0, 0]


# -- thoughts ---------------------------------------------------------------------------------------------------------

THOUGHT: Body = {"type": "thinking", "thinking": "hm", "signature": "EqS="}
SEALED: Body = {"type": "redacted_thinking", "data": "EmR="}


def test_thoughts_are_dropped_and_counted() -> None:
    """Another maker's model can't read them: one record for all, not one for each."""
    body, edits = out(hubbed(HELLO, said("assistant", THOUGHT, SEALED, text("y")), HELLO, said("assistant", THOUGHT)))
    assert body["messages"][1] == {"role": "assistant", "content": "y"}
    assert [(edit.why[:2], edit.lossy) for edit in edits] == [("3 ", True)]


@pytest.mark.parametrize(
    ("thought", "field", "lost"),
    [
        ({"type": "thinking", "thinking": "hm", "signature": ""}, "hm", 0),
        ({"type": "thinking", "thinking": "hm", "signature": wrap("responses", "gpt", "gAAAA")}, "hm", 0),
        ({"type": "thinking", "thinking": "", "signature": wrap("responses", "gpt", "gAAAA")}, "", 1),
        ({"type": "thinking", "thinking": "", "signature": "EqQB"}, "", 1),
        ({"type": "thinking", "thinking": "", "signature": ""}, "", 0),
        ({"type": "redacted_thinking", "data": "EmRed=="}, "", 1),
    ],
)
def test_sealed_thoughts_without_words_are_lost_to_those_that_want_words(thought: Body, field: str, lost: int) -> None:
    """Newer models keep their words to themselves: what only their maker can read does not arrive, and that is told."""
    deepseek = attrs.evolve(COMPATIBLE, replay="reasoning_content", replay_always=True)
    body, edits = out(hubbed(HELLO, said("assistant", thought, use("a")), said("user", result("a"))), deepseek)
    assert body["messages"][1]["reasoning_content"] == field
    assert len(losses(edits)) == lost


def test_providers_that_want_thoughts_back() -> None:
    """Each in the field it reads; DeepSeek in every turn with calls, if only as nothing."""
    turn = [HELLO, said("assistant", THOUGHT, use("a")), said("user", result("a")), said("assistant", use("b")),
            said("user", result("b"))]  # fmt: skip
    deepseek = attrs.evolve(COMPATIBLE, replay="reasoning_content", replay_always=True)
    body, _ = out(hubbed(*turn), deepseek)
    assert [message.get("reasoning_content") for message in body["messages"] if message["role"] == "assistant"] == [
        "hm",
        "",
    ]
    foreign = {**THOUGHT, "signature": wrap("responses", "gpt", "gAAAA")}
    openrouter = attrs.evolve(COMPATIBLE, replay="reasoning_details")
    body, edits = out(hubbed(HELLO, said("assistant", THOUGHT, SEALED, foreign, text("y"))), openrouter)
    assert body["messages"][1]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "EqS=", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "EmR=", "format": "anthropic-claude-v1", "index": 1},
    ]
    assert losses(edits) == ["messages"]


# -- servers' tools, marks --------------------------------------------------------------------------------------------


def test_what_a_servers_tool_did_is_told_as_text() -> None:
    """It is history: nobody calls it again, and what nobody can read is left out."""
    found = {"type": "web_search_result", "title": "W", "url": "https://e.com", "encrypted_content": "xxxx"}
    body, edits = out(hubbed(HELLO, said(
        "assistant",
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]},
        text("It rains."),
    ), HELLO))  # fmt: skip
    legal_chat(body)
    words = body["messages"][1]["content"]
    assert 'web_search with {"query":"q"}' in words
    assert "https://e.com" in words
    assert "xxxx" not in words
    assert losses(edits) == ["messages"]


def test_cache_marks_where_they_can_be_told() -> None:
    """Newer OpenAI models take breakpoints on parts; for others marks go, and that is no loss."""
    marked = text("a", cache_control={"type": "ephemeral"})
    body, edits = out(hubbed(said("user", marked), model="gpt-5.6-sol"))
    legal_chat(body)
    assert body["messages"][0]["content"] == [text("a", prompt_cache_breakpoint={"mode": "explicit"})]
    assert body["prompt_cache_options"] == {"mode": "explicit"}
    assert not edits
    body, edits = out(hubbed(said("user", marked)))
    assert body["messages"][0]["content"] == "a"
    assert [edit.lossy for edit in edits] == [False]


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoken", "param"),
    [
        (5, "messages"),
        ([], "messages"),
        ([{"role": "tool", "content": "x"}], "messages[0].role"),
        ([said("user", {"text": "x"})], "messages[0].content[0].type"),
        ([said("user", text(5))], "messages[0].content[0].text"),  # type: ignore[arg-type]  # what is tested
        (
            [HELLO, said("assistant", {"type": "tool_use", "id": "a", "name": "f", "input": 1})],
            "messages[1].content[0].input",
        ),
        ([HELLO, said("assistant", {"type": "tool_use", "name": "f", "input": {}})], "messages[1].content[0].id"),
        ([said("user", {"type": "tool_result"})], "messages[0].content[0].tool_use_id"),
        ([said("user", {"type": "image", "source": {"type": "base64"}})], "messages[0].content[0].source.media_type"),
    ],
)
def test_what_is_no_conversation_is_refused_by_place(spoken: Any, param: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as raised:
        out({"model": "gpt-5.1", "messages": spoken})
    assert raised.value.param == param


@pytest.mark.parametrize("message", [
    said("user", {"type": "container_upload", "file_id": "f"}),
    said("assistant", {"type": "mcp_tool_use", "id": "a", "name": "n", "input": {}}),
    said("user", {"type": "image", "source": {"type": "file", "file_id": "f"}}),
    said("user", {"type": "document", "source": {"type": "url", "url": "https://e.com/a.pdf"}}),
    said("assistant", {"type": "made_up"}),
])  # fmt: skip
def test_what_has_no_place_is_refused(message: Body) -> None:
    """By name: nothing is dropped that the model should have seen."""
    with pytest.raises(Unsupported):
        out(hubbed(HELLO, message))


# -- what holds for every conversation --------------------------------------------------------------------------------

words = st.sampled_from(["", " ", "a", "Grüße"])
ids = st.sampled_from(["a", "b", "gwid_Zi54OjE", "x" * 50])
texts = st.builds(text, words)
asked = words | st.lists(
    texts | st.just(PNG) | st.builds(result, ids, words | st.lists(texts | st.just(PNG), max_size=2)), max_size=4
)
uses = st.lists(st.builds(use, ids), max_size=3, unique_by=lambda block: block["id"])
answers = st.builds(
    lambda said, calls: [*said, *calls],
    st.lists(texts | st.just(THOUGHT) | st.just(SEALED), max_size=3),
    uses,
)
conversations = st.lists(
    st.fixed_dictionaries({"role": st.just("user"), "content": asked})
    | st.fixed_dictionaries({"role": st.just("system"), "content": st.lists(texts, max_size=2)})
    | st.fixed_dictionaries({"role": st.just("assistant"), "content": answers}),
    max_size=8,
)


def alternating(spoken: list[Body]) -> bool:
    """Neighbouring assistant messages are one turn, and an id is used once in it."""
    return all(a["role"] != "assistant" or b["role"] != "assistant" for a, b in pairwise(spoken))


@given(conversations.filter(alternating), st.sampled_from(MODELS))
def test_every_conversation_becomes_a_legal_one(spoken: list[Body], model: str) -> None:
    """Whatever the order of blocks, results and ids: a Chat server would take it."""
    body, _ = out(hubbed(HELLO, *spoken, model=model))
    legal_chat(body)


@given(conversations.filter(alternating), conversations, st.sampled_from(MODELS))
def test_a_conversation_is_a_prefix_of_its_continuation(spoken: list[Body], more: list[Body], model: str) -> None:
    """What was sent stays as it was sent when the assistant's next message and all after it are added."""
    spoken = [*spoken, {"role": "user", "content": "turn"}]
    before, _ = out(hubbed(*spoken, model=model))
    after, _ = out(hubbed(*spoken, said("assistant", text("answer")), *more, model=model))
    assert after["messages"][: len(before["messages"])] == before["messages"]


@given(conversations.filter(alternating))
def test_there_and_back(spoken: list[Body]) -> None:
    """A conversation that went through Chat is legal again in the Messages shape."""
    body, _ = out(hubbed(HELLO, *spoken, {"role": "user", "content": "end"}, model="claude-opus-5"))
    hub, _ = in_(body)
    legal_messages(hub)


def test_families_decide_alone() -> None:
    """The same prompt for the same model is the same, whoever asks."""
    spoken = hubbed(HELLO, model="gpt-5.1")
    assert out(spoken) == out(spoken, family("gpt-5.1"))
