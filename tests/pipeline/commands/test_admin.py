"""The admin's accounts, from a terminal."""

import json

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
    assert run("admin", "password", "--ask", typed="short\nshort\n").exit_code == 2


def test_an_account_is_removed(run: Run) -> None:
    """And one that is not there is not."""
    run("admin", "user", "ada")
    assert run("admin", "user", "ada", "--remove").exit_code == 0
    assert run("admin", "user", "ada", "--remove").exit_code == 1


def test_logins_are_listed_and_ended(run: Run) -> None:
    """Whoever's they are."""
    assert json.loads(run("admin", "logins", "--json").stdout) == {"logins": []}
    assert run("admin", "logins", "--end", "nothing").exit_code == 1


def test_what_is_done_here_is_in_the_audit(run: Run) -> None:
    """Under the name the system has for whoever did it."""
    run("admin", "user", "ada")
    (entry,) = json.loads(run("admin", "audit", "--json").stdout)["entries"]
    assert (entry["what"], entry["target"], entry["who"].startswith("cli")) == ("admin.user", "ada", True)
