"""The admin of gateways that run: over sockets, and of two that share one database."""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Gateway, running
from tests.pipeline.admin.office import CONFIGURED, PASSWORD, USER, Answer
from tests.postgres import NEEDED, cluster

ASKED = json.dumps(
    {"model": "claude-simulated", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
).encode()
SHARED = f"""
[store]
url = "{{url}}"
folder = "spool"
pepper = "the same for both"
secret_key = "the same for both, and long enough"
{CONFIGURED}
"""


def send(gateway: Gateway, method: str, path: str, body: bytes = b"", **fields: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    try:
        connection.request(method, path, body or None, {name.replace("_", "-"): text for name, text in fields.items()})
        response = connection.getresponse()
        head = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, head, response.read())
    finally:
        connection.close()


def ask(gateway: Gateway, method: str, path: str, body: Any = None, **fields: str) -> Answer:
    """A request to the API, as a script makes it, unless it bears a cookie."""
    if "cookie" not in fields:
        fields["authorization"] = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    said = b"" if body is None else json.dumps(body).encode()
    return send(gateway, method, f"/admin/api{path}", said, content_type="application/json", **fields)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether *holds* comes true in time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_the_first_start_leads_to_an_account(tmp_path: Path) -> None:
    """The terminal shows an address and a secret; with it the page makes an account, and its session works."""
    with running(tmp_path) as gateway:
        assert ask(gateway, "GET", "/session", cookie="none=").json["state"] == "setup"
        shown = re.search(r"^admin +(\S+/admin/) .*: (\S+)$", gateway.output.read_text(), re.MULTILINE)
        assert shown is not None, gateway.output.read_text()
        assert shown[1] == f"{gateway.url}/admin/"
        said = {"secret": shown[2], "user": "ada", "password": "correct horse"}
        made = ask(gateway, "POST", "/setup", said, cookie="none=", origin=gateway.url)
        assert made.status == 201
        cookie = made.headers["set-cookie"].partition(";")[0]
        token = made.json["csrf"]
        assert ask(gateway, "POST", "/keys", {"name": "a"}, cookie=cookie, x_csrf_token=token).status == 201
        assert ask(gateway, "POST", "/keys", {"name": "a"}, cookie=cookie).status == 403
        assert ask(gateway, "POST", "/logout", cookie=cookie, x_csrf_token=token).status == 204
        assert ask(gateway, "GET", "/keys", cookie=cookie).status == 401
    with running(tmp_path) as gateway:  # a second start does not ask again
        assert "nobody has an account" not in gateway.output.read_text().rpartition("listens on")[2]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways on one PostgreSQL."""
    with cluster() as postgres:
        if postgres is None:
            pytest.skip(NEEDED)
        more = SHARED.format(url=postgres.database())
        at = tmp_path_factory.mktemp("two")
        with running(at / "one", more=more) as one, running(at / "other", more=more) as other:
            yield one, other


def lets_in(gateway: Gateway, secret: str) -> bool:
    return send(gateway, "POST", "/v1/messages", ASKED, x_api_key=secret, content_type="application/json").status == 200


@pytest.mark.slow
def test_what_is_done_to_a_key_holds_for_another_gateway_within_seconds(two: tuple[Gateway, Gateway]) -> None:
    """At most one here, at most five there: made, switched off, on, rotated, removed."""
    one, other = two
    ask(one, "POST", "/keys", {"name": "another"})  # without any key nobody needs one
    made = ask(one, "POST", "/keys", {"name": "ada"}).json
    path, secret = f"/keys/{made['key']['id']}", made["secret"]
    assert within(1, lambda: lets_in(one, secret))
    assert within(5, lambda: lets_in(other, secret))
    ask(one, "PATCH", path, {"enabled": False})
    assert within(1, lambda: not lets_in(one, secret))
    assert within(5, lambda: not lets_in(other, secret))
    ask(other, "PATCH", path, {"enabled": True})
    assert within(5, lambda: lets_in(one, secret))
    second = ask(one, "POST", f"{path}/rotate", {"overlap": 0}).json["secret"]
    assert within(5, lambda: lets_in(other, second) and not lets_in(other, secret))
    ask(other, "DELETE", path)
    assert within(5, lambda: not lets_in(one, second))


@pytest.mark.slow
def test_models_switches_and_logins_are_shared(two: tuple[Gateway, Gateway]) -> None:
    """A model that is switched off, a stage, a session: what one gateway knows, the other does."""
    one, other = two
    secret = ask(one, "POST", "/keys", {"name": "shared"}).json["secret"]
    assert within(5, lambda: lets_in(other, secret))
    ask(one, "POST", "/models", {"id": "claude-simulated", "enabled": False})
    assert within(5, lambda: not lets_in(other, secret))
    ask(one, "DELETE", "/models/claude-simulated")
    assert within(5, lambda: lets_in(other, secret))

    def on(gateway: Gateway) -> bool:
        stages = ask(gateway, "GET", "/pipeline").json["stages"]
        return bool(next(stage["enabled"] for stage in stages if stage["name"] == "thinking_suffix"))

    ask(one, "PATCH", "/pipeline/thinking_suffix", {"enabled": False})
    assert within(5, lambda: not on(other))
    login = ask(one, "POST", "/login", {"user": USER, "password": PASSWORD}, cookie="none=")
    cookie = login.headers["set-cookie"].partition(";")[0]
    assert ask(other, "GET", "/keys", cookie=cookie).status == 200


def test_another_hosts_name_is_no_way_in(tmp_path: Path) -> None:
    """A page whose name was rebound to our address sends its own name (DNS rebinding)."""
    with running(tmp_path, more=CONFIGURED) as gateway:
        assert send(gateway, "GET", "/admin/api/session", host="evil.test").status == 421
        assert ask(gateway, "POST", "/keys", {"name": "a"}, origin="http://evil.test").status == 403
        assert ask(gateway, "GET", "/keys", x_forwarded_for="203.0.113.9").status == 403
