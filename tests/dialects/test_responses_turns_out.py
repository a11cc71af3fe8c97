"""Conversations in the Messages shape, as items; their parts, and what tools gave."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Unsupported
from stages.dialects.envelope import wrap
from tests.dialects.responses_oracle import from_hub, lost
from tests.dialects.responses_prompts import Body, legal_responses

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


def items(*messages: Body, model: str = "gpt-5.5", **fields: Any) -> list[Body]:
    body, _ = from_hub({"model": model, "max_tokens": 100, "messages": [*messages]}, **fields)
    legal_responses(body)
    return list(body["input"])


def user(*content: Any) -> Body:
    return {"role": "user", "content": [*content] if len(content) != 1 or isinstance(content[0], dict) else content[0]}


def assistant(*content: Body) -> Body:
    return {"role": "assistant", "content": [*content]}


def text(words: str, **more: Any) -> Body:
    return {"type": "text", "text": words, **more}


def thought(signature: str) -> Body:
    return {"type": "thinking", "thinking": "Hm", "signature": signature}


def use(id_: str, name: str = "f", **given: Any) -> Body:
    return {"type": "tool_use", "id": id_, "name": name, "input": given}


def result(id_: str, content: Any = "ok", **more: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **more}


def test_blocks_are_items_in_their_order() -> None:
    """What the assistant did stays in the order it did it; results go before the words beside them."""
    sealed = wrap("responses", "gpt", "gAAA", ref="rs_1")
    found = items(
        user("Hi"),
        assistant(
            {"type": "thinking", "thinking": "Hm", "signature": sealed},
            text("A"),
            text("B"),
            use("a", x=1),
            text("C"),
            use("b"),
        ),
        user(text("Go on."), result("b"), result("a")),
    )
    assert [item["type"] for item in found] == [
        "message", "reasoning", "message", "function_call", "message", "function_call",
        "function_call_output", "function_call_output", "message",
    ]  # fmt: skip
    assert found[1] == {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "encrypted_content": "gAAA",
    }
    assert [part["text"] for part in found[2]["content"]] == ["A", "B"]
    assert found[3]["arguments"] == '{"x":1}'
    assert [item["call_id"] for item in found[6:8]] == ["a", "b"]


@pytest.mark.parametrize(
    ("signature", "model", "kept"),
    [
        (wrap("responses", "gpt", "gAAA"), "gpt-6-sol", True),
        (wrap("responses", "", "gAAA"), "gpt-6-sol", True),
        (wrap("responses", "grok", "gAAA"), "gpt-6-sol", False),
        (wrap("chat", "kimi", "x"), "gpt-6-sol", False),
        ("EqQBCgIYAhIkMQ==", "gpt-6-sol", False),
        ("", "gpt-6-sol", False),
    ],
)
def test_thoughts_go_back_to_their_maker_alone(signature: str, model: str, kept: bool) -> None:
    """Complete and encrypted to whom they came from; to others not at all, and that is recorded."""
    said = assistant(thought(signature), text("A"))
    body, edits = from_hub({"model": model, "messages": [user("Hi"), said, user("x")]})
    legal_responses(body)
    assert ("reasoning" in [item["type"] for item in body["input"]]) is kept
    assert bool(lost(edits)) is not kept


def test_sealed_thoughts() -> None:
    """redacted_thinking in an envelope is reasoning without words; its id is made of what it holds."""
    block = {"type": "redacted_thinking", "data": wrap("responses", "gpt", "gAAA")}
    first, second = (items(user("Hi"), assistant(block, text("A")), user("x"))[1] for _ in range(2))
    assert first == second
    assert first["summary"] == []
    assert first["id"].startswith("rs_")


def test_instructions() -> None:
    """First, and wherever else they stand; Claude Code's version is noise before the prefix."""
    system = [text("x-anthropic-billing-header: cc_version=2.1"), text("One."), text("Two.")]
    found = items(user("Hi"), {"role": "system", "content": "Amid."}, assistant(text("A")), user("x"), system=system)
    assert [(item["role"], [part["text"] for part in item["content"]]) for item in found] == [
        ("developer", ["One.", "Two."]),
        ("user", ["Hi"]),
        ("developer", ["Amid."]),
        ("assistant", ["A"]),
        ("user", ["x"]),
    ]
    assert items(user("Hi"), model="llama", system="One.")[0]["role"] == "system"


def test_results_with_pictures_and_files() -> None:
    """They stay in the result; an error is told before it."""
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    seen, bad = result("a", [text("See"), PNG, pdf]), result("b", "bad", is_error=True)
    results = user(seen, bad, result("c", [PNG], is_error=True), result("d", None))
    found = items(user("Hi"), assistant(use("a"), use("b"), use("c"), use("d")), results)
    outputs = [item["output"] for item in found if item["type"] == "function_call_output"]
    assert [part["type"] for part in outputs[0]] == ["input_text", "input_image", "input_file"]
    assert outputs[1] == "[error] bad"
    assert [part.get("text") for part in outputs[2]] == ["[error]", None]
    assert outputs[3] == ""


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        (PNG, [{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}]),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
            [{"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"}],
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}, "title": "A"},
            [{"type": "input_file", "file_url": "https://x.test/a.pdf", "filename": "A"}],
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi"}, "title": "A"},
            [{"type": "input_text", "text": "[document: A]\nHi"}],
        ),
        (
            {"type": "search_result", "source": "s", "title": "T", "content": [text("Hi")]},
            [{"type": "input_text", "text": "[search result: T]\ns\nHi"}],
        ),
        (text(" "), None),
    ],
)
def test_parts(block: Body, parts: list[Body] | None) -> None:
    """Every block is the part that says the same; what says nothing is left out."""
    found = items(user(block, text("x")))
    assert found[0]["content"] == [*(parts or []), {"type": "input_text", "text": "x"}]


def test_what_a_server_ran_is_told() -> None:
    """Blocks of Anthropic's own tools are text in the history; what can't be told is refused."""
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    body, edits = from_hub({"model": "gpt-5.5", "messages": [user("Hi"), assistant(search, text("A")), user("x")]})
    assert "web_search" in body["input"][1]["content"][0]["text"]
    assert lost(edits)
    with pytest.raises(Unsupported):
        items(user("Hi"), assistant({"type": "container_upload", "file_id": "f"}))


def test_repairs() -> None:
    """A call without a result gets one, a result without a call becomes text; ids and names fit, and come back."""
    calls = assistant(use("gwid_Zi5hOjA", "n" * 80), use("x" * 70))
    messages = [user("Hi"), calls, user(result("y", "lost"), text("z")), assistant(use("c"))]
    body, edits = from_hub({"model": "gpt-5.5", "messages": messages})
    legal_responses(body)
    made = [item for item in body["input"] if item["type"] == "function_call"]
    assert made[0]["call_id"] == "f.a:0"
    assert len(made[1]["call_id"]) <= 64
    assert [edit.action for edit in edits] == ["repaired"] * 4
    outputs = [item["output"] for item in body["input"] if item["type"] == "function_call_output"]
    assert all("no result" in output for output in outputs)


def test_arguments_that_were_none() -> None:
    """What was no JSON when it came goes back as it was."""
    found = items(user("Hi"), assistant(use("a", _raw='{"x')), user(result("a")))
    assert found[1]["arguments"] == '{"x'


# -- any conversation -------------------------------------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "gwid_Zi5hOjA"])
SEALED = {"type": "thinking", "thinking": "t", "signature": wrap("responses", "gpt", "gAAA")}
SAID = st.lists(
    st.one_of(st.builds(text, st.sampled_from(["x", " "])), st.builds(use, IDS), st.just(SEALED)), max_size=4
)
HEARD = st.lists(
    st.one_of(st.builds(text, st.sampled_from(["x", ""])), st.builds(result, IDS), st.just(PNG)), max_size=4
)
TURNS = st.lists(
    st.one_of(
        st.builds(lambda content: {"role": "assistant", "content": content}, SAID),
        st.builds(lambda content: {"role": "user", "content": content}, HEARD),
        st.just({"role": "system", "content": "s"}),
    ),
    max_size=6,
)


@given(TURNS, TURNS)
def test_a_translation_is_a_prefix_of_its_continuations(before: list[Body], after: list[Body]) -> None:
    """What was sent stays as it was sent, up to the turn that was open."""
    cut = [user("start"), *before, user("now")]
    begun = items(*cut)
    whole = items(*cut, assistant(text("answer")), *after)
    assert whole[: len(begun)] == begun


@given(TURNS)
def test_any_conversation_is_legal(messages: list[Body]) -> None:
    """However its blocks are strewn, what comes of them is what the API takes."""
    items(user("start"), *messages)
