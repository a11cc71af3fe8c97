"""Address: URLs as people write them."""

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.address import locate
from pipeline.dialect import Route

TALK: Any = SimpleNamespace(
    ROUTES=(
        Route("POST", "/v1/talk", "reply"),
        Route("POST", "/v1/talk/count", "count_tokens"),
        Route("GET", "/v1/models", "models"),
        Route("GET", "/v1/models/{id}", "model"),
    )
)


OTHER: Any = SimpleNamespace(NAME="other", ROUTES=(Route("POST", "/v1/sing/songs", "reply"), *TALK.ROUTES[2:]))
TALK.NAME = "talk"


@pytest.mark.parametrize(
    ("url", "origin", "base"),
    [
        ("https://host", "https://host", "/v1"),
        ("https://host/", "https://host", "/v1"),
        ("https://host/v1", "https://host", "/v1"),
        ("https://host/v1/", "https://host", "/v1"),
        ("https://host/v1/talk", "https://host", "/v1"),
        ("https://host/v1/talk/count", "https://host", "/v1"),
        ("https://host/v1/models/", "https://host", "/v1"),
        ("https://host/talk", "https://host", ""),
        ("https://host/api", "https://host", "/api/v1"),
        ("https://host/api/v1", "https://host", "/api/v1"),
        ("https://host/v1beta/compat", "https://host", "/v1beta/compat"),
        ("https://host/api/paas/v4", "https://host", "/api/paas/v4"),
        ("http://[::1]:8080/v2", "http://[::1]:8080", "/v2"),
        ("http://HOST:80", "http://host", "/v1"),
    ],
)
def test_where_requests_go(url: str, origin: str, base: str) -> None:
    """With or without a version, or a full endpoint: operations are found below the base."""
    found, path = locate(url, TALK)
    assert (str(found), path) == (origin, base)


@pytest.mark.parametrize(
    "url",
    [
        "host",
        "ftp://host",
        "https://user:hunter2@host",
        "https://host/v1?key=secret",
        "https://host/v1#x",
        "https://host/a//b",
        "https://host/a/../b",
        "https://host/a%2fb",
        "https:///v1",
        "https://host:99999",
        "https://h öst",
    ],
)
def test_what_is_no_base_url(url: str) -> None:
    """Refused, without showing it: there may be a secret in it."""
    with pytest.raises(ValueError) as caught:
        locate(url, TALK)
    assert "secret" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://host/v1/count", "/count is a part of the endpoint /talk/count"),
        ("https://host/v1/sing/songs", "/sing/songs is an endpoint of the dialect other, and this upstream's is talk"),
    ],
)
def test_half_an_endpoint_or_another_dialects_is_named(url: str, says: str) -> None:
    """What was meant can't be told; what both have is the dialect's own."""
    with pytest.raises(ValueError, match=says):
        locate(url, TALK, [TALK, OTHER])
    assert locate("https://host/v1/models", TALK, [OTHER])[1] == "/v1"
