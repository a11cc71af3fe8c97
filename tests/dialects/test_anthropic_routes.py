"""Paths and fields of the API."""

import pytest

from pipeline.prompt import Prompt
from stages.dialects import anthropic


def test_the_paths_are_those_clients_use() -> None:
    """Replies, counts, lists; batches and files as they are."""
    assert {(route.method, route.pattern): route.operation for route in anthropic.ROUTES} == {
        ("POST", "/v1/messages"): "reply",
        ("POST", "/v1/messages/count_tokens"): "count_tokens",
        ("GET", "/v1/models"): "models",
        ("GET", "/v1/usage"): "usage",
        ("GET", "/v1/models/{id...}"): "model",
        ("*", "/v1/messages/batches{rest...}"): "relay",
        ("*", "/v1/files{rest...}"): "relay",
    }


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("reply", "/messages"),
        ("count_tokens", "/messages/count_tokens"),
        ("models", "/models?limit=1000"),
        ("model", "/models/a%2Fb%20c"),
        ("relay", ""),
    ],
)
def test_operations_live_below_the_base(operation: str, path: str) -> None:
    """A model's name can't leave its segment."""
    assert anthropic.upstream_path(operation, Prompt("anthropic", b'{"model":"a/b c"}')) == path


def test_a_key_goes_where_every_version_reads_it() -> None:
    """In x-api-key; the version is set for clients that know none."""
    assert anthropic.credentials("sk-1") == [(b"x-api-key", b"sk-1")]
    assert anthropic.defaults() == [(b"anthropic-version", b"2023-06-01")]
    assert anthropic.MARK == "anthropic-version"


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        (b"anthropic-beta", True),
        (b"anthropic-anything-new", True),
        (b"x-claude-code-session-id", True),
        (b"x-stainless-lang", True),
        (b"x-app", True),
        (b"x-api-key", True),
        (b"x-apparel", False),
        (b"accept", False),
        (b"traceparent", False),
    ],
)
def test_the_apis_own_fields_are_known(name: bytes, foreign: bool) -> None:
    """An open list: all that begins so."""
    assert anthropic.foreign(name) is foreign
