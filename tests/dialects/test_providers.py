"""Each provider's way of speaking Chat: one conversation, as each of them wants it."""

import json
from typing import Any

import pytest

from pipeline.errors import Unsupported
from pipeline.naming import dialects
from pipeline.prompt import Edit, Prompt
from stages.dialects.chat.families import Family
from stages.dialects.providers import names, provider, spoken
from stages.presets import reading
from tests.dialects.chat_prompts import Body, hubbed, legal_chat, losses

CHAT = dialects()["chat"]
PICK: Body = {
    "name": "pick",
    "description": "Picks one.",
    "input_schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"zone": {"const": "a"}, "count": {"enum": [1, 2]}, "more": {"$ref": "#/$defs/More"}},
        "required": ["zone"],
        "additionalProperties": False,
        "$defs": {"More": {"type": ["string", "null"]}},
    },
}
LOOP: tuple[Body, ...] = (
    {"role": "user", "content": "Pick."},
    {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "A, then.", "signature": ""},
        {"type": "tool_use", "id": "toolu_01ABCDEFGHJKLMN", "name": "pick", "input": {"zone": "a"}}]},
    {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_01ABCDEFGHJKLMN", "content": "done"}]},
    {"role": "assistant", "content": [
        {"type": "tool_use", "id": "abc123DEF", "name": "pick", "input": {"zone": "a"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "abc123DEF", "content": "done"}]},
)  # fmt: skip

MODELS = {
    "azure": "gpt-5.1", "azure_deployments": "gpt-5.1", "dashscope": "qwen3-max", "deepseek": "deepseek-v4-pro",
    "gemini": "gemini-3.1-pro-preview", "groq": "qwen/qwen3-32b", "llamacpp": "local", "minimax": "MiniMax-M3",
    "mistral": "mistral-medium-latest", "moonshot": "kimi-k3", "ollama": "qwen3", "openai": "gpt-5.1",
    "openrouter": "z-ai/glm-5.3", "sglang": "qwen3", "vllm": "qwen3", "xai": "grok-4.7", "zai": "glm-5.3",
}  # fmt: skip


def out(name: str, *messages: Body, **fields: Any) -> tuple[Body, list[Edit]]:
    """A prompt in the Messages shape as provider *name* gets it, and what was recorded."""
    fields = {"model": MODELS[name], **fields}
    prompt = Prompt("anthropic", b"{}")
    return spoken(CHAT, name).from_messages(hubbed(*messages, **fields), prompt), prompt.edits


def test_each_has_a_model_here() -> None:
    """A new provider gets its line in these tables."""
    assert set(MODELS) == set(names()) == set(REPLAYED) == set(SWITCHES)


# -- earlier thoughts -------------------------------------------------------------------------------------------------

_PLAIN = "reasoning_content"
_DETAIL = {"type": "reasoning.text", "format": "MiniMax-response-v1", "index": 0, "text": "A, then."}
# What a turn with calls has beside them: one that was thought about, and one that was not.
REPLAYED: dict[str, tuple[Body, Body]] = {
    "azure": ({}, {}),
    "azure_deployments": ({}, {}),
    "dashscope": ({}, {}),
    "deepseek": ({_PLAIN: "A, then."}, {_PLAIN: ""}),
    "gemini": ({}, {}),
    "groq": ({}, {}),
    "llamacpp": ({_PLAIN: "A, then."}, {}),
    "minimax": ({"reasoning_details": [_DETAIL]}, {}),
    "mistral": ({}, {}),
    "moonshot": ({_PLAIN: "A, then."}, {_PLAIN: " "}),
    "ollama": ({"reasoning": "A, then."}, {}),
    "openai": ({}, {}),
    "openrouter": ({}, {}),
    "sglang": ({_PLAIN: "A, then."}, {}),
    "vllm": ({"reasoning": "A, then."}, {}),
    "xai": ({}, {}),
    "zai": ({_PLAIN: "A, then."}, {}),
}


@pytest.mark.parametrize("name", names())
def test_earlier_thoughts(name: str) -> None:
    """They go back where the provider wants them, under its name for them; elsewhere they are dropped and told."""
    body, edits = out(name, *LOOP, tools=[PICK])
    turns = [message for message in body["messages"] if message["role"] == "assistant"]
    beside = [{key: turn[key] for key in turn.keys() - {"role", "content", "tool_calls"}} for turn in turns]
    assert (beside[0], beside[1]) == REPLAYED[name]
    dropped = [edit for edit in edits if edit.action == "dropped" and "thinking" in f"{edit.path} {edit.why}"]
    assert bool(dropped) == (not REPLAYED[name][0])


@pytest.mark.parametrize("name", names())
def test_a_turn_more_changes_nothing_before_it(name: str) -> None:
    """What was sent stays a prefix of what is sent next: the cache holds."""
    before, _ = out(name, *LOOP[:3], tools=[PICK])
    after, _ = out(name, *LOOP, tools=[PICK])
    assert after["messages"][: len(before["messages"])] == before["messages"]
    assert json.dumps(after["tools"]) == json.dumps(before["tools"])


@pytest.mark.parametrize("name", sorted({*names()} - {"gemini"}))
def test_it_is_chat(name: str) -> None:
    """What a provider gets, Chat would take, but for the provider's own fields."""
    body, _ = out(name, *LOOP, tools=[PICK])
    body.pop("reasoning_split", None)
    legal_chat(body)


def test_claudes_thoughts_at_openrouter() -> None:
    """What Claude signed goes back with its signature."""
    signed = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    turn = {"role": "assistant", "content": [signed, {"type": "text", "text": "Hi"}]}
    body, _ = out("openrouter", LOOP[0], turn, LOOP[0], model="anthropic/claude-opus-5")
    (detail,) = body["messages"][1]["reasoning_details"]
    assert (detail["text"], detail["signature"], detail["format"]) == ("Hm.", "c2ln", "anthropic-claude-v1")


def test_kimis_that_do_not_think() -> None:
    """They are given no thoughts back, and may be sampled."""
    body, edits = out("moonshot", *LOOP, model="kimi-k2-0905-preview", temperature=0.6)
    assert "reasoning_content" not in json.dumps(body)
    assert body["temperature"] == 0.6
    _, edits = out("moonshot", temperature=0.6)
    assert losses(edits) == ["temperature"]


# -- switches ---------------------------------------------------------------------------------------------------------

_OFF, _ON = {"thinking": {"type": "disabled"}}, {"thinking": {"type": "enabled"}}
_VARIABLES = "chat_template_kwargs"
_BOTH_OFF = {_VARIABLES: {"enable_thinking": False, "thinking": False}}
_BOTH_ON = {_VARIABLES: {"enable_thinking": True, "thinking": True}}
# No thinking, a high effort.
SWITCHES: dict[str, tuple[Body, Body]] = {
    "azure": ({"reasoning_effort": "none"}, {"reasoning_effort": "high"}),
    "azure_deployments": ({"reasoning_effort": "none"}, {"reasoning_effort": "high"}),
    "dashscope": ({"enable_thinking": False}, {"enable_thinking": True}),
    "deepseek": (_OFF, {**_ON, "reasoning_effort": "high"}),
    "gemini": ({"reasoning_effort": "minimal"}, {"reasoning_effort": "high"}),
    "groq": ({"reasoning_effort": "none"}, {"reasoning_effort": "default"}),
    "llamacpp": (
        {_VARIABLES: {"enable_thinking": False}},
        {_VARIABLES: {"enable_thinking": True, "reasoning_effort": "high"}},
    ),
    "minimax": ({"reasoning_split": True}, {"reasoning_split": True}),
    "mistral": ({"reasoning_effort": "none"}, {"reasoning_effort": "high"}),
    "moonshot": (_OFF, _ON),
    "ollama": ({"reasoning_effort": "none"}, {"reasoning_effort": "high"}),
    "openai": ({"reasoning_effort": "none"}, {"reasoning_effort": "high"}),
    "openrouter": ({"reasoning": {"enabled": False}}, {"reasoning": {"effort": "high"}}),
    "sglang": (_BOTH_OFF, {**_BOTH_ON, "reasoning_effort": "high"}),
    "vllm": (_BOTH_OFF, {**_BOTH_ON, "reasoning_effort": "high"}),
    "xai": ({"reasoning_effort": "none"}, {"reasoning_effort": "high"}),
    "zai": (_OFF, _ON),
}
# Where a Chat client's own prompt gets it in other words than a translated one.
SPLICED: dict[tuple[str, str], Body] = {
    ("minimax", "none"): {},
    ("minimax", "high"): {},
}
_LIMITS = {"max_tokens", "max_completion_tokens"}


@pytest.mark.parametrize("name", names())
def test_thinking_off_and_on(name: str) -> None:
    """By the provider's own switch; what has a switch only, tells that the effort is lost."""
    off, _ = out(name, thinking={"type": "disabled"})
    on, edits = out(name, thinking={"type": "adaptive"}, output_config={"effort": "high"})
    rest = {"model", "messages", *_LIMITS}
    assert ({key: off[key] for key in off.keys() - rest}, {key: on[key] for key in on.keys() - rest}) == SWITCHES[name]
    assert bool(losses(edits)) == ("high" not in json.dumps(on))


@pytest.mark.parametrize("name", names())
def test_a_suffix_on_a_chat_clients_prompt(name: str) -> None:
    """The same switch is spliced into a prompt that is otherwise left alone."""
    asked = Prompt.parse("chat", json.dumps({"model": MODELS[name], "messages": []}).encode())
    for effort, switch in zip(("none", "high"), SWITCHES[name], strict=True):
        prompt = asked.fork()
        spoken(CHAT, name).fit(prompt, effort)
        body = json.loads(prompt.encode())
        wanted = SPLICED.get((name, effort), switch)
        assert body == {"model": MODELS[name], "messages": [], **wanted}


@pytest.mark.parametrize(
    ("name", "asked", "effort", "made"),
    [
        ("openrouter", {"reasoning": {"effort": "low", "exclude": True}}, 5000,
         {"reasoning": {"max_tokens": 5000, "exclude": True}}),
        ("openrouter", {"reasoning": {"max_tokens": 900}}, "none", {"reasoning": {"enabled": False}}),
        ("llamacpp", {_VARIABLES: {"tools_in_user_message": True}}, "low",
         {_VARIABLES: {"tools_in_user_message": True, "enable_thinking": True, "reasoning_effort": "low"}}),
    ],
)  # fmt: skip
def test_what_a_client_says_of_other_things_stays(name: str, asked: Body, effort: Any, made: Body) -> None:
    """In the object in which it is told how to think, too."""
    prompt = Prompt.parse("chat", json.dumps({"model": MODELS[name], "messages": [], **asked}).encode())
    spoken(CHAT, name).fit(prompt, effort)
    assert json.loads(prompt.encode()) == {"model": MODELS[name], "messages": [], **made}


def test_a_budget_at_openrouter() -> None:
    """It can be said as such there."""
    body, _ = out("openrouter", thinking={"type": "enabled", "budget_tokens": 5000})
    assert body["reasoning"] == {"max_tokens": 5000}
    assert "reasoning_effort" not in body


# -- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_the_name_of_the_limit(name: str) -> None:
    """OpenAI's and what is modelled on it take the newer one; no one gets both."""
    body, _ = out(name)
    newer = name in {"azure", "azure_deployments", "groq", "openai"}
    assert _LIMITS & body.keys() == {"max_completion_tokens" if newer else "max_tokens"}


@pytest.mark.parametrize("name", names())
def test_usage_of_streams(name: str) -> None:
    """It is asked for, except where asking is a 400: there even the client's own asking is taken out."""
    silent = name in {"mistral", "zai"}
    asked = Prompt.parse("chat", json.dumps({"model": MODELS[name], "messages": [], "stream": True}).encode())
    assert spoken(CHAT, name).ask_usage(asked) is not silent
    assert asked.has("stream_options") is not silent
    own = Prompt.parse("chat", b'{"stream":true,"stream_options":{"include_usage":true}}')
    spoken(CHAT, name).ask_usage(own)
    assert own.has("stream_options") is not silent


def test_fields_that_are_refused() -> None:
    """They stay away; who the user is, is no loss to him."""
    body, edits = out("mistral", metadata={"user_id": "u1"}, top_k=5)
    assert not {"user", "top_k"} & body.keys()
    assert losses(edits) == ["top_k"]


@pytest.mark.parametrize(
    ("name", "thinking", "sent"),
    [("openai", "adaptive", "required"), ("deepseek", "adaptive", "auto"), ("deepseek", "disabled", "required"),
     ("moonshot", "adaptive", "auto"), ("moonshot", "disabled", "required"), ("zai", "disabled", "auto")],
)  # fmt: skip
def test_demanded_calls(name: str, thinking: str, sent: str) -> None:
    """Some can't be made to call while they think, or at all: then a call is only asked for, and that is told."""
    body, edits = out(name, tools=[PICK], thinking={"type": thinking}, tool_choice={"type": "any"})
    assert body["tool_choice"] == sent
    assert ("tool_choice" in losses(edits)) == (sent == "auto")
    assert out(name, tools=[PICK], tool_choice={"type": "none"})[0]["tool_choice"] == "none"


def test_ids_of_nine_characters() -> None:
    """Mistral's own stay, others get a digest; a call and its result have the same."""
    body, _ = out("mistral", *LOOP)
    calls = [call["id"] for message in body["messages"] for call in message.get("tool_calls", ())]
    results = [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
    assert calls == results
    assert calls[1] == "abc123DEF"
    assert all(len(call) == 9 and call.isalnum() for call in calls)


def test_geminis_schemas() -> None:
    """What it can't read is put in its words, and every change is told."""
    body, edits = out("gemini", *LOOP, tools=[PICK])
    assert body["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "zone": {"enum": ["a"], "type": "string"},
            "count": {"enum": ["1", "2"], "type": "string"},
            "more": {"type": "string", "nullable": True},
        },
        "required": ["zone"],
    }
    told = {edit.path for edit in edits}
    assert {f"tools[0].input_schema.{key}" for key in ("$schema", "properties.zone.const", "properties.more")} <= told
    assert "tools[0].input_schema.properties.count.enum" in losses(edits)
    assert PICK["input_schema"]["additionalProperties"] is False


@pytest.mark.parametrize(("model", "signed"), [("gemini-3.8-flash", True), ("gemini-2.5-pro", False)])
def test_geminis_signatures(model: str, *, signed: bool) -> None:
    """Gemini 3 gets the word that stands for a signature, with the first call of a turn."""
    body, _ = out("gemini", *LOOP, model=model)
    calls = [message["tool_calls"] for message in body["messages"] if "tool_calls" in message]
    assert [("extra_content" in first) for first, *_ in calls] == [signed, signed]


def test_tools_of_openais_models_that_always_reason() -> None:
    """On Chat that is a 400: the refusal says where it works.  Those that can do without reasoning may be asked."""
    with pytest.raises(Unsupported, match="responses"):
        out("openai", model="gpt-6-astra", tools=[PICK])
    out("openai", model="gpt-6-astra")
    body, edits = out("openai", model="gpt-5.6-sol", tools=[PICK], output_config={"effort": "high"})
    assert body["reasoning_effort"] == "none"
    assert losses(edits) == ["output_config.effort"]
    body, edits = out("openai", model="gpt-5.6-sol", tools=[PICK])
    assert body["reasoning_effort"] == "none"
    assert [(edit.action, edit.path) for edit in edits] == [("added", "output_config.effort")]
    assert "reasoning_effort" not in out("openai", model="gpt-5.2", tools=[PICK])[0]


# -- doors ------------------------------------------------------------------------------------------------------------


def test_azures_key() -> None:
    """In a field of its own, whatever dialect is spoken; others keep the dialect's."""
    for dialect in (CHAT, dialects()["responses"]):
        assert spoken(dialect, "azure").credentials("k") == [(b"api-key", b"k")]
        assert spoken(dialect, "openai").credentials("k") == [(b"authorization", b"Bearer k")]


def test_azures_deployments() -> None:
    """Replies are below the deployment; lists are not."""
    azure = spoken(CHAT, "azure_deployments")
    asked = Prompt.parse("chat", b'{"model":"my gpt"}')
    assert azure.upstream_path("reply", asked) == "/deployments/my%20gpt/chat/completions"
    assert azure.upstream_path("models", asked) == "/models"
    assert spoken(CHAT, "azure").upstream_path("reply", asked) == "/chat/completions"


# -- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_each_is_a_dialect(name: str) -> None:
    """Under the dialect's own name, with all that a dialect has."""
    for dialect in (CHAT, dialects()["responses"]):
        voice = spoken(dialect, name)
        assert dialect.NAME == voice.NAME
        assert all(hasattr(voice, each) for each in ("stream_decoder", "mend", "ROUTES", "to_messages", "restoring"))
    assert isinstance(provider(name).family("anything"), Family)


def test_presets_name_providers_that_are_there() -> None:
    """And each provider is some preset's, but for the one that needs an address of another form."""
    named = {preset["provider"] for preset in map(reading.read, reading.names()) if "provider" in preset}
    assert named == set(names()) - {"azure_deployments"}


@pytest.mark.parametrize("name", ["nobody", "", "../openai", "__init__"])
def test_there_are_no_others(name: str) -> None:
    """A name is no path."""
    with pytest.raises(LookupError):
        provider(name)
