"""Thoughts of other makers go before the API would refuse them, the same ones in every turn."""

import timeit
from typing import Any

import msgspec
import pytest

from pipeline.prompt import Prompt
from stages.dialects import anthropic
from stages.dialects.envelope import wrap
from tests.dialects.anthropic_oracle import PROMPTS

OWN = {"type": "thinking", "thinking": "Hm", "signature": "EqQB"}
REDACTED = {"type": "redacted_thinking", "data": "EmwK"}
UNSIGNED = {"type": "thinking", "thinking": "Hm", "signature": ""}
FOREIGN = {"type": "thinking", "thinking": "Hm", "signature": wrap("responses", "gpt", "gAAAAB")}
WRAPPED = {"type": "thinking", "thinking": "Hm", "signature": wrap("anthropic", "claude", "EqQB")}
WRAPPED_DATA = {"type": "thinking", "thinking": "", "signature": wrap("anthropic", "claude", "EmwK", kind="redacted")}
TEXT = {"type": "text", "text": "x"}


def body(*contents: Any) -> dict[str, Any]:
    messages = [{"role": "assistant", "content": content} for content in contents]
    return {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": messages}


def both(asked: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The contents after translation, and after mending in place: they must agree; and what was recorded."""
    translated = Prompt("anthropic", msgspec.json.encode(asked))
    made = anthropic.from_messages(msgspec.json.decode(msgspec.json.encode(asked)), translated)
    mended = Prompt("anthropic", msgspec.json.encode(asked))
    anthropic.mend(mended)
    assert mended.get("messages") == made["messages"]
    assert [edit.lossy for edit in mended.edits] == [edit.lossy for edit in translated.edits]
    return [message["content"] for message in made["messages"]], [edit.lossy for edit in mended.edits]


@pytest.mark.parametrize(
    ("block", "kept", "lossy"),
    [
        (OWN, OWN, []),
        (REDACTED, REDACTED, []),
        (WRAPPED, OWN, [False]),
        (WRAPPED_DATA, REDACTED, [False]),
        (FOREIGN, None, [True]),
        (UNSIGNED, None, [True]),
        ({"type": "redacted_thinking", "data": wrap("responses", "gpt", "gAAAAB")}, None, [True]),
        ({"type": "thinking", "thinking": "Hm"}, None, [True]),
    ],
)
def test_only_the_apis_own_thoughts_stay(block: Any, kept: Any, lossy: list[bool]) -> None:
    """Own ones as they came, own ones in an envelope without it, all others not at all; recorded."""
    assert both(body([block, TEXT])) == ([[kept, TEXT] if kept else [TEXT]], lossy)


def test_several_go_at_once_and_a_message_of_nothing_else_with_them() -> None:
    """An empty message would be refused, too."""
    contents = [[FOREIGN, TEXT, UNSIGNED], "words", [UNSIGNED, FOREIGN], [OWN, FOREIGN]]
    assert both(body(*contents)) == ([[TEXT], "words", [OWN]], [True] * 5)


def test_a_turn_more_changes_nothing_before_it() -> None:
    """What is dropped depends on the block alone: the prefix of the next turn is this turn's prompt."""
    contents = [[FOREIGN, TEXT], [WRAPPED, TEXT], "x"]
    shorter, _ = both(body(*contents))
    longer, _ = both(body(*contents, [UNSIGNED, TEXT]))
    assert longer[: len(shorter)] == shorter


@pytest.mark.parametrize("name", PROMPTS)
def test_what_needs_no_mending_keeps_its_bytes(name: str) -> None:
    """Untouched is identical."""
    asked = Prompt("anthropic", PROMPTS[name])
    anthropic.mend(asked)
    assert asked.encode() is PROMPTS[name]
    assert asked.edits == []


def test_mending_changes_no_other_byte() -> None:
    """The block is cut out of the text that came."""
    raw = msgspec.json.format(msgspec.json.encode(body([OWN, FOREIGN, TEXT], "é")))
    asked = Prompt("anthropic", raw)
    anthropic.mend(asked)
    begin, _, rest = raw.partition(
        b'{\n          "type": "thinking",\n          "thinking": "Hm",\n          "signature": "Z'
    )
    assert asked.encode().startswith(begin.rstrip().rstrip(b","))
    assert asked.encode().endswith(rest[rest.index(b"}") + 1 :].lstrip(b",").lstrip())


@pytest.mark.parametrize("messages", [None, [], ["x"], [{"role": "user"}], [{"content": [3, {"type": 4}]}]])
def test_what_is_no_conversation_is_left_to_the_api(messages: Any) -> None:
    """Its own error is the better one."""
    asked = Prompt("anthropic", msgspec.json.encode({"model": "m", "messages": messages, "x": "thinking"}))
    anthropic.mend(asked)
    assert asked.edits == []


def test_a_server_that_does_not_sign_gets_its_own_thoughts_back() -> None:
    """Some of its kind refuse a call of a tool without the thought before it; other makers' still go."""
    asked = Prompt("anthropic", msgspec.json.encode(body([UNSIGNED, FOREIGN, TEXT])))
    anthropic.mend(asked, signs=False)
    assert asked.get("messages", 0, "content") == [UNSIGNED, TEXT]


def test_a_history_of_megabytes_with_nothing_strange_is_not_decoded() -> None:
    """Every turn of a long conversation comes by here."""
    asked = Prompt("anthropic", msgspec.json.encode(body(*[[OWN, {"type": "text", "text": "x" * 1000}]] * 3000)))
    assert timeit.timeit(lambda: anthropic.mend(asked), number=1) < 0.05
