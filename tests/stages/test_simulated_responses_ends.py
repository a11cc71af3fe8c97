"""How the simulated Responses API ends when it does not end well, what else it answers, and what it caches."""

import json
from typing import Any

import pytest
from openai.types.responses import ResponseErrorEvent

from tests.stages.responses_oracle import LAST, accumulated, valid
from tests.stages.simulated_talk import BASH, Talk, words

PATCH: dict[str, Any] = {"type": "custom", "name": "patch"}
TOOLS = [BASH["responses"], {"type": "function", "name": "Read"}]


@pytest.fixture
def talk() -> Talk:
    return Talk("responses")


# -- how it goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "status", "kind", "code"),
    [
        ("401", 401, "invalid_request_error", "invalid_api_key"),
        ("429 retry-after=2", 429, "requests", "rate_limit_exceeded"),
        ("500", 500, "server_error", None),
        ("503", 503, "server_error", "server_is_overloaded"),
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


async def test_an_error_in_the_stream_fails_the_response(talk: Talk) -> None:
    """[[error]] after words is response.failed, with what was finished; nothing follows it."""
    heard = await talk.ask(
        '[[think a]] [[say half]] [[error rate_limit_exceeded message="later"]] [[say x]]', stream=True
    )
    response = accumulated(heard)
    assert (heard.names[-1], response.status) == ("response.failed", "failed")
    assert response.error is not None
    assert (response.error.code, response.error.message) == ("rate_limit_exceeded", "later")
    assert [item.type for item in response.output] == ["reasoning"]
    assert response.usage is None


async def test_an_error_instead_of_a_response(talk: Talk) -> None:
    """As the first thing said an error is an event of its own, alone; ``form`` asks for any of the three anywhere."""
    alone = await talk.ask("[[error server_is_overloaded]]", stream=True)
    ((name, data),) = alone.frames
    event = ResponseErrorEvent.model_validate(data, strict=True)
    assert (name, event.code, event.sequence_number) == ("error", "server_is_overloaded", 0)
    assert "overloaded" in event.message
    late = await talk.ask("[[say half]] [[error server_error form=event]]", stream=True)
    assert (late.names[-1], late.frames[-1][1]["code"]) == ("error", "server_error")
    nested = await talk.ask("[[error context_length_exceeded form=nested]]", stream=True)
    assert nested.frames[0][1]["error"]["code"] == "context_length_exceeded"
    failed = await talk.ask("[[error server_error form=failed]]", stream=True)
    assert failed.names == ["response.created", "response.in_progress", "response.failed"]
    accumulated(failed)
    bad = await talk.ask("[[error server_error form=odd]]")
    assert "form" in bad.error["message"]


async def test_an_error_in_a_whole_reply(talk: Talk) -> None:
    """In one piece an error is a status, by its kind or its code; with ``form=failed`` it is a response that failed."""
    for word, status in (("server_error", 500), ("rate_limit_exceeded", 429), ("server_is_overloaded", 503)):
        heard = await talk.ask(f"[[say half]] [[error {word}]]")
        assert heard.status == status
        assert word in (heard.error["type"], heard.error["code"])
    failed = await talk.ask("[[say half]] [[error server_error form=failed]]")
    assert (failed.status, valid(failed.json).status) == (200, "failed")


async def test_eof_lacks_the_end_and_cut_breaks(talk: Talk) -> None:
    """[[eof]] finishes the body without a last event; [[cut]] leaves it unfinished."""
    ended = await talk.ask("[[say half]] [[eof]]", stream=True)
    assert (words(ended), ended.response.finished) == ("half", True)
    broken = await talk.ask("[[say half]] [[cut]] [[say never]]", stream=True)
    assert (words(broken), broken.response.finished) == ("half", False)
    for heard in (ended, broken):
        assert not set(heard.names) & set(LAST)


async def test_strange_events_and_pings_stand_where_they_are_put(talk: Talk) -> None:
    """[[ping]] is a keepalive, [[unknown-event]] is one nobody knows; both are numbered."""
    heard = await talk.ask("[[say a]] [[ping]] [[unknown-event]] [[say b]]", stream=True)
    assert heard.names[5:7] == ["keepalive", "response.simulated_unknown"]
    assert heard.frames[5][1] == {"type": "keepalive", "sequence_number": 5}
    assert [data["sequence_number"] for _, data in heard.frames] == list(range(len(heard.frames)))
    assert words(heard) == "ab"
    accumulated(await talk.ask("[[say a]] [[ping]] [[say b]]", stream=True))


# -- what else it answers ---------------------------------------------------------------------------------------------


async def test_counting_weighs_as_replying_does(talk: Talk) -> None:
    """input_tokens is what a reply to the same would count; what is no part of a prompt is refused."""
    body: dict[str, Any] = {"model": "gpt-6-sol", "input": "hello", "instructions": "abc", "tools": [PATCH]}
    heard = await talk.send("POST", "/v1/responses/input_tokens", json.dumps(body).encode())
    assert heard.json["object"] == "response.input_tokens"
    replied = await talk.ask("hello", **{name: body[name] for name in ("model", "instructions", "tools")})
    assert heard.json["input_tokens"] == replied.json["usage"]["input_tokens"]
    wrong = await talk.send("POST", "/v1/responses/input_tokens", json.dumps({**body, "stream": True}).encode())
    assert wrong.error["message"].startswith("Unknown parameter: 'stream'.")
    rough = Talk("responses", strict=False)
    heard = await rough.send("POST", "/v1/responses/input_tokens", json.dumps(body).encode())
    assert heard.json["input_tokens"] == -(-len(json.dumps(body)) // 4)


async def test_a_socket_is_not_offered(talk: Talk) -> None:
    """Who asks for a WebSocket is told to use something else, so that it goes on with POST."""
    key = (b"authorization", b"Bearer k")
    upgrade = await talk.send("GET", "/v1/responses", headers=[key, (b"upgrade", b"websocket")])
    assert upgrade.status == 426
    assert (await talk.send("GET", "/v1/responses")).status == 405


async def test_nothing_is_kept(talk: Talk) -> None:
    """A response can't be fetched, cancelled or deleted afterwards; models can be listed."""
    ident = (await talk.ask("hi")).json["id"]
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        heard = await talk.send(method, f"/v1/responses/{ident}{rest}")
        assert (heard.status, heard.error["message"]) == (404, f"Response with id '{ident}' not found.")
    assert (await talk.send("GET", "/v1/models")).json["object"] == "list"
    assert (await talk.send("GET", "/v1/models/gpt-9")).json["id"] == "gpt-9"
    assert (await talk.send("GET", "/v1/nothing")).status == 404


# -- the cache --------------------------------------------------------------------------------------------------------

LONG = "x" * 4000  # a thousand tokens


def part(text: str, **mark: Any) -> dict[str, Any]:
    return {"type": "input_text", "text": text, **({"prompt_cache_breakpoint": mark} if mark else {})}


async def cached(talk: Talk, *parts: dict[str, Any], **fields: Any) -> tuple[int, int, dict[str, int]]:
    """Tokens read, written, and how long each of those lives."""
    heard = await talk.ask([{"role": "user", "content": list(parts)}], model="gpt-6-sol", **fields)
    details = valid(heard.json).usage.input_tokens_details
    lives = details.cache_write_tokens_details
    return details.cached_tokens, details.cache_write_tokens, lives.model_dump() if lives else {}


async def test_the_prompt_is_cached_by_itself_and_by_breakpoints(talk: Talk) -> None:
    """Without marks the whole prompt is known the next time; marks are known too, and in explicit mode nothing else."""
    assert await cached(talk, part(LONG + LONG), instructions="abcd") == (
        0,
        2001,
        {"ttl_30m_tokens": 2001, "ttl_12h_tokens": 0},
    )
    assert (await cached(talk, part(LONG + LONG), part("more"), instructions="abcd"))[:2] == (2001, 1)
    explicit: dict[str, Any] = {"prompt_cache_options": {"mode": "explicit"}}
    assert (await cached(talk, part("y" + LONG + LONG), **explicit))[:2] == (0, 0)
    marked = part("z" + LONG + LONG, mode="explicit", ttl="12h")
    read, written, lives = await cached(talk, marked, part("tail"), **explicit)
    assert (read, written, lives["ttl_12h_tokens"]) == (0, 2001, 2001)
    assert (await cached(talk, marked, part("other"), **explicit))[:2] == (2001, 0)


async def test_reasoning_behind_another_prefix_is_withheld(talk: Talk) -> None:
    """What came before reasoning may not change: where it did, the response says that the reasoning was removed."""
    start: list[Any] = [{"role": "developer", "content": "rules"}, {"role": "user", "content": "[[think a]] [[say b]]"}]
    first = (await talk.ask(start, tools=TOOLS)).json["output"]
    end = {"role": "user", "content": "go on"}
    kept = await talk.ask([*start, *first, end], tools=TOOLS)
    assert "input_transformations" not in kept.json
    for changed, tools in (([{"role": "developer", "content": "other rules"}, start[1]], TOOLS), (start, [])):
        response = valid((await talk.ask([*changed, *first, end], tools=tools)).json)
        (told,) = response.input_transformations
        assert (told.id, told.action, told.reason) == (first[0]["id"], "removed", "prefix_mismatch")
    without = [{key: item[key] for key in item if key not in ("id", "status")} for item in first]
    assert "input_transformations" not in (await talk.ask([*start, *without, end], tools=TOOLS)).json
