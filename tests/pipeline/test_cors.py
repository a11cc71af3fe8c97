"""Which pages in a browser may ask a model here."""

from typing import Any

import pytest

from pipeline.cors import Cors, local
from tests.doubles import Bytes, Recorder
from tests.pipeline.test_server import gateway
from transports.messages import Request

PAGE = "https://chat.example.com"
FIELDS = (
    "authorization, x-api-key, anthropic-version, anthropic-beta, x-stainless-os, openai-organization, content-type"
)


async def asked(origins: Any, method: str, path: str = "/v1/words", **fields: str) -> Recorder:
    """What a gateway with *origins* says to a page."""
    at = gateway()
    at.cors = Cors(origins)
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    recorder = Recorder()
    await at.handle(Request(method, path, headers, Bytes(b'{"model":"m"}')), recorder)
    return recorder


async def preflight(origins: Any, origin: str = PAGE, path: str = "/v1/words") -> Recorder:
    return await asked(
        origins,
        "OPTIONS",
        path,
        origin=origin,
        access_control_request_method="POST",
        access_control_request_headers=FIELDS,
    )


def status(got: Recorder) -> int:
    assert got.head is not None
    return got.head.status


async def test_it_is_off_unless_told() -> None:
    """No field lets a page in, and a preflight is no request of ours."""
    assert (await asked("off", "POST", origin=PAGE)).header(b"access-control-allow-origin") is None
    assert status(await preflight("off")) == 405


async def test_a_page_that_may_is_let_in_with_all_that_clients_send() -> None:
    """The preflight names the fields; the answer names the page, and what it may read; never with cookies."""
    before = await preflight([PAGE])
    assert status(before) == 204
    assert before.header(b"access-control-allow-headers") == FIELDS
    assert before.header(b"access-control-allow-origin") == PAGE
    answer = await asked([PAGE], "POST", origin=PAGE)
    assert answer.body == b"plain reply."
    assert (answer.header(b"access-control-allow-origin"), answer.header(b"vary")) == (PAGE, "origin")
    assert answer.header(b"access-control-allow-credentials") is None


async def test_another_page_may_not() -> None:
    """It is not told that it might, and its preflight is refused."""
    assert status(await preflight([PAGE], "https://evil.test")) == 403
    assert (await asked([PAGE], "POST", origin="https://evil.test")).header(b"access-control-allow-origin") is None


async def test_every_page_may_where_that_is_wanted() -> None:
    """With a star and not with the page's name: a browser sends no cookie then."""
    assert (await preflight("*", "https://any.test")).header(b"access-control-allow-origin") == "*"


@pytest.mark.parametrize("path", ["/admin", "/admin/api/keys"])
async def test_the_admin_lets_no_page_in(path: str) -> None:
    """Whatever is configured."""
    at = gateway()
    at.cors = Cors("*")
    seen: list[Request] = []

    async def admin(request: Request, response: Any) -> None:
        seen.append(request)

    at.admin = admin
    recorder = Recorder()
    await at.handle(Request("GET", path, [(b"origin", PAGE.encode())], Bytes(b"")), recorder)
    assert seen
    assert recorder.head is None


async def test_a_list_of_fields_that_is_none_is_not_repeated() -> None:
    """Nothing is written into a head that a page made up."""
    got = await asked(
        "*", "OPTIONS", origin=PAGE, access_control_request_method="GET", access_control_request_headers="a: b<script>"
    )
    assert (status(got), got.header(b"access-control-allow-headers")) == (204, None)


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        ("http://localhost:3000", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:8080", True),
        ("http://app.localhost", True),
        ("http://localhost.evil.test", False),
        ("http://evil-localhost", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_what_is_served_by_this_machine(origin: str, ours: bool) -> None:
    """By its whole host, not by how it begins or ends."""
    assert local(origin) is ours
