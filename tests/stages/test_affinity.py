"""Affinity: where a conversation belongs, and what only one upstream can answer."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.events import Answer
from pipeline.exchange import Caller, Exchange
from stages.affinity import OWNED, Owners, conversation, ranked
from stages.dialects import anthropic, responses
from tests.doubles import exchange, request, upstream
from transports.messages import Head

KEYS = [number.to_bytes(16, "big") for number in range(4000)]


def asked(body: dict[str, Any], *, caller: str = "a", dialect: Any = None, **headers: str) -> Exchange:
    x = exchange(json.dumps({"model": "m", **body}).encode(), caller=Caller(caller, caller), dialect=dialect)
    x.request = request(headers=[(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])
    return x


def of(body: dict[str, Any], **fields: Any) -> bytes:
    x = asked(body, **fields)
    return conversation(x, x.prompt)


def turn(text: str, role: str = "user") -> dict[str, str]:
    return {"role": role, "content": text}


# -- soft -------------------------------------------------------------------------------------------------------------


def test_a_conversation_is_what_its_client_calls_one() -> None:
    """The session field first, then the prompt's own words for it; never mixed up with another caller's."""
    first, later = {"messages": [turn("hi")]}, {"messages": [turn("hi"), turn("yes", "assistant"), turn("on")]}
    assert of(first, session_id="1") == of(later, session_id="1") != of(first, session_id="2")
    assert of(first, x_claude_code_session_id="1") != of(first, x_claude_code_session_id="1", caller="b")
    for told in ({"prompt_cache_key": "k"}, {"metadata": {"user_id": "u"}}):
        assert of({**first, **told}) == of({"messages": [turn("other")], **told}) != of(first)
    assert of({**first, "prompt_cache_key": "k"}, session_id="1") == of(first, session_id="1")


@pytest.mark.parametrize("key", ["messages", "input"])
def test_one_without_a_name_is_known_by_its_first_turn(key: str) -> None:
    """The same in every turn: what stands before the first answer never changes."""
    system, first = turn("be kind", "system"), turn("hi")
    opening = of({key: [system, first]})
    assert opening == of({key: [system, first, turn("yes", "assistant"), turn("on")]})
    assert opening != of({key: [system, turn("ho")]})
    assert of({key: []}) == of({key: []})


def test_words_alone_are_a_turn() -> None:
    """Responses takes a string."""
    assert of({"input": "hi"}) == of({"input": "hi"}) != of({"input": "ho"})


def test_weights_are_kept() -> None:
    """Three to one is three quarters of the conversations."""
    ups = [upstream("one", None), upstream("two", None)]
    share = sum(ranked(ups, key, {"one": 3.0})[0].name == "one" for key in KEYS) / len(KEYS)
    assert 0.72 < share < 0.78


def test_a_weight_of_nought_is_the_last_resort() -> None:
    """Never first, never left out."""
    ups = [upstream("one", None), upstream("two", None)]
    assert {tuple(up.name for up in ranked(ups, key, {"one": 0.0})) for key in KEYS} == {("two", "one")}


@pytest.mark.parametrize("drawn", [b"\0" * 8, b"\xff" * 8])
def test_the_ends_of_the_draw_are_numbers(drawn: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """No draw is so high that its logarithm is 0, or so low that it has none."""
    monkeypatch.setattr("stages.affinity.blake2b", lambda *_, **__: SimpleNamespace(digest=lambda: drawn))
    ups = [upstream("one", None), upstream("two", None)]
    assert [up.name for up in ranked(ups, b"key", {"two": 2.0})] == ["two", "one"]


def test_one_that_drops_out_moves_its_own_conversations_only() -> None:
    """And spreads them over those that are left; when it is back, they are back."""
    ups = [upstream(name, None) for name in ("one", "two", "three")]
    before = {key: ranked(ups, key, {})[0].name for key in KEYS}
    after = {key: ranked(ups[1:], key, {})[0].name for key in KEYS}
    assert all(after[key] == home for key, home in before.items() if home != "one")
    moved = [after[key] for key, home in before.items() if home == "one"]
    assert 0.4 < moved.count("two") / len(moved) < 0.6


# -- hard -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        {"previous_response_id": "s1"},
        {"conversation": "s1"},
        {"conversation": {"id": "s1"}},
        {"container": "s1"},
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"file_id": "s1"}}]}]},
    ],
)
def test_what_one_upstream_holds_is_asked_of_it(state: dict[str, Any]) -> None:
    """Where it is remembered; otherwise where uploads go: the first that speaks the caller's dialect."""
    ups = [upstream("other", None), upstream("first", None, dialect=anthropic), upstream("last", None)]
    x, owners = asked(state, dialect=anthropic), Owners()
    x.upstreams = ups
    assert owners.holder(x, x.prompt, b"session") is ups[1]
    owners.remember(b"s1", "last")
    assert owners.holder(x, x.prompt, b"session") is ups[2]


def test_what_holds_nothing_is_free() -> None:
    """Words about files are no files."""
    x = asked({"messages": [turn('"file_id": "s1"')], "conversation": None}, dialect=anthropic)
    x.upstreams = [upstream("one", None, dialect=anthropic), upstream("two", None, dialect=anthropic)]
    assert Owners().holder(x, x.prompt, b"session") is None


def test_encrypted_reasoning_goes_back_to_who_encrypted_it() -> None:
    """As far as that is remembered: the conversation's last upstream; else anybody may try."""
    x = asked({"input": [{"type": "reasoning", "encrypted_content": "x"}]}, dialect=responses)
    x.upstreams, owners = [upstream("one", None), upstream("two", None)], Owners()
    assert owners.holder(x, x.prompt, b"session") is None
    owners.remember(b"session", "two")
    assert owners.holder(x, x.prompt, b"session") is x.upstreams[1]
    assert owners.holder(x, x.prompt, b"another") is None


def test_one_that_is_not_among_the_candidates_holds_nothing_here() -> None:
    """The rule was changed since: whoever is left may say what it thinks of it."""
    x, owners = asked({"input": [{"encrypted_content": "x"}]}, dialect=responses), Owners()
    x.upstreams = [upstream("one", None)]
    owners.remember(b"session", "gone")
    assert owners.holder(x, x.prompt, b"session") is None


def test_relayed_requests_go_to_who_made_what_their_path_names() -> None:
    """A file is read where it was put; what nobody remembers is looked for at the first."""
    owners, x = Owners(), exchange(operation="relay", upstreams=[upstream("one", None), upstream("two", None)])
    owners.learn(Answer(Head(200, []), b'{"id":"file_1","object":"file"}'), "two")
    for answer in (
        Answer(Head(404, []), b'{"id":"file_2"}'),
        Answer(Head(200, []), b"[1]"),
        Answer(Head(200, []), b""),
    ):
        owners.learn(answer, "two")
    found = []
    for path in ("/v1/files/file_1", "/v1/files/file_2", "/v1/files"):
        x.request = request("GET", path)
        found.append([up.name for up in owners.first(x)])
    assert found == [["two", "one"], ["one", "two"], ["one", "two"]]


def test_what_is_remembered_is_bounded() -> None:
    """The oldest goes."""
    owners = Owners()
    for number in range(OWNED + 10):
        owners.remember(b"%d" % number, "one")
    assert (owners.of(b"9"), owners.of(b"10")) == (None, "one")
