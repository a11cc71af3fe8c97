"""What was sent stays as it was sent: the next turn of a conversation begins, in every pair, with this one.

Every prompt cache lives on that, and every signature that is bound to what stands before it.
"""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.translation import DIALECTS, translate_request
from tests.dialects.test_round_trips import Body, claudes, codexes, gpts

PROMPTS = {"anthropic": claudes(ordered=True), "chat": gpts(), "responses": codexes()}
MODELS = {"anthropic": ["claude-opus-5", "claude-sonnet-4-5"], "chat": ["gpt-5.6", "gpt-4.1", "some-model"],
          "responses": ["gpt-5.6", "some-model"]}  # fmt: skip
TRIPS = [(source, target, model) for source in PROMPTS for target in MODELS for model in MODELS[target]]
TALK = {"anthropic": "messages", "chat": "messages", "responses": "input"}
CALLS: dict[str, list[Body]] = {
    "anthropic": [
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "tool_use", "id": "toolu_new", "name": "f", "input": {"a": 1}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_new", "content": "ok"}]},
    ],
    "chat": [
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_new", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "tool_call_id": "call_new", "content": "ok"},
    ],
    "responses": [
        {"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "call_new", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "call_new", "output": "ok"},
    ],
}
# What differs where a turn of tools comes without its thoughts to a model that thinks within a budget: it goes on
# without thinking, or the API would refuse it, and so without the limits that thinking sets.
UNTHINKING = frozenset({"thinking", "output_config", "max_tokens", "temperature", "top_p", "top_k"})
INTERRUPTED = {dialect: [*turns[:-1], {"role": "user", "content": "And?"}] for dialect, turns in CALLS.items()}


def sent(body: Body, source: str, target: str, model: str) -> Any:
    return msgspec.json.decode(translate_request(body, source=source, target=target, model=model).body)


@pytest.mark.parametrize(("source", "target", "model"), TRIPS)
@settings(max_examples=20)  # of each trip, of which there are many
@given(data=st.data())
def test_a_prompt_begins_with_the_one_before(source: str, target: str, model: str, data: st.DataObject) -> None:
    """Turns are added behind it, a tool's result or one that never came; nothing before them changes."""
    body, talk = data.draw(PROMPTS[source]), TALK[target]
    begun = sent(body, source, target, model)
    for turns in (CALLS[source], INTERRUPTED[source]):
        longer = sent({**body, TALK[source]: [*body[TALK[source]], *turns]}, source, target, model)
        assert longer[talk][: len(begun[talk])] == begun[talk]
        assert len(longer[talk]) > len(begun[talk])
        bare = model == "claude-sonnet-4-5" and ("thinking" in longer) is not ("thinking" in begun)
        gone = UNTHINKING if bare else set()
        assert {key for key in longer | begun if longer.get(key) != begun.get(key)} <= {talk, *gone}


@pytest.mark.parametrize("dialect", PROMPTS)
@given(data=st.data())
def test_equals_pass_untouched(dialect: str, data: st.DataObject) -> None:
    """To the byte, and nothing is recorded."""
    raw = msgspec.json.encode(data.draw(PROMPTS[dialect]))
    made = translate_request(raw, source=dialect, target=dialect)
    assert (made.body, made.edits) == (raw, ())


def test_every_pair_is_looked_at() -> None:
    """A new dialect gets its line in these tables."""
    assert {(source, target) for source, target, _ in TRIPS} == {(a, b) for a in DIALECTS for b in DIALECTS}
