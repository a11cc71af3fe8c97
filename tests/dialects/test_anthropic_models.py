"""Lists of models: pages as the API has them, and what an upstream told of a model stays."""

from typing import Any

import msgspec
import pytest
from anthropic.types import ModelInfo
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dialect import Model
from pipeline.errors import InvalidRequest, UpstreamFailed
from stages.dialects import anthropic

FIVE = [Model(name) for name in "abcde"]


def page(models: list[Model], query: str = "") -> Any:
    return msgspec.json.decode(anthropic.encode_models(models, query))


def ids(answer: Any) -> str:
    return "".join(entry["id"] for entry in answer["data"])


@pytest.mark.parametrize(
    ("query", "listed", "more"),
    [
        ("", "abcde", False),
        ("limit=1000", "abcde", False),
        ("limit=2", "ab", True),
        ("limit=2&after_id=b", "cd", True),
        ("limit=2&after_id=c", "de", False),
        ("after_id=e", "", False),
        ("limit=2&before_id=e", "cd", True),
        ("limit=2&before_id=c", "ab", False),
        ("before_id=a", "", False),
        ("limit=1&after_id=a&before_id=d", "b", True),
        ("beta=true&lifecycle[]=active", "abcde", False),
    ],
)
def test_pages_are_cut_as_the_api_cuts_them(query: str, listed: str, more: bool) -> None:
    """Limit, after and before; more is what is left in the direction of the walk."""
    answer = page(FIVE, query)
    assert (ids(answer), answer["has_more"]) == (listed, more)
    assert answer["first_id"] == (listed[:1] or None)
    assert answer["last_id"] == (listed[-1:] or None)


@given(st.integers(0, 12), st.integers(1, 5), st.booleans())
def test_a_walk_over_the_pages_finds_every_model_once(count: int, limit: int, back: bool) -> None:
    """As the SDK pages: forwards by last_id, backwards by first_id."""
    models = [Model(f"m{number}") for number in range(count)]
    found: list[str] = []
    answer = page(models, f"limit={limit}") if not back else page([*models, Model("z")], f"limit={limit}&before_id=z")
    while answer["data"]:
        seen = [entry["id"] for entry in answer["data"]]
        found = seen + found if back else found + seen
        step = f"before_id={answer['first_id']}" if back else f"after_id={answer['last_id']}"
        assert answer["has_more"] == (len(found) < count)
        answer = page([*models, Model("z")] if back else models, f"limit={limit}&{step}")
    assert found == [model.id for model in models]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=٣", "after_id=nope", "before_id=nope"])
def test_a_query_without_sense_is_refused(query: str) -> None:
    """The error names the parameter."""
    with pytest.raises(InvalidRequest) as caught:
        page(FIVE, query)
    assert caught.value.param == query.partition("=")[0]


@pytest.mark.parametrize(
    "model",
    [
        Model(
            "gpt-6-sol", name="Sol", created=1_700_000_000, context=9, output=3, raw={"object": "model"}, dialect="chat"
        ),
        Model("claude-sonnet-5"),
        Model("x"),
    ],
)
def test_every_model_is_strictly_valid(model: Model) -> None:
    """With what is known and null for the rest; the name for people is never empty."""
    entry = msgspec.json.decode(anthropic.encode_model(model))
    ModelInfo.model_validate_json(anthropic.encode_model(model), strict=True)
    assert entry["display_name"] == (model.name or model.id)
    assert "object" not in entry
    assert entry == page([model])["data"][0]


def test_what_is_known_of_a_model_is_told() -> None:
    """Context and output from the upstream, else from our table."""
    assert msgspec.json.decode(anthropic.encode_model(Model("claude-sonnet-5")))["max_input_tokens"] == 1_000_000
    told = msgspec.json.decode(anthropic.encode_model(Model("claude-sonnet-5", context=5, output=4, created=86_400)))
    assert (told["max_input_tokens"], told["max_tokens"], told["created_at"]) == (5, 4, "1970-01-02T00:00:00Z")


def test_what_an_upstream_told_passes_under_the_name_it_has_here() -> None:
    """Unknown fields, too."""
    raw = {
        "type": "model", "id": "claude-opus-5", "display_name": "Claude Opus 5", "created_at": "2026-07-24T00:00:00Z",
        "lifecycle": "deprecated", "line": "opus", "max_input_tokens": 1000, "max_tokens": 10, "novel": {"a": 1},
    }  # fmt: skip
    (model,) = anthropic.decode_models(msgspec.json.encode({"data": [raw], "has_more": False}))
    assert (model.id, model.name, model.context, model.output) == ("claude-opus-5", "Claude Opus 5", 1000, 10)
    assert model.created == 1_784_851_200
    listed = page([Model("best", raw=model.raw, dialect=model.dialect)])["data"][0]
    assert listed == {**raw, "id": "best", "deprecated_at": None, "retires_at": None, "capabilities": None}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"data":{}}', b"\xff", b"[" * 5000])
def test_a_list_that_makes_no_sense_is_the_upstreams_failure(body: bytes) -> None:
    """Not JSON, or without its data."""
    with pytest.raises(UpstreamFailed):
        anthropic.decode_models(body)


def test_entries_that_are_none_are_left_out() -> None:
    """One broken entry does not cost the list."""
    strange = b'{"id":"a","created_at":"soon","display_name":5,"max_tokens":"x"}'
    body = b'{"data":[3,{"id":4},%b,{"id":"b","created_at":7}]}' % strange
    assert [(model.id, model.created, model.name) for model in anthropic.decode_models(body)] == [
        ("a", 0, None),
        ("b", 0, None),
    ]
