"""Weigh: what units hold, block by block, in all dialects; a word of four letters is a token here."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.tokens.weigh import HIDDEN, PIECE, weigh
from stages.tokens.weight import Picture, Weight

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480)).decode()
PDF = base64.b64encode(b"%PDF-1.4 << /Type /Page >> << /Type /Page >>").decode()
SEALED = "s" * 800


def count(texts: list[str]) -> list[int]:
    """A tokenizer that is easy to check: characters."""
    return [len(text) for text in texts]


def weighed(value: Any, kind: str = "turn") -> Weight:
    (weight,) = weigh([(kind, json.dumps(value).encode())], count)
    return weight


def block(**fields: Any) -> Weight:
    """The weight of one block in an assistant's message."""
    return weighed({"role": "assistant", "content": [fields]})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "text", "text": "four", "cache_control": {"type": "ephemeral"}}, 4),
        ({"type": "input_text", "text": "four"}, 4),
        ({"type": "output_text", "text": "four", "annotations": [{"x": "y"}]}, 4),
        ({"type": "refusal", "refusal": "four"}, 4),
        ({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}, 4 + len('{"a":1}')),
        ({"type": "tool_result", "tool_use_id": "toolu_1", "content": "four"}, 4),
        ({"type": "tool_result", "content": [{"type": "text", "text": "four"}, {"type": "text", "text": "five"}]}, 8),
        ({"type": "search_result", "title": "four", "source": "five", "content": [{"type": "text", "text": "x"}]}, 9),
        ({"type": "document", "title": "four", "source": {"type": "text", "data": "five"}}, 8),
        ({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}}, 1),
    ],
)
def test_words(fields: dict[str, Any], words: int) -> None:
    """What is said; ids, marks and annotations say nothing."""
    assert block(**fields) == Weight(words=words)


def test_chat_messages() -> None:
    """Calls, results, names and thoughts stand beside the content."""
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
    assert weighed({"role": "assistant", "content": None, "tool_calls": [call]}) == Weight(words=11)
    assert weighed({"role": "tool", "tool_call_id": "call_1", "content": "four"}) == Weight(words=4)
    assert weighed({"role": "assistant", "content": "x", "reasoning_content": "four"}) == Weight(words=1, thoughts=4)
    assert weighed({"role": "user", "name": "ada", "content": "four"}) == Weight(words=7, asks=True)


def test_responses_items() -> None:
    """Items are turns, or blocks without one."""
    assert weighed("four") == Weight(words=4, asks=True)
    assert weighed({"type": "message", "role": "user", "content": "four"}) == Weight(words=4, asks=True)
    assert weighed({"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}) == Weight(words=6)
    assert weighed({"type": "function_call_output", "call_id": "c", "output": "four"}) == Weight(words=4)
    assert weighed({"type": "item_reference", "id": "x"}) == Weight()
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "four"}], "encrypted_content": SEALED}
    assert weighed(thought) == Weight(thoughts=4)
    assert weighed({**thought, "summary": []}) == Weight(thoughts=len(SEALED) // HIDDEN)


def test_thoughts() -> None:
    """By their words, else by the length of what only their maker can read."""
    assert block(type="thinking", thinking="four", signature=SEALED) == Weight(thoughts=4)
    assert block(type="thinking", thinking="", signature=SEALED) == Weight(thoughts=len(SEALED) // HIDDEN)
    assert block(type="redacted_thinking", data=SEALED) == Weight(thoughts=len(SEALED) // HIDDEN)


def test_pictures() -> None:
    """By the size in their header, with the detail that was asked for; elsewhere without a size."""
    for fields in (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "file", "file": {"file_data": f"data:image/png;base64,{PNG}"}},
    ):
        assert block(**fields) == Weight(pictures=(Picture(640, 480),))
    low = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"}
    assert block(**low) == Weight(pictures=(Picture(640, 480, "low"),))
    away = {"type": "image_url", "image_url": {"url": "https://here.test/a.png", "detail": "high"}}
    assert block(**away) == Weight(pictures=(Picture(0, 0, "high"),))


def test_files() -> None:
    """By their pages; one that is elsewhere is a page."""
    for fields in (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}},
        {"type": "input_file", "file_data": PDF},
    ):
        assert block(**fields) == Weight(pages=2)
    assert block(type="document", source={"type": "url", "url": "https://here.test/a.pdf"}) == Weight(pages=1)
    assert block(type="input_file", filename="four", file_id="file_1") == Weight(pages=1, words=4)


def test_pictures_in_results() -> None:
    """A tool's answer may show something."""
    picture = {"type": "image", "source": {"type": "base64", "data": PNG}}
    assert block(type="tool_result", content=[picture]).pictures == (Picture(640, 480),)


def test_a_turn_of_the_users_own() -> None:
    """Not one that answers calls."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": ""}
    assert weighed({"role": "user", "content": [{"type": "text", "text": ""}]}).asks
    assert not weighed({"role": "user", "content": [result, {"type": "text", "text": ""}]}).asks
    assert not weighed({"role": "system", "content": ""}).asks


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}},
        {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}},
        {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": True},
        {"type": "namespace", "tools": [{"name": "look", "description": "Looks.", "parameters": {"type": "object"}}]},
    ],
)
def test_tools_weigh_the_same_in_every_dialect(tool: dict[str, Any]) -> None:
    """As JSON and as a declaration; a namespace weighs its name besides."""
    weight = weighed(tool, "tool")
    alone = weighed({"name": "look", "description": "Looks.", "parameters": {"type": "object"}}, "tool")
    if tool.get("type") == "namespace":
        assert weight.written > alone.written
        assert weight.declared > alone.declared
    else:
        assert weight == alone
    assert alone.declared == len("// Looks.\ntype look = () => any;\n\n")
    assert not alone.words


def test_a_grammar_belongs_to_its_tool() -> None:
    """Free-form tools are described by it."""
    tool = {"type": "custom", "name": "patch", "format": {"type": "grammar", "definition": "start: x"}}
    assert weighed(tool, "tool").declared == len("// \n// start: x\ntype patch = () => any;\n\n")


@pytest.mark.parametrize(
    "form",
    [
        {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"},
        {"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "high"},
    ],
)
def test_the_form_of_the_answer(form: dict[str, Any]) -> None:
    """Its schema goes along, whatever it is wrapped in."""
    assert weighed(form, "schema") == Weight(words=len('{"type":"object"}'))
    assert weighed({"type": "json_object"}, "schema") == Weight()


def test_what_is_not_known_weighs_as_its_json() -> None:
    """Without what is never shown; long base64 by its length."""
    assert block(type="new_thing", id="x", said="four") == Weight(words=len('{"said":"four"}'))
    sealed = block(type="web_search_result", encrypted_content=SEALED)
    assert sealed == Weight(words=len('{"encrypted_content":""}') + (len(SEALED) + 2) // HIDDEN)


def test_long_texts_are_cut() -> None:
    """The tokenizer never sees more than a piece at a time."""
    seen: list[int] = []

    def measured(texts: list[str]) -> list[int]:
        seen.extend(map(len, texts))
        return count(texts)

    long, short = json.dumps({"content": "x" * (2 * PIECE + 5)}).encode(), b'{"content": "four"}'
    first, second = weigh([("turn", long), ("turn", short)], measured)
    assert seen == [PIECE, PIECE, 5, 4]
    assert (first.words, second.words) == (2 * PIECE + 5, 4)


def test_sound_weighs_by_its_length() -> None:
    """There is nothing to read in it."""
    assert block(type="input_audio", input_audio={"data": "a" * 25_000, "format": "wav"}) == Weight(words=10)


NAMES = ["type", "role", "content", "text", "source", "data", "image_url", "url", "input", "name", "tool_calls",
         "function", "file", "file_data", "thinking", "summary", "reasoning", "format", "schema", "tools",
         "input_audio"]  # fmt: skip
TYPES = ["text", "image", "image_url", "input_image", "document", "file", "input_file", "tool_use", "tool_result",
         "function_call", "thinking", "reasoning", "message", "input_audio", "base64", "content", "x"]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([*TYPES, f"data:image/png;base64,{PNG}", PNG]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
)


@given(JSON, st.sampled_from(["turn", "text", "tool", "schema"]))
def test_nothing_is_raised(value: Any, kind: str) -> None:
    """Whatever JSON a client sends."""
    assert weighed(value, kind).words >= 0


@given(st.binary(), st.sampled_from(["turn", "text", "tool", "schema"]))
def test_nothing_is_raised_by_what_is_no_json(raw: bytes, kind: str) -> None:
    """It weighs as text."""
    assert len(weigh([(kind, raw)], count)) == 1


def test_a_nest_without_end_weighs_as_text() -> None:
    """Recursion has a limit."""
    for begin, end in ((b'{"type":"tool_result","content":', b"}"), (b"[", b"]"), (b'{"tools":[', b"]}")):
        raw = begin * 30_000 + b'"x"' + end * 30_000  # CPython 3.13 goes ten times as deep as 3.11
        for kind in ("turn", "tool"):
            (weight,) = weigh([(kind, raw)], count)
            assert weight.words + weight.written > 0
