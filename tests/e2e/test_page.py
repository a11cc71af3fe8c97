"""The admin's page in a real browser: chromium from Debian, driven by playwright-core; the gateway is a real one.

What was seen is told by the small programs in ``page/``; here it is judged.  Screenshots stay in ``.artefacts/page``.
"""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from hatch_build import Page
from tests.e2e.clients import CLIENTS, alone, installed
from tests.e2e.consent import client, consenting
from tests.e2e.running import ROOT, Gateway, running

DRIVERS = Path(__file__).with_name("page")
ARTEFACTS = ROOT / ".artefacts" / "page"
PASSWORD = "a long password"
INVITATION = re.compile(r"once: (\S+)")

# Each would open a dialog, or ask another host for something, if a name were ever taken for markup or for an address.
HOSTILE = "<img/src=x/onerror=alert(1)>"
WORSE = "\"'><svg/onload=alert(2)><script>alert(3)</script>"
CONFIGURED = f"""
[admin]
password = "{PASSWORD}"
"""

AWAY = """
[capture]
enabled = true
folder = "captures"
[upstreams.away]
dialect = "anthropic"
url = "http://127.0.0.1:1"
key = "k-of-away"
models = ["claude-far*"]
[model_map]
rules = [{ match = "claude-far*", upstreams = ["away", "up"] }]
[forward]
rest = { seconds = 120.0 }
"""

pytestmark = [pytest.mark.client, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def tools(chromium: str) -> dict[str, str]:
    """Where the browser, its driver and the accessibility checker are, for the programs' environment."""
    playwright = installed("playwright-core", "1.65.1", "playwright-core/package.json").parent
    axe = installed("axe-core", "4.14.1", "axe-core/axe.min.js")
    return {"CHROMIUM": chromium, "PLAYWRIGHT": str(playwright), "AXE": str(axe)}


@pytest.fixture(scope="session")
def page(tools: dict[str, str]) -> None:
    """The page, built of its sources as for a wheel."""
    page = Page(ROOT)
    with alone(CLIENTS):
        if not page.fresh():
            page.build()


@pytest.fixture(scope="module")
def gateway(page: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with an account, a key with a hostile name, and a few requests of that key."""
    with running(tmp_path_factory.mktemp("page"), more=CONFIGURED) as gateway:
        inhabit(gateway)
        yield gateway


def inhabit(gateway: Gateway) -> None:
    """Whatever has a name is called something hostile."""
    limit = {"kind": "tokens_minute", "models": "*", "limit": 5_000_000}
    secret = admin(gateway, "POST", "keys", name=HOSTILE, limits=[limit], models=["*"])["secret"]
    admin(gateway, "POST", "keys", name=WORSE)
    admin(gateway, "POST", "models", id=f"fast{HOSTILE}", target="claude-opus-4-5")
    admin(gateway, "POST", "models", id="second", target=f"none{WORSE}")
    rates = {"input": 3_000_000, "output": 15_000_000, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0}
    admin(gateway, "POST", "prices", model=f"small{HOSTILE}", **rates)
    admin(gateway, "POST", "upstreams/up/credentials", name=HOSTILE, key="a-key-of-nobody")
    for model in ("claude-opus-4-5", f"fast{HOSTILE}", f"claude{WORSE}"):
        ask(gateway, secret, model)
    gateway.records(wait_for=3)


def admin(gateway: Gateway, method: str, path: str, **body: Any) -> Any:
    """Ask the API as a script does."""
    basic = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    return told(gateway, method, f"/admin/api/{path}", body, {"authorization": f"Basic {basic}"})


def ask(gateway: Gateway, secret: str, model: str) -> None:
    """One request of a client, in a session with a hostile name."""
    user = json.dumps({"device_id": "d", "account_uuid": "", "session_id": HOSTILE})
    messages = [{"role": "user", "content": "[[say hello]]"}]
    body = {"model": model, "max_tokens": 2000, "metadata": {"user_id": user}, "messages": messages}
    told(gateway, "POST", "/v1/messages", body, {"x-api-key": secret, "anthropic-version": "2023-06-01"})


def told(gateway: Gateway, method: str, path: str, body: Any, fields: dict[str, str]) -> Any:
    """What the gateway answers, if it is well."""
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    try:
        connection.request(method, path, json.dumps(body), {"content-type": "application/json", **fields})
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    assert answer.status < 300, said
    return json.loads(said or b"null")


def drive(tools: dict[str, str], gateway: Gateway, program: str, *words: str, **more: str) -> Any:
    """What a program of ``page/`` told of *gateway*.  Nobody else may have been asked, and no script have spoken."""
    where = {"GATEWAY": gateway.url, "ARTEFACTS": str(ARTEFACTS), "USER_NAME": "admin", "PASSWORD": PASSWORD}
    done = subprocess.run(
        ["node", str(DRIVERS / program), *words],
        env={**os.environ, **tools, **where, **more},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert seen["watch"]["foreign"] == []
    assert seen["watch"]["dialogs"] == []
    return seen


def test_from_the_first_run_to_the_first_bar(page: None, tools: dict[str, str], tmp_path: Path) -> None:
    """The secret of the terminal, an account, a key seen once, a stream seen live, and then in the charts."""
    with running(tmp_path / "first") as gateway:
        invitation = INVITATION.search(gateway.output.read_text())
        assert invitation is not None
        seen = drive(tools, gateway, "journey.mjs", SECRET=invitation.group(1), KEY_NAME=HOSTILE)
    assert "not the secret" in seen["refusal"]
    key = seen["key"]
    assert key["secret"].startswith("sk-proxy-")
    assert key["copied"] == key["secret"]
    assert not key["again"]
    assert len(key["clients"]) >= 4
    assert key["secret"] in key["paste"]
    assert gateway.url in key["paste"]
    assert HOSTILE in seen["stream"]["live"]
    assert seen["stream"]["whole"]
    assert seen["bars"]["requests"] == 1
    assert seen["bars"]["tokens"] >= 1
    assert seen["bars"]["cost"] == 1
    assert "end_turn" in seen["record"]
    assert "model_map" in seen["record"]
    assert [line for line in seen["watch"]["console"] if "403" not in line] == []  # the browser's note of the refusal


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_every_room(tools: dict[str, str], gateway: Gateway, look: str) -> None:
    """No finding of axe-core that is serious or critical, no sideways scroll, nothing in the console, names as text."""
    seen = drive(tools, gateway, "rooms.mjs", look)
    assert {room["room"]: room["accessibility"] for room in seen["rooms"] if room["accessibility"]} == {}
    assert [room["room"] for room in seen["rooms"] if room["sideways"]] == []
    assert seen["watch"]["console"] == []
    assert len(seen["rooms"]) >= 19
    keys = next(room for room in seen["rooms"] if room["room"] == "keys")
    assert HOSTILE in keys["text"]
    assert WORSE in keys["text"]


def test_the_keyboard_is_enough(tools: dict[str, str], gateway: Gateway) -> None:
    """Log in, skip to the content, change rooms, open a dialog and leave it; nothing is deleted unasked.

    The program waits for the focus wherever it must go, and fails where it does not come.
    """
    seen = drive(tools, gateway, "keyboard.mjs")
    assert seen["typed"] == "by keyboard"
    assert seen["kept"] in (HOSTILE, WORSE)
    assert seen["watch"]["console"] == []


def test_troubles_are_told(tools: dict[str, str], gateway: Gateway) -> None:
    """No answer can be asked for again, a session that is over leads to the login, a refusal stands in its words."""
    seen = drive(tools, gateway, "troubles.mjs")
    assert "does not answer" in seen["unreachable"]
    assert "It works" in seen["works"]
    assert (seen["before"], seen["after"]) == (True, False)
    assert "wrong" in seen["wrong"]


def test_what_just_happened_is_seen(page: None, tools: dict[str, str], tmp_path: Path) -> None:
    """Who was tried and why, who changed what, how it is replayed; who rests; a configuration that is refused."""
    with running(tmp_path / "observed", more=CONFIGURED + AWAY) as gateway:
        secret = admin(gateway, "POST", "keys", name=HOSTILE)["secret"]
        for _ in range(6):
            ask(gateway, secret, "claude-far(high)")
        gateway.records(wait_for=6)
        with pytest.raises(AssertionError):
            ask(gateway, "sk-proxy-of-nobody", "claude-far")
        seen = drive(tools, gateway, "observing.mjs", CONFIG=str(tmp_path / "observed" / "pipeline.toml"))
    request = seen["request"]
    assert "then, because away: " in request["tries"]
    assert "thinking_suffix" in request["edits"]
    assert "model" in request["edits"]
    assert "meter" in request["stages"]
    assert re.fullmatch(r"python -m pipeline replay req_\w+ --diff", request["command"])
    assert HOSTILE in request["whole"]
    assert seen["list"] == {"all": 8, "errors": 2}  # their heads counted
    assert "Rests until" in seen["upstream"]
    assert "in a row" in seen["upstream"]
    assert "reads" in seen["stage"]
    assert "prot" in seen["configuration"]["told"]
    assert (seen["configuration"]["findings"], seen["configuration"]["wide"]) == ([], False)
    assert seen["watch"]["console"] == []


def test_models_and_prices_are_changed(page: None, tools: dict[str, str], tmp_path: Path) -> None:
    """Another order; a price with a tier and a term, changed once more; and the past costs what it says."""
    with running(tmp_path / "money", more=CONFIGURED) as gateway:
        for name in ("first", "second", "third"):
            admin(gateway, "POST", "models", id=name)
        secret = admin(gateway, "POST", "keys", name="ada")["secret"]
        ask(gateway, secret, "claude-opus-4-5")
        (before,) = gateway.records(wait_for=1)
        seen = drive(tools, gateway, "money.mjs", MODEL="claude-opus-4-5")
        price = admin(gateway, "GET", "prices")["prices"][0]
        requests = admin(gateway, "GET", "requests")["requests"]
    assert seen["order"] == {"before": ["first", "second", "third"], "after": ["second", "first", "third"]}
    assert (price["model"], price["input"], price["output"], price["cache_read"]) == (
        "claude-opus-4-5", 7_000_000, 70_000_000, 7_000_000,
    )  # fmt: skip
    assert [(tier["above"], tier["input"], tier["output"]) for tier in price["tiers"]] == [
        (200_000, 14_000_000, 110_000_000)
    ]
    assert price["factors"] == {"service_tier": {"batch": 0.5}}
    assert "claude-opus-4-5" in seen["looked"]
    assert requests[0]["cost"] == before["usage"]["input"] * 7 + before["usage"]["output"] * 70
    assert requests[0]["cost"] != before["cost"]
    assert seen["watch"]["console"] == []


def test_what_another_admin_changed_meanwhile_stays(page: None, tools: dict[str, str], tmp_path: Path) -> None:
    """To save a form is to save what was changed in it: a key that somebody took out of use does not come back."""
    with running(tmp_path / "together", more=CONFIGURED) as gateway:
        made = admin(gateway, "POST", "keys", name="ada")["key"]
        seen = drive(tools, gateway, "together.mjs", KEY=made["id"])
        key = admin(gateway, "GET", f"keys/{made['id']}")["key"]
    assert (seen["status"], seen["name"]) == (200, "renamed")
    assert (key["name"], key["enabled"], [limit["limit"] for limit in key["limits"]]) == ("renamed", False, [1])
    assert seen["watch"]["console"] == []


def test_keys_are_rotated_and_upstreams_signed_in_at(page: None, tools: dict[str, str], tmp_path: Path) -> None:
    """The new secret lets in; a guessed answer is refused, the server's own ends in a token that nobody is shown.

    Dialogs stand where they appear: a click that meets one on its way is lost.
    """
    with consenting() as authority:
        company = f"""
[upstreams.company]
dialect = "chat"
url = "http://127.0.0.1:9"
models = ["company-*"]
[upstreams.company.oauth]{client(authority)}"""
        with running(tmp_path / "secrets", more=CONFIGURED + company) as gateway:
            old = admin(gateway, "POST", "keys", name=HOSTILE)["secret"]
            seen = drive(tools, gateway, "secrets.mjs", KEY_NAME=HOSTILE, UPSTREAM="company")
            ask(gateway, seen["secret"], "claude-opus-4-5")
    assert seen["secret"].startswith("sk-proxy-")
    assert seen["secret"] != old
    assert {title: len(places) for title, places in seen["stood"].items()} == dict.fromkeys(seen["stood"], 1)
    assert "Your new secret" in seen["stood"]
    assert "state" in seen["oauth"]["refusal"] or "begun" in seen["oauth"]["refusal"]
    assert "a client of our own" in seen["oauth"]["told"]
    assert not any(token in seen["oauth"]["told"] for token in authority.valid)
    assert [form["grant_type"] for form in authority.asked] == ["authorization_code"]


def test_swagger_ui(tools: dict[str, str], gateway: Gateway) -> None:
    """Under the same policy, from the gateway's own files: every operation of the API."""
    seen = drive(tools, gateway, "swagger.mjs")
    assert seen["operations"] > 30
    assert seen["watch"]["console"] == []
