"""Routing, through a gateway and a model: what is asked for, where it goes, what it is called in the reply."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import House, Wire, house

PATHS = {"anthropic": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
BEARER = {"authorization": "Bearer mine"}
MARKS = {"anthropic": {"anthropic_version": "2023-06-01", "x_api_key": "mine"}, "chat": BEARER, "responses": BEARER}
PAIRS = pytest.mark.parametrize(("asks", "dialect"), [(a, d) for a in PATHS for d in PATHS])
ASKS = pytest.mark.parametrize("asks", list(PATHS))
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

RULES = """
[model_map]
small = "simulated-small"
big = "simulated-big"
reasoning_model = "simulated-thinker"
aliases = { fast = "simulated-fast" }
rules = [
  { match = "claude-*", headers = { x-agent = "sub-*" }, model = "simulated-agent" },
  { match = "claude-*", images = true, model = "simulated-eyes" },
  { match = "claude-*", over_tokens = 5000, model = "simulated-long" },
]
"""


def body(asks: str, model: str, text: Any = "[[say hi]]", **more: Any) -> bytes:
    """A prompt for *model*."""
    if asks == "responses":
        said = text if isinstance(text, str) else [{"role": "user", "content": text}]
        return json.dumps({"model": model, "input": said, **more}).encode()
    return json.dumps(
        {"model": model, "max_tokens": 4000, "messages": [{"role": "user", "content": text}], **more}
    ).encode()


def picture(asks: str) -> list[dict[str, Any]]:
    """A pixel, as *asks* has it."""
    match asks:
        case "anthropic":
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
            return [{"type": "image", "source": source}, {"type": "text", "text": "[[say hi]]"}]
        case "chat":
            image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
            return [image, {"type": "text", "text": "[[say hi]]"}]
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
    return [image, {"type": "input_text", "text": "[[say hi]]"}]


async def asked(h: House, wire: Wire, asks: str, sent: bytes, **fields: str) -> str:
    """The model that was asked for upstream, when *sent* came."""
    await wire.post(PATHS[asks], sent, **MARKS[asks], **fields)
    answer = await wire.answer()
    assert answer.status == 200, answer.body
    return str(json.loads(h.model.seen[-1].body)["model"])


def names(asks: str, data: bytes) -> set[str]:
    """What the model is called in a reply, streamed or whole."""
    frames = [line[5:] for line in data.split(b"\n") if line.startswith(b"data:") and b"[DONE]" not in line]
    found = set()
    for each in map(json.loads, frames or [data]):
        place = each.get("response") or each.get("message") or each
        found |= {place["model"]} if "model" in place else set()
    return found


@PAIRS
async def test_a_reply_bears_the_name_that_was_asked_for(tmp_path: Path, asks: str, dialect: str) -> None:
    """In the nine pairs, streamed and whole, wherever it stands; and the upstream's name nowhere."""
    async with house(tmp_path, dialect, more=RULES) as h, Wire(h.port) as wire:
        for stream in (True, False):
            await wire.post(PATHS[asks], body(asks, "fast", "[[think hm]] [[say hi]]", stream=stream), **MARKS[asks])
            answer = await wire.answer()
            assert json.loads(h.model.seen[-1].body)["model"] == "simulated-fast"
            assert names(asks, answer.body) == {"fast"}
            assert b"simulated-fast" not in answer.body


@ASKS
async def test_a_reply_may_bear_the_upstreams_name(tmp_path: Path, asks: str) -> None:
    """As configured: then its bytes are the upstream's."""
    more = '[model_map]\naliases = { fast = "simulated-fast" }\nanswer_as = "upstream"'
    async with house(tmp_path, asks, more=more) as h, Wire(h.port) as wire:
        for stream in (True, False):
            await wire.post(PATHS[asks], body(asks, "fast", stream=stream), **MARKS[asks])
            assert names(asks, (await wire.answer()).body) == {"simulated-fast"}


@ASKS
async def test_only_the_name_is_changed_in_what_passes_through(tmp_path: Path, asks: str) -> None:
    """The same reply under both names: byte for byte the same, but for the name and what no two replies share."""
    text = "[[say the model:simulated-model]] [[tokens 20]]"
    more = '[model_map]\naliases = { "simulated-alias" = "simulated-model" }'
    replies = []
    async with house(tmp_path, asks, more=more) as h:
        for model in ("simulated-alias", "simulated-model"):
            async with Wire(h.port) as wire:
                await wire.post(PATHS[asks], body(asks, model, text, stream=True), **MARKS[asks])
                replies.append(UNIQUE.sub(rb"\1", (await wire.answer()).body))
    renamed, plain = replies
    assert b"model:simulated-model" in renamed.replace(b'"', b"")
    assert NAME.sub(rb'\1"simulated-model"', renamed) == plain


UNIQUE = re.compile(
    rb'("(?:id|item_id|created|created_at|completed_at|obfuscation|safety_identifier)": ?)("[^"]*"|\d+)'
)
NAME = re.compile(rb'("model": ?)"simulated-alias"')


@ASKS
async def test_families_and_thinking_choose_the_model(tmp_path: Path, asks: str) -> None:
    """haiku is small; who thinks gets the reasoner, in whatever words it is said; sonnet and opus are big."""
    thinks: dict[str, list[dict[str, Any]]] = {
        "anthropic": [
            {"thinking": {"type": "adaptive"}},
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            {"output_config": {"effort": "high"}},
        ],
        "chat": [{"reasoning_effort": "high"}, {"reasoning": {"effort": "low"}}],
        "responses": [{"reasoning": {"effort": "medium"}}],
    }
    off: dict[str, dict[str, Any]] = {
        "anthropic": {"thinking": {"type": "disabled"}},
        "chat": {"reasoning_effort": "none"},
        "responses": {"reasoning": {"effort": "none"}},
    }
    async with house(tmp_path, asks, more=RULES) as h, Wire(h.port) as wire:
        assert await asked(h, wire, asks, body(asks, "claude-haiku-5")) == "simulated-small"
        for model in ("claude-sonnet-5", "claude-opus-5"):
            assert await asked(h, wire, asks, body(asks, model)) == "simulated-big"
        for more in thinks[asks]:
            assert await asked(h, wire, asks, body(asks, "claude-opus-5", **more)) == "simulated-thinker"
        assert await asked(h, wire, asks, body(asks, "claude-opus-5(high)")) == "simulated-thinker"
        assert await asked(h, wire, asks, body(asks, "claude-opus-5(none)")) == "simulated-big"
        assert await asked(h, wire, asks, body(asks, "claude-opus-5", **off[asks])) == "simulated-big"


@ASKS
async def test_rules_look_at_fields_pictures_and_size(tmp_path: Path, asks: str) -> None:
    """The first that holds, in their order."""
    async with house(tmp_path, asks, more=RULES) as h, Wire(h.port) as wire:
        sub = await asked(h, wire, asks, body(asks, "claude-opus-5", picture(asks)), x_agent="sub-1")
        assert sub == "simulated-agent"
        assert await asked(h, wire, asks, body(asks, "claude-opus-5", picture(asks))) == "simulated-eyes"
        long = "[[say hi]] " + "many words " * 5000
        assert await asked(h, wire, asks, body(asks, "claude-opus-5", long), x_agent="main") == "simulated-long"


@PAIRS
async def test_a_rule_changes_parameters_in_the_upstreams_words(tmp_path: Path, asks: str, dialect: str) -> None:
    """Whatever the client speaks; and the reply tells of it."""
    more = """
        [model_map]
        [[model_map.rules]]
        match = "tuned"
        model = "simulated"
        drop = ["temperature"]
        set = { "metadata.user_id" = "house" }
    """
    async with house(tmp_path, dialect, more=more) as h, Wire(h.port) as wire:
        await wire.post(PATHS[asks], body(asks, "tuned", temperature=0.5), **MARKS[asks])
        answer = await wire.answer()
        assert int(answer.headers["x-pipeline-changes"].partition(";")[0]) >= 3
        sent = json.loads(h.model.seen[-1].body)
        assert "temperature" not in sent
        assert sent["metadata"]["user_id"] == "house"
        (record,) = await h.records()
        changes = {(each["stage"], each["path"], each["action"]) for each in record["changes"]}
        assert {("model_map", "temperature", "dropped"), ("model_map", "metadata.user_id", "added")} <= changes


@ASKS
async def test_keys_have_models_and_upstreams_of_their_own(tmp_path: Path, asks: str) -> None:
    """Two keys ask for the same name: another upstream for the one, and a chain past a dead one for the other."""
    more = f"""
        [auth]
        keys = [{{ name = "team-1", key = "sk-team" }}, {{ name = "ada", key = "sk-ada" }}]
        [upstreams.spare]
        preset = "simulated"
        dialect = "{asks}"
        [upstreams.dead]
        dialect = "{asks}"
        url = "http://127.0.0.1:9"
        [model_map]
        rules = [
          {{ keys = ["team-*"], model = "simulated-team", upstreams = ["spare"] }},
          {{ match = "any", model = "simulated-any", upstreams = ["dead", "up"], choice = "ordered" }},
        ]
    """
    async with house(tmp_path, asks, more=more) as h, Wire(h.port) as wire:
        for key in ("sk-team", "sk-ada"):
            marks = {"anthropic_version": "2023-06-01"} if asks == "anthropic" else {}
            await wire.post(PATHS[asks], body(asks, "any"), authorization=f"Bearer {key}", **marks)
            answer = await wire.answer()
            assert (answer.status, names(asks, answer.body)) == (200, {"any"})
        records = await h.records(2)
    assert [(each["caller"], each["model"], each["upstream"]) for each in records] == [
        ("team-1", "simulated-team", "spare"),
        ("ada", "simulated-any", "up"),
    ]
