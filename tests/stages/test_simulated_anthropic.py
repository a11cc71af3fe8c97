"""The simulated Messages API: every directive, streamed and whole, held against the vendor's own types."""

import json
from typing import Any

import anthropic.types as api
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from pydantic import BaseModel

from stages.simulated import signature
from tests.stages.simulated_talk import BASH, Heard, Talk, words

EVENTS: dict[str, type[BaseModel]] = {
    "message_start": api.RawMessageStartEvent,
    "content_block_start": api.RawContentBlockStartEvent,
    "content_block_delta": api.RawContentBlockDeltaEvent,
    "content_block_stop": api.RawContentBlockStopEvent,
    "message_delta": api.RawMessageDeltaEvent,
    "message_stop": api.RawMessageStopEvent,
}
TOOLS = [BASH["anthropic"]]
RICH = (
    '[[think let me see]] [[redacted]] [[say hello there]] [[block]] [[say again]] [[call Bash {"command":"echo hi"}]]'
)


@pytest.fixture
def talk() -> Talk:
    return Talk("anthropic")


def accumulated(heard: Heard) -> api.Message:
    """The message the SDK makes of a stream whose every frame is valid; fails where the grammar does."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for name, data in heard.frames:
        assert data["type"] == name, "event line and type agree"
        if name == "ping":
            assert data == {"type": "ping"}
            continue
        event: Any = EVENTS[name].model_validate(data, strict=True)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    assert isinstance(snapshot, api.Message)
    return snapshot


def plain(message: api.Message) -> dict[str, Any]:
    """A message without what differs between two answers, and without fields nobody set."""
    told = message.model_dump(exclude_none=True)
    told.pop("id")
    for block in told["content"]:
        block.pop("id", None)
        block.pop("parsed_output", None)
    return told


# -- the grammar ------------------------------------------------------------------------------------------------------


async def test_a_whole_reply_is_a_message(talk: Talk) -> None:
    """A whole reply with everything in it is a valid message with every nullable field present."""
    heard = await talk.ask(RICH, tools=TOOLS)
    message = api.Message.model_validate_json(heard.body, strict=True)
    assert [block.type for block in message.content] == ["thinking", "redacted_thinking", "text", "text", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert {"stop_sequence", "stop_details", "usage", "model", "role"} <= heard.json.keys()
    assert heard.response.header(b"content-length") == str(len(heard.body))


async def test_a_stream_folds_into_the_whole(talk: Talk) -> None:
    """What the SDK accumulates from the stream is what the same prompt gives in one piece."""
    streamed = accumulated(await talk.ask(RICH, tools=TOOLS, stream=True))
    whole = api.Message.model_validate_json((await talk.ask(RICH, tools=TOOLS)).body, strict=True)
    assert plain(streamed) == plain(whole)


async def test_the_order_of_a_stream(talk: Talk) -> None:
    """Frames come as the API sends them: ping behind the first block's start, signature last, first JSON empty."""
    heard = await talk.ask('[[think a]] [[call Bash {"command":"ls"}]]', tools=TOOLS, stream=True)
    assert heard.names == [
        "message_start",
        *("content_block_start", "ping", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    deltas = [data["delta"] for name, data in heard.frames if name == "content_block_delta"]
    assert [delta["type"] for delta in deltas[:2]] == ["thinking_delta", "signature_delta"]
    assert [delta["partial_json"] for delta in deltas[2:]] == ["", '{"command":"ls"}']
    assert heard.frames[6][1]["content_block"]["input"] == {}
    assert heard.response.finished


async def test_heads_are_the_real_ones(talk: Talk) -> None:
    """Request id, organisation, limits and media type stand on every answer."""
    heard = await talk.ask("hi", stream=True)
    assert heard.response.header(b"content-type") == "text/event-stream; charset=utf-8"
    assert (heard.response.header(b"request-id") or "").startswith("req_")
    for name in (b"requests", b"tokens", b"input-tokens", b"output-tokens"):
        assert heard.response.header(b"anthropic-ratelimit-%s-remaining" % name)
    assert heard.response.header(b"anthropic-organization-id")


# -- what is said -----------------------------------------------------------------------------------------------------


async def test_without_a_script_it_names_itself_and_echoes(talk: Talk) -> None:
    """Nobody mistakes it for a model, and it calls no tool unasked."""
    heard = await talk.ask("What is the capital of France?", tools=TOOLS)
    assert words(heard) == (
        "This is claude-simulated, simulated: no model was asked. You said: What is the capital of France?"
    )
    assert heard.json["stop_reason"] == "end_turn"


async def test_tool_results_bring_the_next_turn(talk: Talk) -> None:
    """The turn is counted in the conversation; after the last one the model answers plainly."""
    script = '[[call Bash {"command":"echo hi"}]] [[then]] [[echo]] [[then]] [[say bye]]'
    messages: list[dict[str, Any]] = [{"role": "user", "content": script}]
    first = (await talk.ask(messages, tools=TOOLS)).json
    result = {
        "type": "tool_result",
        "tool_use_id": first["content"][0]["id"],
        "content": [{"type": "text", "text": "hi"}],
    }
    messages += [{"role": "assistant", "content": first["content"]}, {"role": "user", "content": [result]}]
    assert words(await talk.ask(messages, tools=TOOLS)) == "hi"
    messages += [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]
    assert words(await talk.ask(messages, tools=TOOLS)) == "bye"
    messages += [{"role": "assistant", "content": "bye"}, {"role": "user", "content": "and now?"}]
    assert words(await talk.ask(messages, tools=TOOLS)).endswith("You said: and now?")


async def test_calls_need_room(talk: Talk) -> None:
    """Without tools, or with tool_choice none, a call is words; without parallel use only the first is made."""
    script = "[[call Bash {} Read {}]]"
    assert words(await talk.ask(script)) == "(Bash is not offered)(Read is not offered)"
    assert words(await talk.ask(script, tools=TOOLS, tool_choice={"type": "none"})).startswith("(Bash")
    alone = await talk.ask(script, tools=TOOLS, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert [block["name"] for block in alone.json["content"]] == ["Bash"]


async def test_a_forced_tool_is_called_with_the_least_input(talk: Talk) -> None:
    """tool_choice makes a call without a script, with an input its schema allows."""
    properties = {"n": {"type": "integer", "minimum": 3}, "kind": {"enum": ["a", "b"]}, "free": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["n", "kind"]}
    tools = [{"name": "Count", "input_schema": schema}]
    heard = await talk.ask("go", tools=tools, tool_choice={"type": "any"})
    assert heard.json["content"][0]["input"] == {"n": 3, "kind": "a"}
    assert heard.json["stop_reason"] == "tool_use"


async def test_structured_output_is_an_instance(talk: Talk) -> None:
    """Where a schema is asked for, the words are JSON that it allows."""
    title = {"type": "string", "enum": ["xx", "yy"]}
    schema = {"type": "object", "properties": {"title": title}, "required": ["title"], "additionalProperties": False}
    form = {"format": {"type": "json_schema", "schema": schema}}
    assert json.loads(words(await talk.ask("name it", output_config=form))) == {"title": "xx"}


async def test_thinking_comes_when_asked_for(talk: Talk) -> None:
    """Adaptive thinking puts a signed thought before the words; omitted, only its signature."""
    heard = await talk.ask("hi", model="claude-opus-5-5", thinking={"type": "adaptive", "display": "summarized"})
    thought = heard.json["content"][0]
    assert thought["thinking"]
    assert signature.verify(thought["signature"], thought["thinking"]).says == "genuine"
    omitted = await talk.ask("hi", model="claude-opus-5-5", thinking={"type": "adaptive"}, stream=True)
    kinds = [data["delta"]["type"] for name, data in omitted.frames if name == "content_block_delta"]
    assert kinds[0] == "signature_delta"
    assert "thinking_delta" not in kinds
    assert omitted.frames[-2][1]["usage"]["output_tokens_details"]["thinking_tokens"] > 0


async def test_tokens_and_size_are_exact(talk: Talk) -> None:
    """[[tokens N]] is N deltas and N tokens; [[size N]] is N bytes."""
    heard = await talk.ask("[[tokens 500]]", stream=True)
    assert heard.names.count("content_block_delta") == 500
    assert accumulated(heard).usage.output_tokens == 500
    assert len(words(await talk.ask("[[size 70000]]", max_tokens=100_000, stream=True))) == 70_000


async def test_max_tokens_ends_in_the_middle(talk: Talk) -> None:
    """The limit cuts words, and the input of a tool, where it falls."""
    short = await talk.ask("[[say one two three four]]", max_tokens=2)
    assert (words(short), short.json["stop_reason"]) == ("one two ", "max_tokens")
    call = '[[call Bash {"command":"echo hello"}]]'
    heard = await talk.ask(call, tools=TOOLS, max_tokens=4, stream=True)
    pieces = [d["delta"]["partial_json"] for n, d in heard.frames if n == "content_block_delta"]
    assert "".join(pieces) == '{"command":"'
    warm = await talk.ask("[[say x]]", max_tokens=0)
    assert (warm.json["content"], warm.json["stop_reason"]) == ([], "max_tokens")


async def test_stop_sequences_stop(talk: Talk) -> None:
    """Words end before the first stop sequence, and the reply says which it was."""
    heard = await talk.ask("[[say low</severity> rest]]", stop_sequences=["nope", "</severity>"])
    told = heard.json
    assert (words(heard), told["stop_reason"], told["stop_sequence"]) == ("low", "stop_sequence", "</severity>")
    filler = await talk.ask("[[tokens 9]]", stop_sequences=["cat"])
    assert words(filler) == "ant bee "


@pytest.mark.parametrize("stream", [False, True])
async def test_stop_refuse_and_usage_are_as_directed(talk: Talk, *, stream: bool) -> None:
    """[[stop]], [[refuse]] and [[usage]] set what the end says, streamed and whole."""
    heard = await talk.ask("[[refuse I would rather not]] [[usage input=7 output=9 cache_read=5]]", stream=stream)
    message = accumulated(heard) if stream else api.Message.model_validate_json(heard.body, strict=True)
    assert message.stop_reason == "refusal"
    assert message.stop_details is not None
    assert message.usage.model_dump()["input_tokens"] == 7
    assert (message.usage.output_tokens, message.usage.cache_read_input_tokens) == (9, 5)
    stopped = await talk.ask("[[stop pause_turn]]", stream=stream)
    message = accumulated(stopped) if stream else api.Message.model_validate_json(stopped.body, strict=True)
    assert (message.content, message.stop_reason) == ([], "pause_turn")


async def test_broken_input_is_streamed_as_it_is(talk: Talk) -> None:
    """[[call-raw]] sends JSON that is none; in one piece it can only be empty."""
    heard = await talk.ask('[[call-raw Bash {"comm]]', tools=TOOLS, stream=True)
    assert "".join(d["delta"]["partial_json"] for n, d in heard.frames if n == "content_block_delta") == '{"comm'
    assert (await talk.ask('[[call-raw Bash {"comm]]', tools=TOOLS)).json["content"][0]["input"] == {}


# -- how it goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "status", "kind", "told"),
    [
        ("401", 401, "authentication_error", "invalid x-api-key"),
        ("402", 402, "billing_error", "credit balance"),
        ("404", 404, "not_found_error", "Not found"),
        ("413", 413, "request_too_large", "maximum size"),
        ("429 retry-after=2", 429, "rate_limit_error", "rate limit"),
        ("500", 500, "api_error", "Internal server error"),
        ("503", 503, "api_error", "Internal server error"),
        ("529", 529, "overloaded_error", "Overloaded"),
        ("overflow", 400, "invalid_request_error", "prompt is too long: 1000001 tokens > 1000000 maximum"),
        ("quota", 429, "rate_limit_error", "usage limits"),
        ('400 type=odd_error message="so it is" code=odd_code', 400, "odd_error", "so it is"),
    ],
)
async def test_faults_wear_the_envelope(talk: Talk, what: str, status: int, kind: str, told: str) -> None:
    """Every fault is a status with the API's envelope, and fits the SDK's error type."""
    heard = await talk.ask(f"[[fault {what}]]", stream=True)
    assert heard.status == status
    assert heard.json["request_id"] == heard.response.header(b"request-id")
    assert heard.error["type"] == kind
    assert told in heard.error["message"]
    if kind not in ("request_too_large", "odd_error"):  # which the SDK has no type for
        api.ErrorResponse.model_validate_json(heard.body, strict=True)


async def test_faults_carry_headers_and_details(talk: Talk) -> None:
    """Options of a fault that are none of its own are headers; codes stand in details."""
    heard = await talk.ask("[[fault 429 retry-after=2 x-should-retry=false code=enforced_spend_limit_reached]]")
    assert heard.response.header(b"retry-after") == "2"
    assert heard.response.header(b"x-should-retry") == "false"
    assert heard.error["details"] == {"error_code": "enforced_spend_limit_reached"}


async def test_an_error_in_the_stream(talk: Talk) -> None:
    """[[error]] is an event where the status is gone, the first if nothing was said; in one piece it is a status."""
    heard = await talk.ask("[[say half]] [[error overloaded_error]]", stream=True)
    assert heard.names[-1] == "error"
    assert heard.frames[-1][1]["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    first = await talk.ask('[[error api_error message="broken"]]', stream=True)
    assert first.names == ["error"]
    assert first.frames[0][1]["error"]["message"] == "broken"
    whole = await talk.ask("[[say half]] [[error overloaded_error]]")
    assert (whole.status, whole.error["type"]) == (529, "overloaded_error")


async def test_eof_lacks_the_end_and_cut_breaks(talk: Talk) -> None:
    """[[eof]] finishes the body without terminal events; [[cut]] leaves it unfinished."""
    ended = await talk.ask("[[say half]] [[eof]]", stream=True)
    assert ended.names[-1] == "content_block_delta"
    assert ended.response.finished
    broken = await talk.ask("[[say half]] [[cut]] [[say never]]", stream=True)
    assert words(broken) == "half"
    assert not broken.response.finished
    whole = await talk.ask("[[say half]] [[cut]]")
    assert len(whole.body) < int(whole.response.header(b"content-length") or 0)
    assert not whole.response.finished
    assert [seen.ended for seen in talk.model.seen] == ["in good order", "cut", "cut"]


async def test_strange_events_and_pings_stand_where_they_are_put(talk: Talk) -> None:
    """[[unknown-event]] and [[ping]] are frames of their own, between the words."""
    heard = await talk.ask("[[say a]] [[unknown-event]] [[ping]] [[say b]]", stream=True)
    assert heard.names[4:7] == ["simulated_unknown", "ping", "content_block_delta"]
    assert words(heard) == "ab"


# -- other questions --------------------------------------------------------------------------------------------------


async def test_models_are_listed_and_paged(talk: Talk) -> None:
    """The list and its entries are the SDK's, the limit holds, and any name is a model."""
    page = (await talk.send("GET", "/v1/models?limit=2")).json
    assert page["has_more"]
    for entry in page["data"]:
        api.ModelInfo.model_validate_json(json.dumps(entry), strict=True)
    rest = (await talk.send("GET", f"/v1/models?after_id={page['last_id']}&limit=1000")).json
    assert not rest["has_more"]
    assert rest["data"][0]["id"] not in {entry["id"] for entry in page["data"]}
    one = await talk.send("GET", "/v1/models/claude-sonnet-5-5")
    types = api.ModelInfo.model_validate_json(one.body, strict=True).capabilities.thinking.types  # type: ignore[union-attr]  # it has them
    assert (types.adaptive.supported, types.between_tools.supported, types.disabled.supported) == (True, True, False)


async def test_tokens_are_counted_as_they_would_be_used(talk: Talk) -> None:
    """count_tokens says what a reply's usage would, and minds the same rules."""
    prompt = {"model": "claude-simulated", "system": "be brief", "messages": [{"role": "user", "content": "hello"}]}
    counted = await talk.send("POST", "/v1/messages/count_tokens?beta=true", json.dumps(prompt).encode())
    api.MessageTokensCount.model_validate_json(counted.body, strict=True)
    used = (await talk.ask("hello", system="be brief")).json["usage"]["input_tokens"]
    assert counted.json == {"input_tokens": used}
    wrong = await talk.send("POST", "/v1/messages/count_tokens", json.dumps({**prompt, "max_tokens": 1}).encode())
    assert wrong.error["message"] == "max_tokens: Extra inputs are not permitted"


async def test_batches_and_files_are_plausible(talk: Talk) -> None:
    """What a gateway only passes on has the shape the SDK expects."""
    from_body = await talk.send("POST", "/v1/messages/batches", b'{"requests":[{},{}]}')
    batch = api.messages.MessageBatch.model_validate_json(from_body.body, strict=True)
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 2)
    ended = await talk.send("GET", f"/v1/messages/batches/{batch.id}")
    assert api.messages.MessageBatch.model_validate_json(ended.body, strict=True).processing_status == "ended"
    results = await talk.send("GET", f"/v1/messages/batches/{batch.id}/results")
    api.messages.MessageBatchIndividualResponse.model_validate_json(results.body, strict=True)
    assert (await talk.send("GET", "/v1/messages/batches")).json["data"] == []
    upload = await talk.send("POST", "/v1/files", b"some bytes")
    assert api.FileMetadata.model_validate_json(upload.body, strict=True).size_bytes == 10
    assert (await talk.send("GET", "/v1/files/file_1/content")).body == b"simulated\n"
    assert (await talk.send("DELETE", "/v1/files/file_1")).json == {"id": "file_1", "type": "file_deleted"}


async def test_probes_need_no_key_and_other_paths_are_not_found(talk: Talk) -> None:
    """HEAD / and /api/hello are answered to anyone; an unknown path is the API's 404."""
    assert (await talk.send("HEAD", "/", headers=[])).status == 200
    assert (await talk.send("HEAD", "/api/hello", headers=[])).status == 200
    lost = await talk.send("GET", "/v1/nothing")
    assert (lost.status, lost.error["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_are_judged_for_those_who_ask(talk: Talk, stream: bool) -> None:
    """Each by its id: in the last delta of a stream, at the top of a whole message; nothing for others."""
    beta = [(b"x-api-key", b"k"), (b"anthropic-beta", b"dangerous-tool-use-2026-09-03")]
    asked = '[[call Bash {"command":"ls"}]] [[call Bash {"command":"rm -rf /"}]]'
    guarded = {"safeguards": [{"type": "dangerous_tool_use"}], "headers": beta}
    heard = await talk.ask(asked, tools=TOOLS, stream=stream, **guarded)
    told = heard.frames[-2][1]["delta"] if stream else heard.json
    (result,) = told["safeguard_results"]
    assert (result["type"], result["status"]["type"]) == ("dangerous_tool_use", "available")
    verdicts = result["status"]["tool_uses"]
    assert [verdict["outcome"] for verdict in verdicts.values()] == ["not_flagged", "flagged"]
    assert all(ident.startswith("toolu_") and ident in heard.body.decode() for ident in verdicts)
    assert b"safeguard_results" not in (await talk.ask(asked, tools=TOOLS, stream=stream)).body
