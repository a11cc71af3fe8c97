"""The admin's accounts, from a terminal."""

import json
from functools import partial
from pathlib import Path

import pytest

from pipeline.admin import accounts
from pipeline.admin.accounts import LASTS, Login
from pipeline.commands.books import now
from pipeline.store.database import within
from pipeline.store.settings import Settings
from pipeline.store.visiting import visited
from tests.pipeline.commands.conftest import Run


def test_an_account_is_made_with_a_password_that_is_seen_once(run: Run) -> None:
    """It is listed without; made again it is there already."""
    made = json.loads(run("admin", "user", "ada", "--json").stdout)
    assert len(made["password"]) >= 20
    listed = run("admin", "user").stdout
    assert "ada" in listed
    assert made["password"] not in listed + run("admin", "audit", "--json").stdout
    assert run("admin", "user", "ada").exit_code == 1


def test_a_password_is_made_or_asked_for(run: Run) -> None:
    """Without a name it is the only account's."""
    first = json.loads(run("admin", "user", "ada", "--json").stdout)["password"]
    second = json.loads(run("admin", "password", "--json").stdout)
    assert (second["user"], second["password"] != first) == ("ada", True)
    asked = run("admin", "password", "--ask", "--json", typed="correct horse\ncorrect horse\n")
    assert '"user": "ada"' in asked.stdout
    assert "correct horse" not in asked.stdout
    for wrong in ("short", "long" * 51):
        assert run("admin", "password", "--ask", typed=f"{wrong}\n{wrong}\n").exit_code == 2


def test_an_account_is_removed(run: Run) -> None:
    """And one that is not there is not."""
    run("admin", "user", "ada")
    assert run("admin", "user", "ada", "--remove").exit_code == 0
    run("admin", "user", "Ren\u00e9")
    assert run("admin", "user", "Rene\u0301", "--remove").exit_code == 0
    assert run("admin", "user", "ada", "--remove").exit_code == 1


def test_logins_are_listed_and_ended(run: Run, tmp_path: Path) -> None:
    """Whoever's they are; one that is not there is not ended."""
    for name in ("ada", "bob"):
        run("admin", "user", name)
    begun = now()
    with visited(Settings(file=tmp_path / "pipeline.db")) as backend:
        for name, letter in (("ada", "a"), ("bob", "b")):
            login = Login(letter * 64, name, "::1", "a browser", begun, begun, begun + LASTS)
            within(backend, partial(accounts.login, login=login))
    listed = json.loads(run("admin", "logins", "--json").stdout)["logins"]
    assert sorted((each["admin"], each["address"], each["agent"]) for each in listed) == [
        ("ada", "::1", "a browser"),
        ("bob", "::1", "a browser"),
    ]
    ended = next(each["id"] for each in listed if each["admin"] == "bob")
    left = json.loads(run("admin", "logins", "--end", ended, "--json").stdout)["logins"]
    assert [each["admin"] for each in left] == ["ada"]
    assert run("admin", "logins", "--end", ended).exit_code == 1


def test_what_is_done_here_is_in_the_audit(run: Run) -> None:
    """Under the name the system has for whoever did it."""
    run("admin", "user", "ada")
    (entry,) = json.loads(run("admin", "audit", "--json").stdout)["entries"]
    assert (entry["what"], entry["target"], entry["who"].startswith("cli")) == ("admin.user", "ada", True)


@pytest.mark.parametrize("name", ["a:b", "x\ny", "", "a b"])
def test_a_name_that_could_not_be_said_is_none(run: Run, name: str) -> None:
    """A colon ends a name in HTTP Basic (RFC 7617 §2): scripts could never log in with it."""
    for command in (("user", name), ("password", "--user", name)):
        done = run("admin", *command)
        assert (done.exit_code, "Expected" in done.stderr) == (2, True)
    assert json.loads(run("admin", "user", "--json").stdout)["users"] == []
