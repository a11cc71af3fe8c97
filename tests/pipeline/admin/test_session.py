"""Setting up, logging in and out."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.admin.guard import OF_ACCOUNT
from pipeline.store.database import Database
from tests.pipeline.admin.office import PASSWORD, Answer, Office, office

NEW = {"user": "ada", "password": "correct horse"}


def carried(answer: Answer) -> dict[str, str]:
    """What a browser sends from now on."""
    cookie = answer.headers["set-cookie"].partition(";")[0]
    return {"cookie": cookie, "x_csrf_token": answer.json["csrf"]}


def all_of(table: str, db: Database) -> list[Any]:
    return db.rows(f"SELECT * FROM {table}")  # noqa: S608  # a name of the test's


async def set_up(at: Office) -> dict[str, Any]:
    answer = await at.ask("POST", "/setup", {**NEW, "secret": at.front.desk.invitation}, basic=None)
    assert answer.status == 201, answer.body
    return carried(answer)


@pytest.fixture
async def new(tmp_path: Path) -> Any:
    """An office in which nobody has an account."""
    async with office(tmp_path, "") as opened:
        yield opened


async def test_the_first_account_needs_the_secret_from_the_terminal(new: Office) -> None:
    """Before: setup.  With a wrong secret: 403.  With it: in, and nobody can do it again."""
    assert (await new.ask("GET", "/session", basic=None)).json["state"] == "setup"
    wrong = await new.ask("POST", "/setup", {**NEW, "secret": "guessed"}, basic=None)
    assert (wrong.status, wrong.code) == (403, "secret")
    browser = await set_up(new)
    told = (await new.ask("GET", "/session", basic=None, **browser)).json
    assert (told["state"], told["user"], told["tls"]) == ("in", "ada", False)
    again = await new.ask("POST", "/setup", {**NEW, "secret": new.front.desk.invitation}, basic=None)
    assert (again.status, again.code) == (409, "set_up")
    assert (await new.ask("GET", "/session", basic=None)).json["state"] == "login"


async def test_guessing_the_secret_ends_too(new: Office) -> None:
    """After as many attempts as with passwords."""
    for _ in range(OF_ACCOUNT):
        await new.ask("POST", "/setup", {**NEW, "secret": "guessed"}, basic=None)
    assert (await new.ask("POST", "/setup", {**NEW, "secret": "guessed"}, basic=None)).status == 429


async def test_a_configured_password_needs_no_setup(at: Office) -> None:
    """There is nothing to be set up, and it can't be changed here."""
    assert (await at.ask("GET", "/session", basic=None)).json["state"] == "login"
    answer = await at.ask("PUT", "/password", {"old": PASSWORD, "new": "another one"})
    assert (answer.status, answer.code) == (409, "configured")


async def test_a_login_is_a_cookie_that_scripts_of_a_page_never_see(at: Office) -> None:
    """HttpOnly, SameSite=Strict, for a day; the answer holds the token for changes."""
    answer = await at.ask("POST", "/login", {"user": "admin", "password": PASSWORD}, basic=None)
    assert answer.status == 200
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86400"):
        assert attribute in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"
    browser = carried(answer)
    assert (await at.ask("POST", "/keys", {"name": "ada"}, basic=None, **browser)).status == 201


async def test_a_change_needs_the_sessions_own_token(at: Office) -> None:
    """A cookie alone may have been sent by a page that the browser was talked into."""
    one = carried(await at.ask("POST", "/login", {"user": "admin", "password": PASSWORD}, basic=None))
    other = carried(await at.ask("POST", "/login", {"user": "admin", "password": PASSWORD}, basic=None))
    assert one["cookie"] != other["cookie"]
    for token in ({}, {"x_csrf_token": other["x_csrf_token"]}):
        answer = await at.ask("POST", "/keys", {"name": "ada"}, basic=None, cookie=one["cookie"], **token)
        assert (answer.status, answer.code) == (403, "csrf")
    assert (await at.ask("GET", "/keys", basic=None, cookie=one["cookie"])).status == 200


async def test_a_new_login_ends_the_one_it_came_with(at: Office) -> None:
    """So that nobody can wait in a session that somebody else logs in to (fixation)."""
    first = carried(await at.ask("POST", "/login", {"user": "admin", "password": PASSWORD}, basic=None))
    second = carried(await at.ask("POST", "/login", {"user": "admin", "password": PASSWORD}, basic=None, **first))
    assert (await at.ask("GET", "/keys", basic=None, cookie=first["cookie"])).status == 401
    assert (await at.ask("GET", "/keys", basic=None, cookie=second["cookie"])).status == 200


async def test_logging_out_ends_it_here_and_not_only_in_the_browser(at: Office) -> None:
    """The cookie is taken away, and is good for nothing any more."""
    browser = carried(await at.ask("POST", "/login", {"user": "admin", "password": PASSWORD}, basic=None))
    out = await at.ask("POST", "/logout", basic=None, **browser)
    assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (204, True)
    assert (await at.ask("GET", "/keys", basic=None, cookie=browser["cookie"])).status == 401


async def test_a_login_can_be_ended_from_elsewhere(at: Office) -> None:
    """One sees where one is logged in, and which of them one is."""
    one = carried(
        await at.ask("POST", "/login", {"user": "admin", "password": PASSWORD}, basic=None, user_agent="here")
    )
    other = carried(
        await at.ask("POST", "/login", {"user": "admin", "password": PASSWORD}, basic=None, user_agent="there")
    )
    listed = (await at.ask("GET", "/logins", basic=None, **one)).json["logins"]
    assert {(login["agent"], login["current"]) for login in listed} == {("here", True), ("there", False)}
    ended = next(login["id"] for login in listed if not login["current"])
    assert (await at.ask("DELETE", f"/logins/{ended}", basic=None, **one)).status == 204
    assert (await at.ask("GET", "/keys", basic=None, cookie=other["cookie"])).status == 401
    assert (await at.ask("DELETE", f"/logins/{ended}", basic=None, **one)).status == 404


async def test_another_password_ends_all_other_logins(new: Office) -> None:
    """The old one is asked for, and counts no more afterwards."""
    one = await set_up(new)
    other = carried(await new.ask("POST", "/login", NEW, basic=None))
    wrong = await new.ask("PUT", "/password", {"old": "guessed", "new": "battery staple"}, basic=None, **one)
    assert (wrong.status, wrong.code) == (403, "wrong")
    done = await new.ask("PUT", "/password", {"old": NEW["password"], "new": "battery staple"}, basic=None, **one)
    assert done.status == 204
    assert (await new.ask("GET", "/keys", basic=None, cookie=one["cookie"])).status == 200
    assert (await new.ask("GET", "/keys", basic=None, cookie=other["cookie"])).status == 401
    assert (await new.ask("POST", "/login", NEW, basic=None)).status == 401


async def test_the_store_has_neither_cookie_nor_password(new: Office) -> None:
    """Digests: who reads the database is not in."""
    browser = await set_up(new)
    cookie = browser["cookie"].partition("=")[2]
    for table in ("logins", "admins", "audit"):
        rows = await new.front.desk.store.read(partial(all_of, table))
        assert rows
        assert cookie not in repr(rows)
        assert NEW["password"] not in repr(rows)
