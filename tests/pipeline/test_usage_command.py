"""The command ``usage``: what the books say, for people, spreadsheets and scripts, beside a gateway that may run."""

import csv
import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.admin import audit
from pipeline.cli import main
from pipeline.store import keys, prices, requests
from pipeline.store.database import looking, within
from pipeline.store.keys import Key
from pipeline.store.opening import open_parts
from pipeline.store.prices import PriceRow
from pipeline.store.record import Flag
from pipeline.store.schema import HEAD
from pipeline.store.settings import Settings
from pipeline.store.sqlite import Sqlite
from pipeline.store.transact import enter
from stages.prices import rerating
from tests.pipeline.configs import built
from tests.pipeline.store.records import AT, settled

DAY = 24 * 3_600_000
KEYED = '[auth]\nkeys = [{ name = "ada", key = "a-key-of-hers" }]\n'
SPAN = ("--from", "2027-01-10", "--to", "2027-01-15")


@pytest.fixture
def here(here: Path) -> Path:
    """A configured gateway that does not run, with nothing in its books."""
    (here / "pipeline.toml").write_text(
        '[store]\nfile = "books.db"\n[upstreams.up]\npreset = "simulated"\n[meter]\nprices = "prices.toml"\n'
    )
    (here / "prices.toml").write_text("")
    return here


@pytest.fixture
def books(here: Path) -> Path:
    """The same with requests of two days, one of them by a key with a name."""
    parts = open_parts(Settings(file=here / "books.db"), AT)
    key, _ = within(parts.backend, lambda db: keys.create(db, b"pepper", Key(id="", name="laptop"), AT))
    records = [
        settled("r1", cost=1_500_000, input=1000, cache_read=5000, model="large"),
        settled("r2", cost=500_000, key=key.id, model="small", session="s1"),
        settled("r3", at=AT - DAY, cost=0, flags=int(Flag.UNPRICED), model="unheard"),
        settled("r4", at=AT - 40 * DAY, cost=7),
    ]
    within(parts.backend, lambda db: enter(db, {record.id: record for record in records}, AT))
    parts.spool.close()
    parts.backend.close()
    return here / "books.db"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ("usage", *arguments))


def told(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("books")
def test_days_are_told_with_their_models_and_a_total() -> None:
    """And what the total does not contain."""
    lines = told(*SPAN).splitlines()
    assert lines[0].split() == ["day", "models", "requests", "input", "cache", "read", "cache", "write", "output",
                                "total", "cost"]  # fmt: skip
    assert lines[1].split() == ["2027-01-14", "unheard", "1", "10", "0", "0", "5", "15", "$0.0000"]
    assert lines[2].split() == ["2027-01-15", "large,", "small", "2", "1,010", "5,000", "0", "10", "6,020", "$2.0000"]
    assert lines[3].split() == ["total", "3", "1,020", "5,000", "0", "15", "6,035", "$2.0000"]
    assert lines[4] == "1 request has no known price: its cost is not in it"


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--by", "model"), ["large", "small", "unheard"]),
        (("--by", "key"), ["k1", "laptop"]),
        (("--by", "model", "--key", "laptop"), ["small"]),
        (("--by", "day", "--model", "large"), ["2027-01-15"]),
        (("--by", "upstream", "--key", "k1", "--model", "small"), []),
    ],
)
def test_it_is_told_by_what_is_asked_for(arguments: tuple[str, ...], names: list[str]) -> None:
    """As JSON and as CSV alike; a key may be called by its name."""
    rows = json.loads(told(*SPAN, *arguments, "--json"))["rows"]
    assert [row[arguments[1]] for row in rows] == names
    lines = list(csv.DictReader(io.StringIO(told(*SPAN, *arguments, "--csv"))))
    assert [line[arguments[1]] for line in lines] == names
    assert [float(line["cost_usd"]) for line in lines] == [row["cost"] / 1e6 for row in rows]


def test_rows_add_up_to_the_total(books: Path) -> None:
    """What no session asked has a row of its own; of a session that is older, only these days count."""
    parts = open_parts(Settings(file=books), AT)
    more = [
        settled("r5", at=AT - 20 * DAY, session="s1", model="small", cost=11),
        settled("r6", session="s1", agent="a1", cost=13),
        settled("r7", session="s1", model="small", cost=17),
        settled("r8", at=AT + 20 * DAY, session="s1", model="small", cost=19),
    ]
    within(parts.backend, lambda db: enter(db, {record.id: record for record in more}, AT))
    parts.spool.close()
    parts.backend.close()
    for by, names in (
        ("session", ["s1", None]),
        ("agent", ["", "a1", None]),
    ):
        told_as_json = json.loads(told(*SPAN, "--by", by, "--json"))
        rows, whole = told_as_json["rows"], told_as_json["totals"]
        assert [row[by] for row in rows] == names
        for measure in ("requests", "input", "cost", "unpriced", "errors"):
            assert sum(row[measure] for row in rows) == whole[measure]
    assert [line.split("  ")[0] for line in told(*SPAN, "--by", "agent").splitlines()[1:-1]] == [
        "main agent",
        "a1",
        "no session",
        "total",
    ]
    assert "no session," in told(*SPAN, "--by", "session", "--csv")


def test_keys_of_the_configuration_go_by_their_names(here: Path, books: Path) -> None:
    """The books have them by a digest, which nobody knows them by."""
    auth: Any = dict(built(KEYED).line.stages)["auth"]
    (name,) = auth.named
    parts = open_parts(Settings(file=books), AT)
    within(parts.backend, lambda db: enter(db, {"r5": settled("r5", key=name)}, AT))
    parts.spool.close()
    parts.backend.close()
    with (here / "pipeline.toml").open("a") as file:
        file.write(KEYED)
    rows = json.loads(told(*SPAN, "--by", "key", "--json"))["rows"]
    assert [row["key"] for row in rows] == ["k1", "laptop", "ada"]
    assert json.loads(told(*SPAN, "--key", "ada", "--json"))["totals"]["requests"] == 1
    assert "r5" in told("export", *SPAN, "--key", "ada")


@pytest.mark.usefixtures("books")
def test_nothing_is_told_as_nothing() -> None:
    """Of days on which nothing was asked; of a key that was not used then, or not at all."""
    assert told("--from", "2026-01-01", "--to", "2026-01-02") == "nothing was used\n"
    assert told("--from", "2026-01-01", "--to", "2026-01-02", "--key", "laptop") == "nothing was used\n"
    assert told("--from", "2026-01-01", "--to", "2026-01-02", "--key", "k1") == "nothing was used\n"


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("command", [(), ("export",)])
def test_a_key_that_nobody_knows_did_not_use_nothing(command: tuple[str, ...]) -> None:
    """It is a slip of the pen: told as ``keys`` tells it, and a script sees it by the exit code."""
    done = run(*command, *SPAN, "--key", "labtop")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "there is no key called labtop\n")


@pytest.mark.usefixtures("books")
def test_a_model_that_was_never_asked_is_told_apart() -> None:
    """Beside the answer, which is right: one that is going to be asked used nothing, either."""
    done = run(*SPAN, "--model", "smal")
    assert (done.exit_code, done.stdout) == (0, "nothing was used\n")
    assert done.stderr == "no request in the books was for a model called smal\n"
    assert run(*SPAN, "--model", "small").stderr == ""


def test_keys_of_one_name_are_told_apart(books: Path) -> None:
    """By their ids: in the table, and where one of them is asked for."""
    parts = open_parts(Settings(file=books), AT)
    second, _ = within(parts.backend, lambda db: keys.create(db, b"pepper", Key(id="", name="laptop"), AT))
    within(parts.backend, lambda db: enter(db, {"r5": settled("r5", key=second.id, cost=9)}, AT))
    parts.spool.close()
    parts.backend.close()
    done = run(*SPAN, "--key", "laptop")
    assert done.exit_code == 1
    assert done.stderr.startswith("there are several keys called laptop: say one of key_")
    assert second.id in done.stderr
    assert json.loads(told(*SPAN, "--key", second.id, "--json"))["totals"]["cost"] == 9
    rows = json.loads(told(*SPAN, "--by", "key", "--json"))["rows"]
    assert [row["key"].partition(" ")[0] for row in rows] == ["k1", "laptop", "laptop"]
    assert rows[2]["key"] == f"laptop ({second.id})"


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(("form", "count"), [("csv", 4), ("jsonl", 3)])
def test_requests_are_exported(here: Path, form: str, count: int) -> None:
    """A line each, to the terminal or into a file."""
    text = told("export", *SPAN, "--format", form)
    assert len(text.splitlines()) == count
    assert told("export", *SPAN, "--format", form, "-o", "out") == ""
    assert (here / "out").read_text() == text


def test_costs_are_put_right_when_that_is_wanted(here: Path, books: Path) -> None:
    """First it only looks; prices are those of the store and of the operator's own file."""
    (here / "prices.toml").write_text('[[price]]\nmodels = ["unheard"]\ninput = 100.0\noutput = 0.0\n')
    parts = open_parts(Settings(file=books), AT)
    document = '{"models": ["small"], "input": 0.0, "output": 200000.0}'
    within(parts.backend, lambda db: prices.add(db, PriceRow("", 0, document, "contract"), AT))
    parts.spool.close()
    parts.backend.close()
    looked = told("rerate", *SPAN)
    assert looked == told("rerate", *SPAN)
    assert [line.split()[0] for line in looked.splitlines()] == ["model", "large", "small", "unheard", "total"]
    assert told("rerate", *SPAN, "--apply") == looked
    assert cost_of(books, "r2") == 1_000_000
    assert cost_of(books, "r3") == 1_000
    assert told("rerate", *SPAN).splitlines()[-1].split()[-1] == "$0.0000"


def test_an_age_is_rerated_in_no_time(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days before the first request and after the last one are not looked at, each in a transaction of its own."""
    parts: list[int] = []
    apart = rerating.days
    monkeypatch.setattr(rerating, "days", lambda span: (parts.append(1) or part for part in apart(span)))
    whole = told("rerate", "--from", "0001-01-01", "--to", "9999-12-31")
    assert whole == told("rerate", "--from", "2026-12-01", "--to", "2027-01-15")
    assert len(parts) == 2 * 41
    assert told("rerate", "--from", "2031-01-01", "--to", "2031-12-31").splitlines()[-1].split()[1] == "0"


def cost_of(books: Path, name: str) -> int:
    with closing(Sqlite(books)) as backend:
        record = looking(backend, lambda db: requests.one(db, name))
    assert record is not None
    return record.cost


@pytest.mark.usefixtures("books")
def test_old_requests_are_removed_and_their_sums_stay() -> None:
    """From the day on that is told, everything is there."""
    before = told("--from", "2026-12-01", "--to", "2027-01-15")
    assert told("remove", "--before", "2027-01-15") == "2 requests removed\n"
    assert told("remove", "--before", "2027-01-15") == "0 requests removed\n"
    assert told("--from", "2026-12-01", "--to", "2027-01-15") == before
    assert len(told("export", "--from", "2026-12-01", "--to", "2027-01-15").splitlines()) == 3


def test_what_is_put_right_or_removed_is_in_the_audit(books: Path) -> None:
    """Under the name the system has for whoever did it; to look is no change."""
    told("rerate", *SPAN)
    told("rerate", *SPAN, "--model", "small", "--apply")
    told("remove", "--before", "2027-01-15")
    with closing(Sqlite(books)) as backend:
        entries, _ = looking(backend, lambda db: audit.page(db, "", 10))
    assert [(entry.what, entry.target, entry.detail.get("removed")) for entry in reversed(entries)] == [
        ("price.rerate", "small", None),
        ("usage.remove", "", 2),
    ]
    assert all(entry.who.startswith("cli") for entry in entries)


def test_names_that_callers_invent_are_no_formulas(books: Path) -> None:
    """A spreadsheet that opens the table would run them."""
    parts = open_parts(Settings(file=books), AT)
    evil = settled("r5", cost=1, session="=1+1", model="@SUM(A1)")
    within(parts.backend, lambda db: enter(db, {evil.id: evil}, AT))
    parts.spool.close()
    parts.backend.close()
    for arguments, name in (("session", "'=1+1"), ("model", "'@SUM(A1)")):
        lines = csv.DictReader(io.StringIO(told(*SPAN, "--by", arguments, "--csv")))
        assert name in [line[arguments] for line in lines]


# -- what can't be ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_where_there_are_no_books_that_is_said() -> None:
    """None are made by asking."""
    done = run(*SPAN)
    assert (done.exit_code, done.stderr) == (2, "store: there are no books yet: books.db is not there\n")


def test_books_of_another_revision_are_left_alone(here: Path) -> None:
    """Migrating is the gateway's."""
    with closing(Sqlite(here / "books.db")):
        pass
    done = run(*SPAN)
    expected = f"store: the store is at revision none, not {HEAD}: start the gateway once\n"
    assert (done.exit_code, done.stderr) == (2, expected)


@pytest.mark.usefixtures("books")
def test_books_that_are_locked_are_no_crash() -> None:
    """Somebody else writes for longer than a command waits."""
    with closing(Sqlite(Path("books.db"))) as other, other.transaction():
        done = run("remove", "--before", "2027-01-15")
    assert (done.exit_code, done.stderr) == (2, "store: database is locked\n")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "yesterday"),
        ("--by", "colour"),
        ("--from", "2027-01-15", "--to", "2027-01-10"),
        ("rerate",),
        ("rerate", "--from", "2027-01-15", "--to", "2027-01-10"),
        ("remove",),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...]) -> None:
    """In click's words."""
    assert run(*arguments).exit_code == 2
