"""Translation as a library: requests and replies of every pair, as bytes, with nothing that runs."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported, UpstreamFailed, UpstreamRefused, UpstreamTruncated
from pipeline.events import Failed, Finished
from stages.dialects import anthropic, chat, responses
from stages.translation import DIALECTS, translate_request

FIXTURES = Path(__file__).parents[1] / "dialects" / "fixtures"
PAIRS = [(source, target) for source in DIALECTS for target in DIALECTS]
MESSAGES = [{"role": "user", "content": "Hi"}]
ASKED: dict[str, dict[str, Any]] = {
    "anthropic": {"model": "m", "max_tokens": 100, "messages": MESSAGES},
    "chat": {"model": "m", "max_tokens": 100, "messages": MESSAGES},
    "responses": {"model": "m", "max_output_tokens": 100, "input": MESSAGES, "store": False},
}


def replies(dialect: str) -> list[Path]:
    """The recorded streams of *dialect*."""
    return sorted((FIXTURES / dialect / "replies").glob("*.sse"))


def asked(source: str, target: str, **fields: Any) -> Any:
    """A translation of a small request, streamed."""
    return translate_request({**ASKED[source], "stream": True, **fields}, source=source, target=target)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_request_of_every_pair(source: str, target: str) -> None:
    """It asks the same of the same model, and says where it goes."""
    found = asked(source, target)
    body = msgspec.json.decode(found.body)
    assert body["model"] == "m"
    assert "Hi" in str(body)
    assert found.path in {"/messages", "/chat/completions", "/responses"}


def test_the_same_dialect_keeps_the_bytes() -> None:
    """Spaces and unknown fields included."""
    raw = b'{ "model": "m", "max_tokens": 1,  "messages": [], "of_tomorrow": 1 }'
    found = translate_request(raw, source="anthropic", target="anthropic")
    assert (found.body, found.edits) == (raw, ())


def test_what_is_lost_is_told_or_refused() -> None:
    """By place and reason; to the strict by name."""
    body = {**ASKED["chat"], "seed": 7}
    (edit,) = [edit for edit in translate_request(body, source="chat", target="anthropic").edits if edit.lossy]
    assert (edit.stage, edit.path, edit.action) == ("translate", "seed", "dropped")
    with pytest.raises(Unsupported, match="seed") as caught:
        translate_request(body, source="chat", target="anthropic", fidelity="lossless")
    assert caught.value.param == "seed"


def test_a_conversation_with_a_hole_is_mended_or_refused() -> None:
    """A repair loses nothing; who wants none says so."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {**ASKED["chat"], "messages": [*MESSAGES, {"role": "assistant", "tool_calls": [call]}, *MESSAGES]}
    made = translate_request(body, source="chat", target="anthropic", fidelity="lossless")
    assert [edit.action for edit in made.edits if edit.path == "messages"] == ["repaired"]
    with pytest.raises(Unsupported, match="has no result"):
        translate_request(body, source="chat", target="anthropic", fidelity="strict")


def test_a_prompt_for_another_model_of_the_same_dialect_is_made_to_fit() -> None:
    """What that model refuses goes, and that is told; asked for by its own name, nothing is touched."""
    body = {**ASKED["anthropic"], "model": "claude-sonnet-4-5", "temperature": 0.5}
    made = translate_request(body, source="anthropic", target="anthropic", model="claude-opus-5-5")
    assert "temperature" not in msgspec.json.decode(made.body)
    assert [edit.path for edit in made.edits if edit.lossy] == ["temperature"]
    assert not translate_request(body, source="anthropic", target="anthropic", model="claude-sonnet-4-5").edits


def test_what_makes_no_sense_is_refused() -> None:
    """A body that is none, a field of the wrong type, a dialect that there is not."""
    with pytest.raises(InvalidRequest):
        translate_request(b"[]", source="chat", target="anthropic")
    with pytest.raises(InvalidRequest, match="messages"):
        translate_request({"model": "m", "messages": 1}, source="chat", target="anthropic")
    with pytest.raises(KeyError):
        translate_request({"model": "m"}, source="chat", target="latin")
    with pytest.raises(LookupError):
        translate_request(ASKED["chat"], source="anthropic", target="chat", provider="nobody")


def test_the_model_the_provider_and_the_effort_are_the_callers() -> None:
    """As an upstream of that provider takes them."""
    made = translate_request(
        ASKED["anthropic"], source="anthropic", target="chat", provider="deepseek", model="deepseek-v4", effort="high"
    )
    body = msgspec.json.decode(made.body)
    assert (body["model"], body["reasoning_effort"], body["thinking"]) == ("deepseek-v4", "high", {"type": "enabled"})
    same = translate_request(ASKED["chat"], source="chat", target="chat", effort="low")
    assert msgspec.json.decode(same.body)["reasoning_effort"] == "low"


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_streams_of_every_pair_end_exactly_once(source: str, target: str) -> None:
    """Whatever the upstream sends, the client's dialect reads it to its end, and nothing comes after."""
    for recorded in replies(target):
        reply = asked(source, target).stream()
        data = reply.feed(recorded.read_bytes()) + reply.close()
        assert reply.over
        assert (reply.feed(b"data: more\n\n"), reply.close()) == (b"", b"")
        decoder = DIALECTS[source].stream_decoder(None)
        events = [*decoder.feed(data), *decoder.close()]
        assert [event.terminal for event in events].count(True) == 1, recorded.name
        assert isinstance(events[-1], Finished if reply.error is None else Failed), recorded.name


@given(cuts=st.lists(st.integers(0, 5000), max_size=8))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    """What the client gets is the same, however the upstream's bytes are cut."""
    for recorded in replies("anthropic")[:3]:
        data = recorded.read_bytes()
        whole = asked("chat", "anthropic").stream()
        expected = timeless(whole.feed(data) + whole.close())
        bounds = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
        pieces = asked("chat", "anthropic").stream()
        made = b"".join(pieces.feed(data[begin:end]) for begin, end in pairwise(bounds))
        assert timeless(made + pieces.close()) == expected


def timeless(stream: bytes) -> bytes:
    """*stream* without the second in which it was made."""
    return re.sub(rb'"created":\d+', b"", stream)


def test_a_stream_of_the_same_dialect_passes_as_it_is() -> None:
    """Byte for byte; usage is known all the same."""
    for recorded in replies("anthropic"):
        reply = asked("anthropic", "anthropic").stream()
        assert reply.feed(recorded.read_bytes()) + reply.close() == recorded.read_bytes()
    reply = asked("anthropic", "anthropic").stream()
    reply.feed(replies("anthropic")[0].read_bytes())
    assert reply.usage is not None
    assert reply.usage.produced > 0


def test_a_stream_that_is_cut_is_told_as_an_error() -> None:
    """In the client's dialect; a whole reply that is cut raises."""
    reply = asked("chat", "anthropic").stream()
    data = replies("anthropic")[0].read_bytes()
    reply.feed(data[: len(data) // 2])
    assert b'"error"' in reply.close()
    assert isinstance(reply.error, UpstreamTruncated)
    with pytest.raises((UpstreamTruncated, UpstreamFailed)):
        asked("chat", "anthropic").whole().close()


def test_a_whole_reply_comes_at_the_end() -> None:
    """One JSON object of the client's."""
    body = FIXTURES / "anthropic" / "bodies" / "text.json"
    reply = translate_request(ASKED["responses"], source="responses", target="anthropic").whole()
    assert reply.feed(body.read_bytes()) == b""
    made = msgspec.json.decode(reply.close())
    assert (made["object"], made["status"]) == ("response", "completed")
    assert (reply.media_type, reply.over) == ("application/json", True)
    refused = translate_request(ASKED["chat"], source="chat", target="anthropic").whole()
    refused.feed(b'{"type":"error","error":{"type":"overloaded_error","message":"full"}}')
    with pytest.raises(UpstreamRefused, match="full"):
        refused.close()


def test_calls_get_back_their_names_and_stops_are_kept() -> None:
    """What the upstream can't do is done here, as in the gateway."""
    frames = (
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
        b'{"role":"assistant","content":"yes </x> because"},"finish_reason":null}]}\n\n'
    )
    body = {**ASKED["anthropic"], "stream": True, "stop_sequences": ["</x>"]}
    reply = translate_request(body, source="anthropic", target="chat", model="gpt-5.6").stream()
    data = reply.feed(frames)
    assert reply.over
    assert b'"stop_sequence":"</x>"' in data
    assert b"because" not in data


def test_a_dialect_is_one_folder_found_by_its_name(tmp_path: Path) -> None:
    """It is translated from and to without a line elsewhere."""
    (tmp_path / "cousin").mkdir()
    (tmp_path / "cousin/__init__.py").write_text("from stages.dialects.chat import *\nNAME = 'cousin'\n")
    asks = """
import sys, stages.dialects
stages.dialects.__path__.append(sys.argv[1])
from stages.translation import translate_request
body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
there = translate_request(body, source="anthropic", target="cousin")
back = translate_request(there.body, source="cousin", target="anthropic")
print(there.path, there.body.decode(), back.path, sep="\\n")
"""
    told = subprocess.run([sys.executable, "-c", asks, str(tmp_path)], capture_output=True, text=True, check=True)
    path, body, back = told.stdout.splitlines()
    assert (path, back) == ("/chat/completions", "/messages")
    assert msgspec.json.decode(body)["messages"] == [{"role": "user", "content": "Hi"}]


def test_the_dialects_are_the_ones_that_clients_speak() -> None:
    """By the names that configuration has for them."""
    assert list(DIALECTS.values()) == [anthropic, chat, responses]
    assert list(DIALECTS) == ["anthropic", "chat", "responses"]
