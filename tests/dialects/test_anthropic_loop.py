"""A turn that goes on with the results of its tools: with a budget, only with its own thoughts."""

from typing import Any

import msgspec
import pytest

from pipeline.prompt import Prompt
from stages.dialects import anthropic
from stages.dialects.anthropic.loop import followed
from stages.dialects.envelope import wrap
from stages.translation import translate_request

Body = dict[str, Any]

OWN = {"type": "thinking", "thinking": "Hm", "signature": "EqQB"}
FOREIGN = {"type": "thinking", "thinking": "Hm", "signature": wrap("responses", "gpt", "gAAAAB")}
SAID = {"type": "text", "text": "Let me see."}
CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]}
ASKED = {"role": "user", "content": "x"}
BUDGET = {"type": "enabled", "budget_tokens": 2000}


def spoke(*blocks: Body) -> Body:
    return {"role": "assistant", "content": [*blocks]}


@pytest.mark.parametrize(
    ("messages", "thought"),
    [
        ([], None),
        ([ASKED], None),
        ([ASKED, spoke(SAID, CALL), RESULT], False),
        ([ASKED, spoke(OWN, CALL), RESULT], True),
        ([ASKED, spoke({"type": "redacted_thinking", "data": "EmwK"}, CALL), RESULT], True),
        ([ASKED, spoke(OWN, CALL), RESULT, spoke(CALL), RESULT], True),
        ([ASKED, spoke(CALL), RESULT, {"role": "system", "content": "y"}, spoke(CALL), RESULT], False),
        ([ASKED, spoke(OWN, CALL), RESULT, spoke(SAID), ASKED, spoke(CALL), RESULT], False),
        ([ASKED, spoke(CALL), RESULT, spoke(SAID), ASKED], None),
    ],
)
def test_a_turn_lasts_until_the_user_speaks_again(messages: list[Body], thought: Any) -> None:
    """A thought anywhere in it is its own; the ones of turns before are not; walked at once, or from any place on."""
    assert followed(messages) is thought
    for cut in range(len(messages)):
        assert followed(messages[cut:], followed(messages[:cut])) is thought


def chat_of(**more: Any) -> Body:
    """What a Chat client sends that gives no reasoning back, after its tool has answered."""
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [ASKED, {"role": "assistant", "content": None, "tool_calls": [call]}]
    return {"model": "m", "reasoning_effort": "high", **more, "messages": [*messages, {
        "role": "tool", "tool_call_id": "t1", "content": "ok"}]}  # fmt: skip


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-sonnet-4-5-20250929", "claude-opus-4-5"])
def test_clients_that_give_no_thoughts_back_go_on_without(model: str) -> None:
    """As the API would refuse the request; recorded, and the next question is thought about again."""
    asked = translate_request(chat_of(), source="chat", target="anthropic", model=model)
    made = msgspec.json.decode(asked.body)
    assert "thinking" not in made
    assert "output_config" not in made
    assert any(edit.lossy and edit.path == "reasoning_effort" for edit in asked.edits)
    body = chat_of()
    body["messages"] += [{"role": "assistant", "content": "Done."}, ASKED]
    made = msgspec.json.decode(translate_request(body, source="chat", target="anthropic", model=model).body)
    assert made["thinking"]["type"] == "enabled"


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-sonnet-5", "claude-opus-5-5", "some-model"])
def test_models_that_decide_themselves_think_on(model: str) -> None:
    """They demand no thoughts of before; nor is anything assumed of one that nobody knows."""
    asked = translate_request(chat_of(), source="chat", target="anthropic", model=model)
    assert msgspec.json.decode(asked.body)["thinking"]["type"] == "adaptive"
    assert not any(edit.lossy for edit in asked.edits)


def test_a_wish_in_the_models_name_yields_too() -> None:
    """A client of this API that did not think so far, and whose user says high now."""
    messages = [ASKED, spoke(CALL), RESULT]
    body = {"model": "claude-haiku-4-5", "max_tokens": 9000, "messages": messages}
    asked = translate_request(body, source="anthropic", target="anthropic", effort="high")
    assert msgspec.json.decode(asked.body) == body
    thought = {**body, "messages": [ASKED, spoke(OWN, CALL), RESULT]}
    asked = translate_request(thought, source="anthropic", target="anthropic", effort="high")
    assert msgspec.json.decode(asked.body)["thinking"]["type"] == "enabled"


@pytest.mark.parametrize(
    ("model", "messages", "thinks"),
    [
        ("claude-haiku-4-5", [ASKED, spoke(FOREIGN, CALL), RESULT], False),
        ("claude-haiku-4-5", [ASKED, spoke(OWN, CALL), RESULT, spoke(FOREIGN, CALL), RESULT], True),
        ("claude-haiku-4-5", [ASKED, spoke(FOREIGN, SAID), ASKED], True),
        ("some-model", [ASKED, spoke(FOREIGN, CALL), RESULT], True),
    ],
)
def test_a_turn_that_another_model_began_is_ended_without_thinking(model: str, messages: Any, thinks: bool) -> None:
    """Its thoughts are taken out, and this API goes on with none: else each request would be refused until the end."""
    prompt = Prompt.of("anthropic", {"model": model, "max_tokens": 9000, "thinking": BUDGET, "messages": messages})
    anthropic.mend(prompt)
    assert prompt.has("thinking") is thinks
    assert all(edit.lossy for edit in prompt.edits)
    assert ("thinking" in {edit.path for edit in prompt.edits}) is not thinks
