"""Places in the words of who asked: what a target drops or refuses is named as the client said it."""

from typing import Any

import pytest

from pipeline.errors import InvalidRequest
from pipeline.prompt import Prompt
from stages.dialects.places import words_of
from stages.dialects.wording import worded
from stages.translation import DIALECTS, translate_request

HI = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}
RESPONSES: dict[str, Any] = {"model": "gpt-5.2", "input": HI}


@pytest.mark.parametrize(
    ("dialect", "asked", "place", "known"),
    [
        ("anthropic", {}, "output_config.effort", "output_config.effort"),
        ("chat", {}, "output_config.effort", "reasoning_effort"),
        ("chat", {}, "thinking.budget_tokens", "reasoning_effort"),
        ("chat", {}, "max_tokens", "max_tokens"),
        ("chat", {"max_completion_tokens": 5}, "max_tokens", "max_completion_tokens"),
        ("chat", {}, "messages[3].content[1].cache_control", "messages"),
        ("chat", {}, "system[0]", "messages"),
        ("chat", {}, "tools[1].input_schema.properties.x", "tools[1].function.parameters.properties.x"),
        ("chat", {}, "seed", "seed"),
        ("responses", {}, "output_config.format.schema", "text.format.schema"),
        ("responses", {}, "messages", "input"),
        ("responses", {}, "systematic", "systematic"),
        ("responses", {"tools": [{"type": "web_search"}, TOOL]}, "tools[0].input_schema.x", "tools[1].parameters.x"),
    ],
)
def test_places(dialect: str, asked: Any, place: str, known: str) -> None:
    """By the client's own names and numbers, as far as they can be told."""
    assert words_of(dialect, asked)(place) == known


def test_errors_and_records_are_named() -> None:
    """Those of what is done inside; others stay."""
    prompt = Prompt("responses", b"{}")
    prompt.record("dropped", ("messages",), "before")

    def refused() -> None:
        with worded(prompt, words_of("responses", {})):
            prompt.record("dropped", ("messages",), "inside")
            raise InvalidRequest("messages[0]: no", param="messages[0]")

    with pytest.raises(InvalidRequest, match=r"^input: no$") as raised:
        refused()
    assert raised.value.param == "input"
    assert [edit.path for edit in prompt.edits] == ["messages", "input"]


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("source", ["chat", "responses"])
def test_nobody_reads_of_what_nobody_said(source: str, target: str) -> None:
    """Whatever is recorded begins with a field of the request, or with one of its protocol's."""
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes"}]}
    bodies: dict[str, dict[str, Any]] = {
        "chat": {"model": "m", "messages": HI, "reasoning_effort": "max", "max_completion_tokens": 10**9, "n": 2},
        "responses": {**RESPONSES, "input": [*HI, thought, said, *HI], "reasoning": {"effort": "max"}},
    }
    for model in ("gpt-4.1", "claude-opus-4-5", "some-model"):
        made = translate_request(bodies[source], source=source, target=target, model=model)
        fields = {edit.path.partition(".")[0].partition("[")[0] for edit in made.edits}
        assert fields <= {*bodies[source], "max_output_tokens", "max_tokens"}, made.edits


def test_a_search_that_a_chat_server_can_not_do_is_named_where_it_stood() -> None:
    """Among the client's tools, not among those that are left."""
    body = {**RESPONSES, "tools": [TOOL, {"type": "web_search"}]}
    made = translate_request(body, source="responses", target="chat")
    assert [edit.path for edit in made.edits if edit.lossy] == ["tools[1]"]
    assert "at" not in str(made.body)
