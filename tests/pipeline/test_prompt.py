"""Prompts: read and edited by path, every change on record, a fork for every attempt."""

import gc
import sys
from typing import Any

import pytest

from pipeline.errors import InvalidRequest
from pipeline.prompt import Edit, Prompt

RAW = b'{"model":"m(high)","messages":[{"role":"user","content":"hi"}],"stream":true}'


def test_an_untouched_prompt_is_the_clients_bytes() -> None:
    """Reading changes nothing."""
    prompt = Prompt.parse("words", RAW)
    assert prompt.get("messages", -1, "role") == "user"
    assert prompt.get("nothing", default=3) == 3
    assert (prompt.model, prompt.has("stream"), prompt.kind("messages")) == ("m(high)", True, "array")
    assert (prompt.string("model"), prompt.string("stream"), prompt.string("nothing")) == ("m(high)", None, None)
    assert prompt.encode() is RAW


def test_every_change_is_on_record() -> None:
    """With the stage that made it, its place as people write it, and its reason."""
    prompt = Prompt.parse("words", RAW)
    prompt.author = "map"
    prompt.set("model", to="n", why="mapped")
    prompt.set("messages", 0, "mark", to=1, why="marked")
    prompt.drop("stream", why="unwanted", lossy=True)
    prompt.drop("stream", why="again")
    assert prompt.edits == [
        Edit("map", "model", "set", "mapped"),
        Edit("map", "messages[0].mark", "added", "marked"),
        Edit("map", "stream", "dropped", "unwanted", lossy=True),
    ]
    assert prompt.encode() == b'{"model":"n","messages":[{"role":"user","content":"hi","mark":1}]}'


def test_a_fork_has_its_own_text_and_edits() -> None:
    """What an attempt edits, the next one does not see."""
    prompt = Prompt.parse("words", RAW)
    prompt.set("model", to="n", why="mapped")
    fork = prompt.fork()
    fork.set("model", to="o", why="again")
    assert (prompt.model, fork.model) == ("n", "o")
    fork.become("other", {"model": "p"})
    assert (prompt.model, fork.model) == ("n", "p")
    assert (len(prompt.edits), len(fork.edits)) == (1, 2)


@pytest.mark.parametrize("raw", [b"[1]", b"", b"nonsense", b'{"a":', b'"text"', b'{"model":1,"model":2}', b"{}x"])
def test_what_is_not_one_json_object_is_an_invalid_request(raw: bytes) -> None:
    """Said to the caller, with no exception of another kind."""
    with pytest.raises(InvalidRequest):
        Prompt.parse("words", raw)


@pytest.mark.parametrize("raw", [b"{}", b'{"model":7}', b'{"model":""}', b'{"model":null}'])
def test_a_model_is_a_string(raw: bytes) -> None:
    """Missing, empty or of another type: the caller is told which field."""
    with pytest.raises(InvalidRequest) as caught:
        _ = Prompt.parse("words", raw).model
    assert caught.value.param == "model"


def test_broken_text_deeper_down_is_told_when_it_is_read() -> None:
    """An attempt to read a doubled key deeper in the tree is the caller's mistake, too."""
    prompt = Prompt.parse("words", b'{"a":{"b":1,"b":2}}')
    with pytest.raises(InvalidRequest):
        prompt.get("a", "b")


@pytest.mark.parametrize("read", [Prompt.string, Prompt.get, lambda prompt, *path: prompt.some({*path})])
@pytest.mark.parametrize(
    ("text", "says"), [(b'"\xff"', "codec can't decode byte 0xff"), (b'"\\ud83d"', "half a surrogate pair")]
)
def test_a_string_that_is_no_text_is_an_invalid_request(read: Any, text: bytes, says: str) -> None:
    """Bytes that are not UTF-8, or half an emoji, are the caller's mistake however a stage reads them."""
    with pytest.raises(InvalidRequest, match=says):
        read(Prompt.parse("words", b'{"a":{"b":' + text + b"}}"), "a", "b")


def test_a_member_apart_from_the_rest() -> None:
    """Its text, and the text without it; edits included, and nothing is recorded."""
    prompt = Prompt("words", b'{ "model": "m", "messages": [1,  2], "n": 1 }')
    assert (prompt.text("messages"), prompt.text("messages", 1), prompt.text("none")) == (b"[1,  2]", b"2", b"")
    assert prompt.without("messages") == b'{ "model": "m", "n": 1 }'
    prompt.set("messages", 0, to=3, why="so")
    assert prompt.text("messages") == b"[3,  2]"
    assert len(prompt.edits) == 1


def test_a_prompt_becomes_what_is_text_by_now() -> None:
    """In the place that its member has in the body; and can be edited after."""
    prompt = Prompt("words", b"{}")
    prompt.become("others", {"a": 1, "talk": [], "b": 2}, {"talk": b"[1,2]"})
    assert (prompt.dialect, prompt.encode()) == ("others", b'{"a":1,"talk":[1,2],"b":2}')
    prompt.set("talk", 0, to=0, why="so")
    assert prompt.encode() == b'{"a":1,"talk":[0,2],"b":2}'


def test_a_released_prompt_holds_nothing_of_its_text() -> None:
    """Neither does its fork, whatever was asked of them and changed before: a stream may last an hour."""
    raw = b'{"model": "m", "messages": "%b"}' % (b"x" * 1000)
    held = sys.getrefcount(raw)
    prompt = Prompt.parse("words", raw)
    assert prompt.model == "m"
    forked = prompt.fork()
    forked.set("model", to="n", why="a test")
    assert (forked.model, forked.get("messages")) == ("n", "x" * 1000)
    forked.release()
    prompt.release()
    gc.collect()
    assert sys.getrefcount(raw) == held
