"""Keys, from a terminal."""

import json
import re
import time

import pytest

from tests.pipeline.commands.conftest import Run


def test_a_key_is_made_with_what_was_said(run: Run) -> None:
    """Dollars become micro-dollars; the secret is printed, and nowhere else."""
    words = [
        "--model",
        "a-*",
        "--limit",
        "usd_week:a-*=2.5",
        "--limit",
        "streams=3",
        "--expires",
        "2d",
        "--extra-usage",
    ]
    made = json.loads(run("keys", "create", "ada", *words, "--json").stdout)
    key = made["key"]
    assert key["limits"] == [
        {"kind": "usd_week", "limit": 2_500_000, "models": "a-*"},
        {"kind": "streams", "limit": 3, "models": "*"},
    ]
    assert (key["models"], key["allow_extra_usage"]) == (["a-*"], True)
    assert abs(key["expires"] / 1000 - time.time() - 2 * 86400) < 60
    for command in (("keys", "list"), ("keys", "show", "ada"), ("admin", "audit", "--json")):
        assert made["secret"] not in run(*command).stdout


def test_a_key_goes_by_id_name_or_secret(run: Run) -> None:
    """Two of one name have to be told apart by more."""
    made = json.loads(run("keys", "create", "ada", "--json").stdout)
    for name in ("ada", made["key"]["id"], made["secret"]):
        assert json.loads(run("keys", "show", name, "--json").stdout)["key"]["id"] == made["key"]["id"]
    run("keys", "create", "ada")
    done = run("keys", "show", "ada")
    assert (done.exit_code, done.stderr) == (1, "there are several keys called ada\n")


def test_a_name_is_one_however_its_letters_are_composed(run: Run) -> None:
    """A keyboard may send é as one sign or as two; a Mac's file names come as two."""
    run("keys", "create", "Ren\u00e9")
    assert run("keys", "show", "Rene\u0301").exit_code == 0


def test_what_is_not_said_stays(run: Run) -> None:
    """As with the API."""
    run("keys", "create", "ada", "--limit", "requests_minute=5", "--when-spent", "cut")
    changed = json.loads(run("keys", "change", "ada", "--disable", "--name", "bob", "--json").stdout)["key"]
    assert (changed["name"], changed["enabled"], changed["when_spent"]) == ("bob", False, "cut")
    assert [limit["kind"] for limit in changed["limits"]] == ["requests_minute"]


def test_rotating_resetting_and_removing(run: Run) -> None:
    """Another secret; windows anew; gone, after a question."""
    made = json.loads(run("keys", "create", "ada", "--limit", "usd_total=1", "--json").stdout)
    second = json.loads(run("keys", "rotate", "ada", "--overlap", "1h", "--json").stdout)["secret"]
    assert made["secret"] != second
    anew = json.loads(run("keys", "reset", "ada", "--kind", "usd_total", "--json").stdout)["key"]
    assert anew["shown"] == [made["secret"][:13], second[:13]]
    assert made["key"]["windows"][0]["began"] == 0 < anew["windows"][0]["began"]
    assert run("keys", "remove", "ada", typed="n\n").exit_code == 1
    assert "ada" in run("keys", "list").stdout
    assert run("keys", "remove", "ada", "--yes").exit_code == 0
    assert "ada" not in run("keys", "list").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nobody"), 1),
        (("remove", "nobody", "--yes"), 1),
        (("create", "a", "--limit", "usd_day=1"), 2),
        (("create", "a", "--limit", "usd_week=much"), 2),
        (("create", "a", "--limit", "streams=1", "--limit", "streams=2"), 1),
        (("create", "a", "--expires", "someday"), 2),
        (("create", "a", "--expires", "2020-01-31"), 1),
        (("create", "a", "--expires", "0d"), 1),
        (("create", ""), 2),
        (("create", "a\nb"), 2),
        (("create", "a", "--limit", "usd_week=0.0000001"), 2),
        (("create", "a", "--limit", "streams=2.5"), 2),
        (("create", "a", "--limit", "usd_week=Infinity"), 2),
        (("rotate", "a", "--overlap", "long"), 2),
        (("rotate", "a", "--overlap", "367d"), 2),
        (("rotate", "a", "--overlap", "999999999999999w"), 2),
    ],
)
def test_what_can_not_be_done_is_told_without_a_traceback(run: Run, words: tuple[str, ...], code: int) -> None:
    """1: there is no such thing; 2: the command was wrong.  A line on stderr."""
    done = run("keys", *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert re.fullmatch(r"(?s).+\n", done.stderr)
    assert "Traceback" not in done.stderr


def test_options_are_settings_of_stages(run: Run) -> None:
    """With values as TOML has them, or bare words; several of one stage make one table."""
    words = ["cache_breakpoints.ttl=1h", "cache_breakpoints.enabled=true", "forward.fidelity='strict'"]
    spelled = [word for text in words for word in ("--option", text)]
    options = json.loads(run("keys", "create", "ada", *spelled, "--json").stdout)["key"]["options"]
    assert options == {"cache_breakpoints": {"ttl": "1h", "enabled": True}, "forward": {"fidelity": "strict"}}


def test_options_that_make_no_sense_change_nothing(run: Run) -> None:
    """Each is told with its place; so is one that is no setting at all."""
    run("keys", "create", "ada", "--option", "cache_breakpoints.ttl=1h")
    done = run("keys", "change", "ada", "--option", "cache_breakpoints.ttl=2h", "--option", "meter.prices=x")
    assert done.exit_code == 1
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        "options.cache_breakpoints.ttl",
        "options.meter",
    ]
    assert run("keys", "change", "ada", "--option", "ttl").exit_code == 2
    (key,) = json.loads(run("keys", "list", "--json").stdout)["keys"]
    assert key["options"] == {"cache_breakpoints": {"ttl": "1h"}}


def test_what_is_wrong_is_told_in_words(run: Run) -> None:
    """The API's words, with the place; no pattern."""
    told = run("keys", "create", "a\nb").stderr
    assert "name: Expected one line, without invisible characters" in told
    assert "regex" not in told
