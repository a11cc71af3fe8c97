"""Chat prompts in the Messages shape, field by field; and whatever comes, an answer or a refusal that names it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from tests.dialects.chat_prompts import Body, asked, claudes, in_, losses
from tests.dialects.chat_replies import PROMPTS


@pytest.mark.parametrize("name", PROMPTS)
def test_recorded_prompts_are_legal(name: str) -> None:
    """What real clients send, the Messages API would take, once that dialect has made it its own."""
    claudes(PROMPTS[name])


def test_the_limit() -> None:
    """The newer field counts; the model's own most is the bound, and what stands where none is set."""
    assert in_(asked(max_tokens=5, max_completion_tokens=7))[0]["max_tokens"] == 7
    assert "max_tokens" not in in_(asked())[0]
    assert claudes(asked())[0]["max_tokens"] == 128_000
    assert claudes(asked(max_tokens=10**9))[0]["max_tokens"] == 128_000


def test_scalars() -> None:
    """Fields that mean the same go over under their names there."""
    hub, edits = in_(asked(stream=True, temperature=0.3, top_p=0.5, stop=["a", "b"], user="u", safety_identifier="s",
                           service_tier="default"))  # fmt: skip
    wanted = {"stream": True, "temperature": 0.3, "top_p": 0.5, "stop_sequences": ["a", "b"],
              "metadata": {"user_id": "s"}, "service_tier": "standard_only"}  # fmt: skip
    assert {key: hub[key] for key in wanted} == wanted
    assert losses(edits) == []


def test_one_stop_sequence() -> None:
    """A text is a list of one; white space, which the API refuses, is left to the gateway: nothing is lost."""
    assert in_(asked(stop="END"))[0]["stop_sequences"] == ["END"]
    body, edits = claudes(asked(stop=["\n", "END"]))
    assert body["stop_sequences"] == ["END"]
    assert losses(edits) == []


def test_sampling_that_older_models_refuse() -> None:
    """Two at once, or any while they think, would be a 400."""
    hub, edits = claudes({**asked(temperature=0.5, top_p=0.5), "model": "claude-haiku-4-5"})
    assert ("top_p" in hub, losses(edits)) == (False, ["top_p"])
    hub, edits = claudes({**asked(temperature=0.5, top_k=3, reasoning_effort="low"), "model": "claude-haiku-4-5"})
    assert losses(edits) == ["temperature", "top_k"]


def test_a_schema_for_the_answer() -> None:
    """It goes over without what can't be enforced, and that is recorded."""
    hub, edits = in_(PROMPTS["structured"])
    schema = hub["output_config"]["format"]["schema"]
    assert schema["properties"] == {"name": {"type": "string"}, "age": {"type": "integer"}}
    assert "response_format.json_schema.schema" in losses(edits)


def test_json_is_asked_for_in_words() -> None:
    """There is no such mode: the instruction comes last, and never changes."""
    hub, edits = in_(asked({"role": "system", "content": "a"}, {"role": "user", "content": "b"},
                           response_format={"type": "json_object"}))  # fmt: skip
    assert hub["system"][0]["text"] == "a"
    assert "JSON" in hub["system"][1]["text"]
    assert losses(edits) == ["response_format"]


def test_search() -> None:
    """What Chat's search models do is a tool of the server there."""
    where = {"type": "approximate", "approximate": {"city": "Bern", "country": "CH"}}
    hub, _ = in_(asked(web_search_options={"user_location": where}))
    assert hub["tools"] == [{"type": "web_search_20250305", "name": "web_search",
                             "user_location": {"type": "approximate", "city": "Bern", "country": "CH"}}]  # fmt: skip


def test_cache_marks_are_kept_in_bounds() -> None:
    """The last four stay, and none lasts longer than one before it."""
    short, long = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    parts = [{"type": "text", "text": str(n), "cache_control": long if n in {2, 5} else short} for n in range(6)]
    hub, _ = claudes(asked({"role": "user", "content": parts}))
    marks = [block.get("cache_control") for block in hub["messages"][0]["content"]]
    assert marks == [None, None, {"type": "ephemeral", "ttl": "1h"}, *[{"type": "ephemeral"}] * 3]


@pytest.mark.parametrize("fields", [
    {"seed": 1}, {"logit_bias": {"1": 2}}, {"logprobs": True}, {"presence_penalty": 0.5}, {"metadata": {"a": "b"}},
    {"prediction": {"type": "content"}}, {"n": 2}, {"verbosity": "low"}, {"made_up": 1}, {"service_tier": "flex"},
])  # fmt: skip
def test_what_is_lost_is_recorded(fields: Body) -> None:
    """Nothing disappears without a word."""
    hub, edits = in_(asked(**fields))
    assert losses(edits) == [*fields]
    assert not hub.keys() & fields.keys()


@pytest.mark.parametrize("fields", [
    {"seed": None}, {"presence_penalty": 0}, {"logprobs": False}, {"n": 1}, {"store": False}, {"modalities": ["text"]},
    {"tools": None}, {"stop": None},
])  # fmt: skip
def test_what_says_nothing_is_no_loss(fields: Body) -> None:
    """Null, and a field's default, ask for nothing."""
    assert in_(asked(**fields))[1] == in_(asked())[1]


@pytest.mark.parametrize(
    "fields",
    [{"modalities": ["text", "audio"]}, {"audio": {"voice": "a"}}, {"response_format": {"type": "grammar"}}],
)
def test_what_can_not_be_had_is_refused(fields: Body) -> None:
    """By the name of the field, and as a 400."""
    with pytest.raises(Unsupported) as raised:
        in_(asked(**fields))
    assert raised.value.status == 400
    assert raised.value.param


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"model": None}, "model"), ({"model": 5}, "model"), ({"messages": None}, "messages"), ({"n": 0}, "n"),
     ({"max_tokens": 0}, "max_tokens"), ({"max_tokens": True}, "max_tokens"), ({"stop": [1]}, "stop[0]"),
     ({"temperature": "hot"}, "temperature"), ({"stream": 1}, "stream"), ({"user": 1}, "user"),
     ({"response_format": "json"}, "response_format"), ({"modalities": "x"}, "modalities"),
     ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
     ({"web_search_options": 1}, "web_search_options"), ({"tools": {"a": 1}}, "tools")],
)  # fmt: skip
def test_broken_fields_are_refused_by_name(fields: Body, param: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as raised:
        in_({**asked(), **fields})
    assert raised.value.param == param


# -- whatever comes ---------------------------------------------------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers(-1, 5) | st.floats(0, 2) | st.sampled_from(
    ["", "x", "user", "assistant", "tool", "function", "text", "image_url", "auto", "high", "data:a;base64,QQ==",
     "json_schema", "object", "custom", "{}", "{bad"]
)  # fmt: skip
keys = st.sampled_from(
    ["model", "messages", "role", "content", "type", "text", "tools", "function", "name", "parameters", "tool_calls",
     "id", "arguments", "tool_call_id", "image_url", "url", "file", "file_data", "stop", "tool_choice", "thinking",
     "response_format", "json_schema", "schema", "properties", "anyOf", "$ref", "reasoning_details", "reasoning",
     "max_tokens", "reasoning_effort", "custom", "format", "cache_control", "functions", "allowed_tools", "mode",
     "web_search_options", "strict", "required", "items", "signature", "user", "n"]
)  # fmt: skip
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4))
roles = st.sampled_from(["user", "assistant", "tool", "system", "function"])
messages = st.builds(lambda role, rest: {**rest, "role": role}, roles, st.dictionaries(keys, trees, max_size=4))


@given(st.dictionaries(keys, trees, max_size=8), st.lists(messages, max_size=4),
       st.sampled_from(["claude-opus-5", "claude-sonnet-4-5", "x"]))  # fmt: skip
def test_any_body_is_translated_or_refused(fields: Any, said: list[Any], model: str) -> None:
    """No shape of JSON makes it raise anything but a refusal that says what is wrong."""
    try:
        hub, _ = in_({**fields, "model": model, "messages": said or fields.get("messages")})
    except InvalidRequest:
        return
    assert hub["messages"]
