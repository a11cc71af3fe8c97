"""The simulated Responses API: every directive, streamed and whole, held against the vendor's own types."""

import json
from typing import Any

import pytest

from stages.simulated import signature
from tests.stages.responses_oracle import accumulated, plain, valid
from tests.stages.simulated_talk import BASH, Heard, Talk, words

PATCH: dict[str, Any] = {"type": "custom", "name": "patch"}
CRM: dict[str, Any] = {
    "type": "namespace",
    "name": "crm",
    "description": "customers",
    "tools": [
        {"type": "function", "name": "find", "parameters": {"type": "object"}},
        {"type": "custom", "name": "Bash"},
    ],
}
TOOLS = [BASH["responses"], {"type": "function", "name": "Read"}]
RICH = (
    "[[think let me see]] [[think or not]] [[redacted]] [[say hello there]] [[block]] [[say again]] "
    '[[calls Bash {"command":"echo hi"} Read {"path":"x"}]]'
)


@pytest.fixture
def talk() -> Talk:
    return Talk("responses")


def output(heard: Heard) -> list[Any]:
    """The items of a whole response."""
    return list(heard.json["output"])


def of(heard: Heard, name: str) -> list[Any]:
    """The events of a type."""
    return [data for found, data in heard.frames if found == f"response.{name}"]


# -- the grammar ------------------------------------------------------------------------------------------------------


async def test_a_whole_reply_is_a_response(talk: Talk) -> None:
    """A whole reply with everything in it is a valid response with every nullable field present."""
    heard = await talk.ask(RICH, tools=TOOLS)
    response = valid(heard.json)
    assert [item.type for item in response.output] == ["reasoning", "reasoning", "message", *["function_call"] * 2]
    assert (response.status, response.error, response.incomplete_details) == ("completed", None, None)
    assert response.output_text == "hello thereagain"
    assert heard.response.header(b"content-length") == str(len(heard.body))


@pytest.mark.parametrize("interleave", ["", "[[interleave]]"])
async def test_a_stream_folds_into_the_whole(talk: Talk, interleave: str) -> None:
    """What the stream ends with, and what its finished items are, is what the same prompt gives in one piece."""
    heard = await talk.ask(interleave + RICH, tools=TOOLS, stream=True)
    streamed = accumulated(heard)
    assert plain(streamed) == plain(valid((await talk.ask(interleave + RICH, tools=TOOLS)).json))
    done = [data["item"] for data in of(heard, "output_item.done")]
    assert done == heard.frames[-1][1]["response"]["output"]


async def test_the_order_of_a_stream(talk: Talk) -> None:
    """Every event of an item's life stands in its place, from created to completed."""
    heard = await talk.ask('[[think a]] [[say b]] [[call Bash {"command":"ls"}]]', tools=TOOLS, stream=True)
    assert [name.removeprefix("response.") for name in heard.names] == [
        *("created", "in_progress"),
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"),
        "completed",
    ]
    accumulated(heard)
    assert heard.response.finished


async def test_deltas_add_up_to_what_is_done(talk: Talk) -> None:
    """Of every part, the deltas joined are the text at its end."""
    heard = await talk.ask(RICH + "[[refuse no more of it]]", tools=TOOLS, stream=True)
    for kind, field, index in (
        ("output_text", "text", "content_index"),
        ("refusal", "refusal", "content_index"),
        ("reasoning_summary_text", "text", "summary_index"),
        ("function_call_arguments", "arguments", "output_index"),
    ):
        for end in of(heard, f"{kind}.done"):
            deltas = [d for d in of(heard, f"{kind}.delta") if (d["item_id"], d[index]) == (end["item_id"], end[index])]
            assert "".join(data["delta"] for data in deltas) == end[field]
            assert len(deltas) == 1 + end[field].count(" ") or kind == "function_call_arguments"


async def test_calls_in_parallel_have_indexes_of_their_own(talk: Talk) -> None:
    """[[interleave]] lets the pieces of parallel calls alternate; each belongs to its own item and index."""
    long = json.dumps({"command": "x" * 60})
    heard = await talk.ask(f"[[interleave]] [[calls Bash {long} Bash {long}]]", tools=TOOLS, stream=True)
    accumulated(heard)
    deltas = of(heard, "function_call_arguments.delta")
    assert [data["output_index"] for data in deltas] == [0, 1] * 4
    added = [data["item"]["id"] for data in of(heard, "output_item.added")]
    assert [data["item_id"] for data in deltas] == added * 4


async def test_heads_are_the_real_ones(talk: Talk) -> None:
    """Request id, limits and media type stand on every answer."""
    heard = await talk.ask("hi", stream=True)
    assert heard.response.header(b"content-type") == "text/event-stream; charset=utf-8"
    assert (heard.response.header(b"x-request-id") or "").startswith("req_")
    assert heard.response.header(b"x-ratelimit-remaining-requests")


async def test_the_request_is_told_back(talk: Talk) -> None:
    """A response repeats what was asked for, with the defaults of what was not, from its first event to its last."""
    asked: dict[str, Any] = {
        "instructions": "be brief",
        "max_output_tokens": 50,
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "store": False,
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "low"},
        "temperature": 1,
        "tool_choice": "auto",
        "tools": [PATCH],
    }
    heard = await talk.ask("hi", stream=True, **asked)
    accumulated(heard)
    for told in (heard.frames[0][1]["response"], heard.frames[-1][1]["response"]):
        assert told | asked | {"text": 0, "reasoning": 0} == told | {"text": 0, "reasoning": 0}
        assert told["text"] == {"format": {"type": "text"}, "verbosity": "low"}
        assert told["reasoning"] == {"effort": "low", "summary": None}
        assert (told["parallel_tool_calls"], told["truncation"]) == (True, "disabled")


# -- what is said -----------------------------------------------------------------------------------------------------


async def test_without_a_script_it_names_itself_and_echoes(talk: Talk) -> None:
    """Nobody mistakes it for a model."""
    for said in ("What now?", [{"role": "user", "content": [{"type": "input_text", "text": "What now?"}]}]):
        heard = await talk.ask(said, tools=TOOLS)
        assert words(heard) == "This is simulated, simulated: no model was asked. You said: What now?"


async def test_outputs_bring_the_next_turn(talk: Talk) -> None:
    """The turn is counted in the items: however many a reply had, it was one."""
    script = '[[think hm]] [[say so]] [[calls Bash {"n":1} Bash {"n":2}]] [[then]] [[echo]] [[then]] [[say bye]]'
    items: list[dict[str, Any]] = [{"role": "user", "content": script}]
    first = output(await talk.ask(items, tools=TOOLS))
    ids = [item["call_id"] for item in first if item["type"] == "function_call"]
    results = [{"type": "function_call_output", "call_id": ident, "output": f"file {n}"} for n, ident in enumerate(ids)]
    items += [*first, *results]
    assert words(await talk.ask(items, tools=TOOLS)) == "file 1"
    items[-1]["output"] = [{"type": "input_text", "text": "a part"}]
    second = await talk.ask(items, tools=TOOLS)
    assert words(second) == "a part"
    items += [*output(second), {"role": "user", "content": "more"}]
    assert words(await talk.ask(items, tools=TOOLS)) == "bye"
    items += [{"role": "assistant", "content": "bye"}, {"role": "user", "content": "and now?"}]
    assert words(await talk.ask(items, tools=TOOLS)).endswith("You said: and now?")


async def test_an_answer_cut_short_is_the_same_turn(talk: Talk) -> None:
    """A client that lost the stream brings back what was finished, and gets the turn again, not the next one."""
    script = "[[think hm]] [[say begun]] [[cut times=1]] [[say , done]] [[then]] [[say next]]"
    items: list[Any] = [{"role": "user", "content": script}]
    broken = await talk.ask(items, stream=True)
    kept = [data["item"] for data in of(broken, "output_item.done")]
    assert [item["type"] for item in kept] == ["reasoning"]
    assert words(await talk.ask([*items, *kept])) == "begun, done"


async def test_calls_need_room(talk: Talk) -> None:
    """Without tools, or with tool_choice none, a call is words; without parallel calls only the first is made."""
    script = "[[call Bash {} Read {}]]"
    assert words(await talk.ask(script)) == "(Bash is not offered)(Read is not offered)"
    assert words(await talk.ask(script, tools=TOOLS, tool_choice="none")).startswith("(Bash")
    alone = await talk.ask(script, tools=TOOLS, parallel_tool_calls=False)
    assert [item["name"] for item in output(alone)] == ["Bash"]


@pytest.mark.parametrize("stream", [False, True])
async def test_custom_tools_are_given_text(talk: Talk, *, stream: bool) -> None:
    """A call of a custom tool has its input as text: the script's ``input``, or its words as they are."""
    for script, given in (
        ('[[call patch {"input":"*** Begin"}]]', "*** Begin"),
        ("[[call-raw patch *** Begin]]", "*** Begin"),
        ('[[call patch {"a":1}]]', '{"a":1}'),
    ):
        heard = await talk.ask(script, tools=[PATCH], stream=stream)
        (item,) = (accumulated(heard) if stream else valid(heard.json)).output
        assert (item.type, item.name, item.input) == ("custom_tool_call", "patch", given)
        if stream:
            assert "".join(data["delta"] for data in of(heard, "custom_tool_call_input.delta")) == given
            assert of(heard, "custom_tool_call_input.done")[0]["input"] == given


async def test_tools_in_namespaces_say_which(talk: Talk) -> None:
    """A call bears the tool's own name and its namespace; one that is also another's is told apart."""
    tools = [*TOOLS, CRM]
    heard = await talk.ask("[[calls find {} Bash {}]] [[call-raw crm.Bash ls]] [[call crm__find {}]]", tools=tools)
    valid(heard.json)
    told = [(item["type"], item["name"], item.get("namespace")) for item in output(heard)]
    assert told == [
        ("function_call", "find", "crm"),
        ("function_call", "Bash", None),
        ("custom_tool_call", "Bash", "crm"),
        ("function_call", "find", "crm"),
    ]


async def test_tools_may_come_as_an_item(talk: Talk) -> None:
    """additional_tools stand for tools, as agents send them that keep their prompt's beginning."""
    functions = {**CRM, "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
    item = {"type": "additional_tools", "role": "developer", "id": "at_1", "tools": [functions]}
    heard = await talk.ask([item, {"role": "user", "content": "[[call-raw exec text(1)]]"}], stream=True)
    (call,) = accumulated(heard).output
    assert (call.type, call.namespace, call.input) == ("custom_tool_call", "functions", "text(1)")
    forced = await talk.ask([item, {"role": "user", "content": "go"}], tool_choice={"type": "custom", "name": "exec"})
    assert [(item["name"], item["input"]) for item in output(forced)] == [("exec", "")]


async def test_tools_without_a_name_are_called_by_their_type(talk: Talk) -> None:
    """Shells, patches and searches have items of their own; a search is done at once and tells its stages."""
    tools = [{"type": kind} for kind in ("local_shell", "shell", "apply_patch", "web_search")]
    script = (
        '[[call local_shell {"command":["ls"]}]] [[call shell {"commands":["ls"]}]] [[call apply_patch {"path":"f"}]]'
        ' [[call web_search {"query":"q"}]] [[say done]]'
    )
    heard = await talk.ask(script, tools=tools, stream=True)
    kinds = [item.type for item in accumulated(heard).output]
    assert kinds == ["local_shell_call", "shell_call", "apply_patch_call", "web_search_call", "message"]
    stages = [name for name in heard.names if "web_search_call" in name]
    assert [name.rpartition(".")[2] for name in stages] == ["in_progress", "searching", "completed"]


async def test_a_forced_tool_is_called_with_the_least_input(talk: Talk) -> None:
    """tool_choice makes a call without a script, with an input its schema allows."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    tools = [*TOOLS, {"type": "function", "name": "Count", "parameters": schema}]
    named = {"type": "function", "name": "Count"}
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [named]}
    for choice in (named, allowed):
        (item,) = output(await talk.ask("go", tools=tools, tool_choice=choice))
        assert (item["name"], json.loads(item["arguments"])) == ("Count", {"n": 3})
    assert output(await talk.ask("go", tools=tools, tool_choice="required"))[0]["name"] == "Bash"
    auto = await talk.ask("go", tools=tools, tool_choice={**allowed, "mode": "auto"})
    assert output(auto)[0]["type"] == "message"


async def test_structured_output_is_an_instance(talk: Talk) -> None:
    """Where a schema is asked for, the words are JSON that it allows."""
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    form = {"type": "json_schema", "name": "x", "schema": schema}
    assert json.loads(words(await talk.ask("go", text={"format": form}))) == {"ok": False}
    assert words(await talk.ask("json", text={"format": {"type": "json_object"}})) == "{}"


@pytest.mark.parametrize("stream", [False, True])
async def test_reasoning_is_sealed(talk: Talk, *, stream: bool) -> None:
    """Reasoning ends with encrypted content that holds; what stands there at its beginning does not yet."""
    heard = await talk.ask("[[think one]] [[think two]] [[say x]]", stream=stream)
    item = (accumulated(heard) if stream else valid(heard.json)).output[0]
    assert [part.text for part in item.summary] == ["one", "two"]
    assert signature.verify(item.encrypted_content, "one\n\ntwo").says == "genuine"
    if stream:
        begun = of(heard, "output_item.added")[0]["item"]["encrypted_content"]
        assert signature.verify(begun, "").says == "foreign"
        assert [data["summary_index"] for data in of(heard, "reasoning_summary_text.done")] == [0, 1]


async def test_summaries_come_when_asked_for(talk: Talk) -> None:
    """OpenAI's models show reasoning only to those who want a summary; [[redacted]] never has one."""
    for reasoning, shown in (({"effort": "high"}, 0), ({"effort": "high", "summary": "auto"}, 1), ({}, 0)):
        heard = await talk.ask("[[think hm]] [[say x]]", model="gpt-6-sol", reasoning=reasoning)
        assert len(output(heard)[0]["summary"]) == shown
        assert heard.json["usage"]["output_tokens_details"]["reasoning_tokens"] == 1
    hidden = output(await talk.ask("[[redacted]] [[say x]]"))[0]
    assert (hidden["summary"], signature.verify(hidden["encrypted_content"], "").says) == ([], "genuine")


async def test_thinking_comes_with_an_effort(talk: Talk) -> None:
    """An effort, or the wish for a summary, puts reasoning before the words; none at all, or ``none``, does not."""
    for reasoning, kinds in (
        ({"effort": "low"}, ["reasoning", "message"]),
        ({"summary": "auto"}, ["reasoning", "message"]),
        ({"effort": "none", "summary": "auto"}, ["message"]),
        (None, ["message"]),
    ):
        assert [item["type"] for item in output(await talk.ask("hi", reasoning=reasoning))] == kinds


async def test_blocks_are_parts_of_a_message_and_items_of_reasoning(talk: Talk) -> None:
    """[[block]] ends the open part of a message, and the open item of reasoning."""
    items = output(await talk.ask("[[think a]] [[block]] [[think b]] [[say c]] [[say d]] [[block]] [[say e]]"))
    assert [item["type"] for item in items] == ["reasoning", "reasoning", "message"]
    assert [part["text"] for part in items[-1]["content"]] == ["cd", "e"]


async def test_newer_models_tell_commentary_from_answers(talk: Talk) -> None:
    """A message that goes with calls is commentary, the last one is the final answer; others have no phase."""
    for model, script, phase in (
        ("gpt-6-sol", "[[say so]] [[call Bash {}]]", "commentary"),
        ("gpt-6-sol", "[[say so]]", "final_answer"),
        ("simulated", "[[say so]]", None),
    ):
        assert output(await talk.ask(script, model=model, tools=TOOLS))[0].get("phase") == phase


@pytest.mark.parametrize("stream", [False, True])
async def test_refusals_are_parts_of_their_own(talk: Talk, *, stream: bool) -> None:
    """[[refuse]] is a refusal part in a response that is complete."""
    heard = await talk.ask("[[refuse I would rather not]]", stream=stream)
    response = accumulated(heard) if stream else valid(heard.json)
    part = response.output[0].content[0]
    assert (part.type, part.refusal, response.status) == ("refusal", "I would rather not", "completed")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("max_tokens", "incomplete", "max_output_tokens"),
        ("model_context_window_exceeded", "incomplete", "max_output_tokens"),
        ("refusal", "incomplete", "content_filter"),
        ("steered", "incomplete", "steered"),
        ("end_turn", "completed", None),
        ("pause_turn", "completed", None),
    ],
)
async def test_reasons(talk: Talk, reason: str, status: str, why: str | None, *, stream: bool) -> None:
    """[[stop]] is told in this dialect's words: what is not complete says why."""
    heard = await talk.ask(f"[[say a]] [[stop {reason}]]", stream=stream)
    response = accumulated(heard) if stream else valid(heard.json)
    assert response.status == status
    assert (response.incomplete_details.reason if response.incomplete_details else None) == why
    assert response.output[0].status == status


async def test_the_limit_ends_in_the_middle(talk: Talk) -> None:
    """The limit cuts words, and the arguments of a call, where it falls: the response and the item are incomplete."""
    short = await talk.ask("[[tokens 40]]", max_output_tokens=16)
    assert (len(words(short)), short.json["status"]) == (64, "incomplete")
    call = '[[say x]] [[call Bash {"command":"%s"}]]' % ("x" * 90)
    heard = await talk.ask(call, tools=TOOLS, max_output_tokens=16, stream=True)
    accumulated(heard)
    assert heard.names[-1] == "response.incomplete"
    said, called = heard.frames[-1][1]["response"]["output"]
    assert (said["status"], called["status"]) == ("completed", "incomplete")
    assert called["arguments"].startswith('{"command":"xxx')
    assert not called["arguments"].endswith("}")


async def test_tokens_and_size_are_exact(talk: Talk) -> None:
    """[[tokens N]] is N deltas and N tokens; [[size N]] is N bytes, numbered through."""
    heard = await talk.ask('[[say "a "]] [[tokens 700]] [[say b]]', stream=True)
    assert heard.names.count("response.output_text.delta") == 702
    assert accumulated(heard).output_text.startswith("a ant bee ")
    assert accumulated(await talk.ask("[[tokens 500]]", stream=True)).usage.output_tokens == 500
    assert len(words(await talk.ask("[[size 70000]]", stream=True))) == 70_000


async def test_usage_has_both_details(talk: Talk) -> None:
    """[[usage]] sets the counts: everything cached is inside input_tokens, reasoning inside output_tokens."""
    script = "[[say a]] [[usage input=7 output=9 cache_read=5 cache_write_5m=3 cache_write_1h=2 thinking=4]]"
    for model, written in (("gpt-6-sol", 5), ("gpt-5.5", 0)):
        response = valid((await talk.ask(script, model=model)).json)
        assert response.usage is not None
        assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (17, 9, 26)
        details = response.usage.input_tokens_details
        assert (details.cached_tokens, details.cache_write_tokens) == (5, written)
        assert response.usage.output_tokens_details.reasoning_tokens == 4
    lives = (await talk.ask(script, model="gpt-6-sol")).json["usage"]["input_tokens_details"]
    assert lives["cache_write_tokens_details"] == {"ttl_30m_tokens": 3, "ttl_12h_tokens": 2}


async def test_a_lenient_model_says_the_same() -> None:
    """Without strictness a reply has the same items; of the request it tells nothing back."""
    heard = await Talk("responses", strict=False).ask(RICH, tools=TOOLS, nonsense=1, instructions="x" * 99, stream=True)
    response = accumulated(heard)
    strict = await Talk("responses").ask(RICH, tools=TOOLS, stream=True)
    assert heard.names == strict.names
    assert (response.tools, response.instructions) == ([], None)
