"""Who asks, and whether they may from where they are."""

import base64
from pathlib import Path

import pytest
import trio

from pipeline.admin import accounts, gate
from pipeline.admin.gate import basic, cookie_of
from pipeline.admin.guard import OF_ACCOUNT
from pipeline.admin.passwords import Passwords
from tests.doubles import Bytes
from tests.pipeline.admin.office import CONFIGURED, PASSWORD, Office, office
from transports.messages import Request


def asked(*fields: tuple[bytes, bytes], scheme: str = "http") -> Request:
    return Request("GET", "/admin/api/session", list(fields), Bytes(b""), scheme=scheme)


async def test_scripts_show_a_basic_credential(at: Office) -> None:
    """The right one lets in, a wrong password or user does not; both are told the same."""
    assert (await at.ask("GET", "/keys")).status == 200
    wrong = [await at.ask("GET", "/keys", basic=pair) for pair in (f"admin:{PASSWORD}x", f"bob:{PASSWORD}", "admin:")]
    assert {answer.status for answer in wrong} == {401}
    assert len({answer.body for answer in wrong}) == 1
    assert wrong[0].headers["www-authenticate"].startswith("Basic ")


async def test_a_browser_is_not_asked_with_a_window_of_its_own(at: Office) -> None:
    """A page has a login of its own: the challenge is none that browsers know."""
    answer = await at.ask("GET", "/keys", basic=None, sec_fetch_mode="cors")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Session realm="admin"')


async def test_guessing_ends_after_ten_attempts(at: Office) -> None:
    """Then even the right password has to wait, with the seconds it takes."""
    answers = [await at.ask("GET", "/keys", basic="admin:wrong") for _ in range(OF_ACCOUNT)]
    assert {answer.status for answer in answers} == {401}
    late = await at.ask("GET", "/keys")
    assert (late.status, late.code) == (429, "too_many_attempts")
    assert 0 < int(late.headers["retry-after"]) <= 900


async def test_a_basic_credential_costs_argon2_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that asks a hundred times waits a quarter of a second once; another password ends that at once."""
    verified: list[str] = []
    fits = Passwords.fits

    async def counted(self: Passwords, stored: str | None, password: str) -> bool:
        verified.append(password)
        return await fits(self, stored, password)

    monkeypatch.setattr(Passwords, "fits", counted)
    async with office(tmp_path, "") as at:
        hashed = await at.front.desk.gate.passwords.hashed("one password")
        await at.front.desk.store.write(lambda db: accounts.put(db, "ada", hashed, 1))
        for _ in range(3):
            assert (await at.ask("GET", "/keys", basic="ada:one password")).status == 200
        assert verified == ["one password"]
        again = await at.front.desk.gate.passwords.hashed("another one")
        await at.front.desk.store.write(lambda db: accounts.put(db, "ada", again, 2))
        assert (await at.ask("GET", "/keys", basic="ada:one password")).status == 401


@pytest.mark.parametrize(("password", "status"), [("one password", 200), ("no password", 401)])
async def test_requests_at_once_that_show_one_credential_are_looked_at_as_one(
    tmp_path: Path, password: str, status: int
) -> None:
    """A script that asks for much at a time is no guesser; whoever guesses at once still has ten attempts."""
    async with office(tmp_path, "") as at:
        gate = at.front.desk.gate
        hashed = await gate.passwords.hashed("one password")
        await at.front.desk.store.write(lambda db: accounts.put(db, "ada", hashed, 1))
        found: list[int] = []

        async def asked() -> None:
            found.append((await at.ask("GET", "/logins", basic=f"ada:{password}")).status)

        async with trio.open_nursery() as nursery:
            for _ in range(OF_ACCOUNT + 2):
                nursery.start_soon(asked)
        assert sorted(found) == [status] * (OF_ACCOUNT + 2 if status == 200 else OF_ACCOUNT) + (
            [] if status == 200 else [429, 429]
        )


async def test_a_name_is_the_same_however_it_is_composed(tmp_path: Path) -> None:
    """As for the page's login: an accent may come as a sign of its own."""
    async with office(tmp_path, "") as at:
        hashed = await at.front.desk.gate.passwords.hashed("one password")
        await at.front.desk.store.write(lambda db: accounts.put(db, "zo\u00eb", hashed, 1))
        assert (await at.ask("GET", "/keys", basic="zoe\u0308:one password")).status == 200


@pytest.mark.parametrize("fields", [{"origin": "https://evil.test"}, {"sec_fetch_site": "cross-site"}])
async def test_a_page_of_another_site_changes_nothing(at: Office, fields: dict[str, str]) -> None:
    """Whatever credential the browser adds by itself; reading is not refused, it can't be read there anyway."""
    answer = await at.ask("POST", "/keys", {"name": "ada"}, **fields)
    assert (answer.status, answer.code) == (403, "cross_site")
    assert (await at.ask("GET", "/keys")).json == {"keys": []}


async def test_our_own_page_may(at: Office) -> None:
    """Its origin is where the request went."""
    fields = {"origin": "http://127.0.0.1:4096", "sec_fetch_site": "same-origin"}
    assert (await at.ask("POST", "/keys", {"name": "ada"}, **fields)).status == 201


@pytest.mark.parametrize("path", ["/admin/", "/admin/api/session", "/admin/api/openapi.json", "/admin/swagger"])
async def test_from_elsewhere_nothing_is_shown(at: Office, path: str) -> None:
    """Not from another address of this machine, and not what a proxy passes on."""
    assert (await at.send("GET", path, local="192.0.2.7")).status == 403
    answers = [
        await at.send("GET", path, x_forwarded_for="203.0.113.9"),
        await at.send("GET", path, x_forwarded_host="gateway.test"),
        await at.send("GET", path, x_forwarded_proto="https"),
        await at.send("GET", path, x_real_ip="203.0.113.9"),
        await at.send("GET", path, forwarded="for=203.0.113.9"),
        await at.send("GET", path, via="1.1 proxy"),
    ]
    assert {answer.status for answer in answers} == {403}


async def test_a_container_opens_it(tmp_path: Path) -> None:
    """With the documented setting."""
    async with office(tmp_path, CONFIGURED + "remote = true\n") as at:
        assert (await at.send("GET", "/admin/api/session", local="172.17.0.2")).status == 200


async def test_callers_keys_open_nothing_here(at: Office) -> None:
    """And an account opens nothing there."""
    secret = (await at.ask("POST", "/keys", {"name": "ada"})).json["secret"]
    shown = await at.ask("GET", "/keys", basic=None, authorization=f"Bearer {secret}", x_api_key=secret)
    assert shown.status == 401
    credential = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    assert (await at.send("GET", "/v1/models", authorization=f"Basic {credential}")).status == 401


def test_the_cookie_over_tls_has_the_prefix_nobody_else_can_set() -> None:
    """And the plain name counts for nothing there."""
    cookie = (b"cookie", b"a=b; admin_session=plain; __Host-admin_session=tls")
    assert cookie_of(asked(cookie)) == "plain"
    assert cookie_of(asked(cookie, scheme="https")) == "tls"
    assert cookie_of(asked((b"cookie", b"xadmin_session=no"))) == ""
    name, value = gate.set_cookie(asked(scheme="https"), "v")
    assert name == b"set-cookie"
    assert value == b"__Host-admin_session=v; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict; Secure"


@pytest.mark.parametrize(
    "text", [b"Basic", b"Basic !", b"Basic YWRh", b"Bearer YTpi", b"Basic " + base64.b64encode(b"a\0:b")]
)
def test_what_is_no_basic_credential(text: bytes) -> None:
    """No colon, no base64, another scheme, a NUL that a database would choke on."""
    assert basic(asked((b"authorization", text))) is None
    assert basic(asked((b"authorization", b"basic " + base64.b64encode(b"a:b:c")))) == ("a", "b:c")
