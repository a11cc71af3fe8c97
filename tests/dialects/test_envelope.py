"""Envelopes: reasoning on its way through clients of another protocol."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dialects.envelope import Envelope, Kind, family, unwrap, wrap

WORDS = st.text(st.characters(codec="utf-8"), max_size=40)
KINDS: st.SearchStrategy[Kind] = st.sampled_from(["signature", "redacted", "block"])


@given(WORDS, WORDS, WORDS, KINDS, WORDS)
def test_what_is_wrapped_comes_out(dialect: str, origin: str, payload: str, kind: Kind, ref: str) -> None:
    """Whatever is put in comes out; the same gives the same; it is text that every client keeps as it is."""
    text = wrap(dialect, origin, payload, kind=kind, ref=ref)
    assert unwrap(text) == Envelope(dialect, origin, payload, kind, ref)
    assert text == wrap(dialect, origin, payload, kind=kind, ref=ref)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)


@given(st.binary(min_size=30, max_size=300))
def test_base64_is_not_coded_twice(raw: bytes) -> None:
    """A payload in base64 hardly grows."""
    from base64 import b64encode

    payload = b64encode(raw).decode()
    assert len(wrap("anthropic", "claude", payload)) < len(payload) + 80
    envelope = unwrap(wrap("anthropic", "claude", payload))
    assert envelope is not None
    assert envelope.payload == payload


@given(WORDS)
def test_what_is_no_envelope_is_none(text: str) -> None:
    """No text of others is taken for one of ours."""
    assert unwrap(text) is None
    assert unwrap("Z3cx" + text) is None


@pytest.mark.parametrize("native", ["", "EqQBCgIYAhIkMQ==", "gAAAAABpZW5j", "Z3cx", "Z3cxAAAA"])
def test_native_signatures_are_none(native: str) -> None:
    """Claude's signatures and OpenAI's encrypted reasoning are not envelopes."""
    assert unwrap(native) is None


@given(st.data())
def test_a_broken_envelope_is_none(data: st.DataObject) -> None:
    """Cut short or with another character, it is not opened."""
    text = wrap("anthropic", "claude", "EqQBCgIYAhIkMQ==")
    assert unwrap(text[: data.draw(st.integers(0, len(text) - 2))]) is None
    place = data.draw(st.integers(0, len(text) - 2))  # the last character has bits that stand for nothing
    other = "A" if text[place] != "A" else "B"
    assert unwrap(text[:place] + other + text[place + 1 :]) is None


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-5.5-2026-04-23", "gpt"),
        ("o4-mini", "gpt"),
        ("openai/gpt-oss-120b", "gpt"),
        ("codex-mini-latest", "gpt"),
        ("chatgpt-4o-latest", "gpt"),
        ("claude-opus-5-5", "claude"),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "claude"),
        ("grok-5", "grok"),
        ("models/gemini-3-pro", "gemini"),
        ("", ""),
        ("42", ""),
    ],
)
def test_families(model: str, expected: str) -> None:
    """Names of one maker's models have one family."""
    assert family(model) == expected


def test_who_may_open_it() -> None:
    """The same dialect and the same family; where a name tells nothing, the dialect alone decides."""
    envelope = Envelope("responses", "gpt", "x")
    assert envelope.fits("responses", "gpt-6-sol")
    assert envelope.fits("responses", "42")
    assert Envelope("responses", "", "x").fits("responses", "grok-5")
    assert not envelope.fits("responses", "grok-5")
    assert not envelope.fits("anthropic", "gpt-6-sol")
