"""The simulated Chat Completions API: every directive, streamed and whole, held against the vendor's own types."""

import json
from typing import Any

import pytest
from openai import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.stages.simulated_talk import BASH, Heard, Talk, words

TOOLS = [BASH["chat"], {"type": "function", "function": {"name": "Read"}}]
RICH = '[[think let me see]] [[say hello there]] [[calls Bash {"command":"echo hi"} Read {"path":"x"}]]'
USAGE = {"include_usage": True}


@pytest.fixture
def talk() -> Talk:
    return Talk("chat")


def accumulated(heard: Heard) -> Any:
    """The completion the SDK makes of a stream whose every chunk is valid."""
    state: Any = ChatCompletionStreamState(input_tools=omit, response_format=omit)
    for _, data in heard.frames[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate(data, strict=True))
    assert heard.frames[-1] == ("", "[DONE]")
    return state.get_final_completion()


def plain(completion: ChatCompletion) -> dict[str, Any]:
    """A completion without what differs between two answers, and without fields nobody set."""
    told = completion.model_dump(exclude_none=True)
    for name in ("id", "created"):
        told.pop(name)
    for choice in told["choices"]:
        choice["message"].pop("parsed", None)
        for call in choice["message"].get("tool_calls", ()):
            call.pop("id")
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
    return told


# -- the grammar ------------------------------------------------------------------------------------------------------


async def test_a_whole_reply_is_a_completion(talk: Talk) -> None:
    """A whole reply with everything in it is a valid completion with every nullable field present."""
    heard = await talk.ask(RICH, tools=TOOLS)
    completion = ChatCompletion.model_validate_json(heard.body, strict=True)
    message = heard.json["choices"][0]["message"]
    assert (message["content"], message["refusal"], message["reasoning_content"]) == ("hello there", None, "let me see")
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == [
        '{"command":"echo hi"}',
        '{"path":"x"}',
    ]
    assert completion.choices[0].finish_reason == "tool_calls"
    assert heard.json["choices"][0]["logprobs"] is None


async def test_a_stream_folds_into_the_whole(talk: Talk) -> None:
    """What the SDK accumulates from the stream is what the same prompt gives in one piece."""
    streamed = accumulated(await talk.ask(RICH, tools=TOOLS, stream=True, stream_options=USAGE))
    whole = ChatCompletion.model_validate_json((await talk.ask(RICH, tools=TOOLS)).body, strict=True)
    assert plain(streamed) == plain(whole)


async def test_the_order_of_a_stream(talk: Talk) -> None:
    """Role first, ids and names once, reason in a chunk of its own, then usage without choices, then the end."""
    call = '[[say hi]] [[call Bash {"command":"echo hello world, how are you"}]]'
    heard = await talk.ask(call, tools=TOOLS, stream=True, stream_options=USAGE)
    *chunks, counts, (_, done) = heard.frames
    deltas = [data["choices"][0]["delta"] for _, data in chunks]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert deltas[1] == {"content": "hi"}
    first, *more = [delta["tool_calls"][0] for delta in deltas[2:-1]]
    assert first["function"] == {"name": "Bash", "arguments": ""}
    assert (first["index"], first["type"], first["id"][:5]) == (0, "function", "call_")
    assert all(set(fragment) == {"index", "function"} for fragment in more)
    assert len(more) > 1
    assert (deltas[-1], chunks[-1][1]["choices"][0]["finish_reason"]) == ({}, "tool_calls")
    assert all(data["usage"] is None for _, data in chunks)
    assert (counts[1]["choices"], counts[1]["usage"]["prompt_tokens"] > 0, done) == ([], True, "[DONE]")
    assert len({(data["id"], data["created"], data["model"]) for _, data in [*chunks, counts]}) == 1


async def test_usage_comes_only_when_asked_for(talk: Talk) -> None:
    """Without include_usage no chunk has the field and none comes without choices."""
    heard = await talk.ask("[[say hi]]", stream=True)
    assert all("usage" not in data and data["choices"] for _, data in heard.frames[:-1])


async def test_interleaved_calls_alternate(talk: Talk) -> None:
    """[[interleave]] mixes the fragments of parallel calls by index; put together they are the same."""
    script = '[[calls Bash {"command":"echo one two three four"} Read {"path":"some/where/far/away/from/here"}]]'
    heard = await talk.ask(script + "[[interleave]]", tools=TOOLS, stream=True)
    fragments = [data["choices"][0]["delta"].get("tool_calls") for _, data in heard.frames[:-1]]
    assert [fragment[0]["index"] for fragment in fragments if fragment] == [0, 1, 0, 1, 0, 1]
    plainly = accumulated(await talk.ask(script, tools=TOOLS, stream=True, stream_options=USAGE))
    said = {0: "", 1: ""}
    for fragment in fragments:
        for part in fragment or ():
            said[part["index"]] += part["function"].get("arguments", "")
    calls = plainly.choices[0].message.tool_calls
    assert [said[0], said[1]] == [call.function.arguments for call in calls]


async def test_several_choices(talk: Talk) -> None:
    """With n there are n choices, and each is paid for."""
    heard = await talk.ask("[[say hi]]", n=2)
    assert [choice["index"] for choice in heard.json["choices"]] == [0, 1]
    assert heard.json["usage"]["completion_tokens"] == 2
    streamed = accumulated(await talk.ask("[[say hi]]", n=2, stream=True))
    assert [choice.message.content for choice in streamed.choices] == ["hi", "hi"]


async def test_heads_are_the_real_ones(talk: Talk) -> None:
    """Request id, version and limits stand on every answer."""
    heard = await talk.ask("hi", stream=True)
    assert heard.response.header(b"content-type") == "text/event-stream; charset=utf-8"
    assert (heard.response.header(b"x-request-id") or "").startswith("req_")
    assert heard.response.header(b"openai-version") == "2020-10-01"
    assert heard.response.header(b"x-ratelimit-remaining-tokens")


# -- what is said -----------------------------------------------------------------------------------------------------


async def test_tool_results_bring_the_next_turn(talk: Talk) -> None:
    """The turn is counted in the conversation, as with the other dialect."""
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": '[[call Bash {"command":"echo hi"}]] [[then]] [[echo]] [[say  (done)]]'}
    ]
    message = (await talk.ask(messages, tools=TOOLS)).json["choices"][0]["message"]
    call = message["tool_calls"][0]["id"]
    messages += [message, {"role": "tool", "tool_call_id": call, "content": "hi"}]
    assert words(await talk.ask(messages, tools=TOOLS)) == "hi(done)"


async def test_reasoning_effort_makes_it_think(talk: Talk) -> None:
    """Reasoning comes before the words, in the field that compatible servers use, and is counted."""
    heard = await talk.ask("hi", reasoning_effort="high")
    assert heard.json["choices"][0]["message"]["reasoning_content"]
    assert heard.json["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    assert "reasoning_content" not in (await talk.ask("hi", reasoning_effort="none")).json["choices"][0]["message"]


async def test_forced_and_structured_answers(talk: Talk) -> None:
    """A required tool is called, a schema is kept, and json_object is an object."""
    forced = await talk.ask("go", tools=TOOLS, tool_choice="required")
    assert forced.json["choices"][0]["message"]["tool_calls"][0]["function"] == {"name": "Bash", "arguments": "{}"}
    named = await talk.ask("go", tools=TOOLS, tool_choice={"type": "function", "function": {"name": "Read"}})
    assert named.json["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "Read"
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(words(await talk.ask("go", response_format=form))) == {"ok": False}
    assert words(await talk.ask("json", response_format={"type": "json_object"})) == "{}"


async def test_refusals_and_reasons(talk: Talk) -> None:
    """[[refuse]] fills the refusal field; [[stop]] is told in this dialect's words, or in any others."""
    refused = await talk.ask("[[refuse I would rather not]]")
    choice = refused.json["choices"][0]
    assert (choice["message"]["refusal"], choice["message"]["content"]) == ("I would rather not", None)
    assert choice["finish_reason"] == "stop"
    for reason, told in (("max_tokens", "length"), ("refusal", "content_filter"), ("eos", "eos"), ("end_turn", "stop")):
        heard = await talk.ask(f"[[say a]] [[stop {reason}]]")
        assert heard.json["choices"][0]["finish_reason"] == told


async def test_hidden_reasoning_is_encrypted_details(talk: Talk) -> None:
    """[[redacted]] is what some compatible servers call reasoning.encrypted, with the index the SDK needs."""
    heard = await talk.ask("[[redacted]] [[redacted]] [[say hi]]", stream=True)
    details = [data["choices"][0]["delta"].get("reasoning_details") for _, data in heard.frames[:-1]]
    assert [detail[0]["index"] for detail in details if detail] == [0, 1]
    accumulated(heard)


async def test_tokens_and_size_are_exact(talk: Talk) -> None:
    """[[tokens N]] is N chunks and N tokens; [[size N]] is N bytes."""
    heard = await talk.ask("[[tokens 500]]", stream=True, stream_options=USAGE)
    assert (
        sum(bool(data["choices"] and data["choices"][0]["delta"].get("content")) for _, data in heard.frames[:-1])
        == 500
    )
    assert heard.frames[-2][1]["usage"]["completion_tokens"] == 500
    assert len(words(await talk.ask("[[size 70000]]", stream=True))) == 70_000


async def test_limits_and_stops(talk: Talk) -> None:
    """Either limit cuts the words, and a stop sequence ends them."""
    for name in ("max_tokens", "max_completion_tokens"):
        short = await talk.ask("[[say one two three four]]", **{name: 2})
        assert (words(short), short.json["choices"][0]["finish_reason"]) == ("one two ", "length")
    assert words(await talk.ask("[[say one two three]]", stop="three")) == "one two "


# -- how it goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "status", "kind", "code"),
    [
        ("401", 401, "invalid_request_error", "invalid_api_key"),
        ("404", 404, "invalid_request_error", "not_found"),
        ("429 retry-after=2", 429, "requests", "rate_limit_exceeded"),
        ("500", 500, "server_error", None),
        ("503", 503, "server_error", "server_is_overloaded"),
        ("529", 529, "server_error", "server_is_overloaded"),
        ("overflow", 400, "invalid_request_error", "context_length_exceeded"),
        ("quota", 429, "insufficient_quota", "insufficient_quota"),
        ("400 type=odd code=odder", 400, "odd", "odder"),
    ],
)
async def test_faults_wear_the_envelope(talk: Talk, what: str, status: int, kind: str, code: str | None) -> None:
    """Every fault is a status with the four fields of an error."""
    heard = await talk.ask(f"[[fault {what}]]", stream=True)
    assert heard.status == status
    assert set(heard.error) == {"message", "type", "param", "code"}
    assert (heard.error["type"], heard.error["code"]) == (kind, code)
    assert heard.response.header(b"retry-after") == ("2" if "retry" in what else None)


async def test_errors_and_ends_in_the_stream(talk: Talk) -> None:
    """[[error]] is a frame with an error, [[eof]] and [[cut]] leave out the end, the latter also the body's."""
    failed = await talk.ask("[[say half]] [[error server_error]]", stream=True)
    assert failed.frames[-1][1]["error"]["type"] == "server_error"
    first = await talk.ask("[[error rate_limit_exceeded]]", stream=True)
    assert [list(data) for _, data in first.frames] == [["error"]]
    ended = await talk.ask("[[say half]] [[eof]]", stream=True)
    assert (words(ended), ended.response.finished) == ("half", True)
    assert all(data["choices"][0]["finish_reason"] is None for _, data in ended.frames)
    broken = await talk.ask("[[say half]] [[cut]]", stream=True)
    assert (words(broken), broken.response.finished) == ("half", False)
    whole = await talk.ask("[[say half]] [[error server_error]]")
    assert whole.status == 500


async def test_strange_chunks_and_pings_stand_where_they_are_put(talk: Talk) -> None:
    """[[ping]] is a comment, [[unknown-event]] a frame of another kind."""
    heard = await talk.ask("[[say a]] [[ping]] [[unknown-event]] [[say b]]", stream=True)
    assert heard.frames[2] == (":", "keep-alive")
    assert heard.frames[3][1]["object"] == "simulated.unknown"
    assert words(heard) == "ab"


async def test_models_are_listed(talk: Talk) -> None:
    """The list is the SDK's, and any name is a model."""
    listed = (await talk.send("GET", "/v1/models")).json
    assert listed["object"] == "list"
    for entry in listed["data"]:
        Model.model_validate(entry, strict=True)
    assert (await talk.send("GET", "/v1/models/gpt-9")).json["id"] == "gpt-9"
    assert (await talk.send("HEAD", "/", headers=[])).status == 200
    assert (await talk.send("GET", "/v1/nothing")).status == 404
