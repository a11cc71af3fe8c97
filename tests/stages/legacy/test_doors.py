"""Paths of older gateways: each leads where what it was for is now."""

import pytest

from pipeline.admin.front import ROUTES
from pipeline.admin.route import found
from stages.legacy.doors import PATHS, meant
from tests.doubles import Bytes
from tests.pipeline.admin.office import Office
from transports.messages import Request


def asked(target: str) -> str:
    """Where *target* leads."""
    return meant(Request("GET", target, [], Bytes(b""))).target


@pytest.mark.parametrize(
    ("target", "there"),
    [
        ("/v1/messages/", "/v1/messages"),
        ("/v1/chat/completions//", "/v1/chat/completions"),
        ("/v1/models/?limit=1", "/v1/models?limit=1"),
        ("/health/", "/health"),
        ("/test-connection", "/admin/api/test-connection"),
        ("/admin/usage/history/timeseries?period=7d", "/v1/usage?period=7d"),
        ("/", "/"),
        ("//", "/"),
        ("/admin/", "/admin/"),
        ("/admin/swagger/", "/admin/swagger/"),
        ("/v1/messages", "/v1/messages"),
    ],
)
def test_where_a_path_leads(target: str, there: str) -> None:
    """With its query; a path of ours stays, to the letter."""
    assert asked(target) == there


def test_a_request_of_ours_is_passed_on_as_it_is() -> None:
    """The very same one."""
    request = Request("POST", "/v1/messages", [], Bytes(b""))
    assert meant(request) is request


def test_every_path_of_the_api_is_there() -> None:
    """None leads to nowhere."""
    for there in PATHS.values():
        if there.startswith("/admin/api"):
            assert found(ROUTES, there.removeprefix("/admin/api")), there


async def test_pages_and_documents_are_found(at: Office) -> None:
    """By their older names."""
    assert (await at.send("GET", "/docs")).headers["location"] == "/admin/swagger"
    assert (await at.send("GET", "/openapi.json")).json == (await at.ask("GET", "/openapi.json")).json
    assert (await at.send("GET", "/admin/api-docs/openapi.json")).status == 200
    assert (await at.send("GET", "/admin/auth/check")).status == 200
    assert (await at.send("GET", "/test-connection")).status == 401
