"""The way of a request through the API, whatever the call."""

from typing import Any

import pytest

from pipeline.admin.api import MOST, whole
from pipeline.admin.front import ROUTES
from pipeline.admin.route import Route
from pipeline.store.database import Outage
from tests.pipeline.admin.office import Office

CLOSED = [route for route in ROUTES if not route.open]


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.name)
async def test_nobody_gets_in_without_an_account(at: Office, route: Route) -> None:
    """Every operation but those that lead to a login: 401, and nothing done; a wrong cookie is none."""
    path = route.pattern.replace("{", "").replace("}", "")
    for fields in ({}, {"cookie": "admin_session=guessed"}, {"authorization": "Bearer sk-proxy-x"}):
        answer = await at.ask(route.method, path, basic=None, **fields)
        assert (answer.status, answer.code) == (401, "no_session")


async def test_what_is_not_there(at: Office) -> None:
    """404 for a path, 405 for a method, with those that there are."""
    assert (await at.ask("GET", "/nothing")).status == 404
    assert (await at.ask("GET", "/keys/%00")).status == 404
    assert (await at.ask("GET", "/keys/%ff")).status == 404
    other = await at.ask("DELETE", "/keys")
    assert (other.status, other.headers["allow"]) == (405, "GET, POST")
    assert (await at.ask("PATCH", "/models/order", {})).headers["allow"] == "PUT"


@pytest.mark.parametrize(
    ("body", "fields", "status"),
    [
        (b'{"name":"a"}', {"content_type": "text/plain"}, 415),
        (b'{"name":"a"}', {"content_encoding": "gzip"}, 415),
        (b'{"name":"' + b"a" * MOST + b'"}', {}, 413),
        (b'{"name":', {}, 422),
        (b'{"name":"\xff"}', {}, 422),
        (b'{"name":"\\ud800"}', {}, 422),
        (b"[" * 200_000, {}, 422),
        (b'{"name":NaN}', {}, 422),
        (b"", {}, 422),
    ],
)
async def test_a_body_that_can_not_be_taken(at: Office, body: bytes, fields: Any, status: int) -> None:
    """Told in JSON, with a status that says what kind of mistake it is."""
    credential = "Basic YWRtaW46YSBwYXNzd29yZCBmb3IgdGVzdHM="
    answer = await at.send(
        "POST", "/admin/api/keys", body, authorization=credential, **{"content_type": "application/json", **fields}
    )
    assert answer.status == status, answer.body
    assert answer.json["error"]["message"]


async def test_every_answer_is_guarded(at: Office) -> None:
    """Not kept by anyone, not taken for anything else, not framed."""
    for answer in (
        await at.ask("GET", "/keys"),
        await at.ask("GET", "/nothing"),
        await at.ask("GET", "/keys", basic=None),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["content-type"] == "application/json"


async def test_a_store_that_does_not_answer_is_503(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """With when to try again, and without a word of why."""

    def gone(*_: Any) -> Any:
        raise Outage("the disk of the machine at 192.0.2.1 is full")

    monkeypatch.setattr("pipeline.store.store.looking", gone)
    answer = await at.ask("GET", "/keys")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "5")
    assert b"192.0.2.1" not in answer.body


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """As JSON Schema has it; what is no whole number stays what it is."""
    assert whole({"a": [1.0, {"b": 2.5}], "c": "1.0"}) == {"a": [1, {"b": 2.5}], "c": "1.0"}
    assert isinstance(whole([1.0])[0], int)
