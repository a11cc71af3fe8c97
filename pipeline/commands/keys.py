"""Keys, from a terminal.

    python -m pipeline keys create ada --model 'small-*' --limit usd_week=25 --option cache_breakpoints.ttl=1h
    python -m pipeline keys list | show | change | rotate | reset | remove

A key is named by its id, its name, or the beginning of its secret.  The secret is printed once.
"""

import re
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.admin import keys as api
from pipeline.admin.options import check
from pipeline.admin.refusal import Refused
from pipeline.admin.text import normal
from pipeline.commands.books import CONFIG, JSON, Books, fail, meant, moment, now, show
from pipeline.flags import Flags, told
from pipeline.loading import build
from pipeline.store import keys as stored
from pipeline.store.database import Database
from pipeline.store.record import KINDS

MILLION = 1_000_000
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

_SPAN = re.compile(r"(\d+)([smhdw])")


@click.group()
def keys() -> None:
    """Keys: who may ask, and how much."""


def settings(command: Callable[..., None]) -> Callable[..., None]:
    """What a key can be given."""
    for option in reversed(
        (
            click.option("--model", "models", multiple=True, metavar="GLOB", help="A model it may use; repeat it."),
            click.option(
                "--limit",
                "limits",
                multiple=True,
                metavar="KIND[:MODELS]=MOST",
                help=f"{', '.join(KINDS)}; usd in dollars, MODELS a glob.",
            ),
            click.option(
                "--option",
                "options",
                multiple=True,
                metavar="STAGE.SETTING=VALUE",
                help="A setting of a stage for this key alone; VALUE as in TOML, quotes may be left out.",
            ),
            click.option("--expires", metavar="WHEN", help="30d, 12h, 2027-01-31 or never."),
            click.option("--extra-usage/--no-extra-usage", default=None, help="Go on when a subscription is used up."),
            click.option("--when-spent", type=click.Choice(["finish", "cut"]), help="What becomes of running replies."),
            click.option("--enable/--disable", "enabled", default=None, help="Whether it lets anyone in."),
        )
    ):
        command = option(command)
    return command


@keys.command("list")
@CONFIG
@JSON
@click.pass_obj
def listed(before: Flags, /, config: Path | None, in_json: bool) -> None:
    """All keys."""
    found = Books(before, config).look(lambda db: api.viewed(db, stored.listed(db, now()), now()))
    show(api.Keys(found), table(found), in_json=in_json)


@keys.command("show")
@click.argument("key")
@CONFIG
@JSON
@click.pass_obj
def show_command(before: Flags, /, key: str, config: Path | None, in_json: bool) -> None:
    """One key, and how its limits stand."""
    found = Books(before, config).look(lambda db: api.one(db, named(db, key).id, now()))
    show(api.OneKey(found), [*table([found]), *standings(found)], in_json=in_json)


@keys.command()
@click.argument("name")
@settings
@CONFIG
@JSON
@click.pass_obj
def create(before: Flags, /, name: str, config: Path | None, in_json: bool, **said: Any) -> None:
    """Make a key; its secret is printed, this once."""
    body, books = meant({"name": name, **given(said)}, api.NewKey), Books(before, config)
    fits(books, body.options, body.limits)

    def made(db: Database, pepper: bytes) -> tuple[api.Key, str]:
        key, secret = stored.create(db, pepper, api.fresh(body, now()), now())
        return api.one(db, key.id, now()), secret

    key, secret = books.change("key.create", lambda done: done[0].id, made, msgspec.to_builtins(body))
    show({"key": key, "secret": secret}, [*table([key]), ("",) * 6], in_json=in_json)
    if not in_json:
        click.echo(f"secret, shown this once: {secret}")


@keys.command()
@click.argument("key")
@click.option("--name", help="Another name.")
@settings
@CONFIG
@JSON
@click.pass_obj
def change(before: Flags, /, key: str, config: Path | None, in_json: bool, **said: Any) -> None:
    """Change a key; what is not said stays.  Models, limits and options are said anew as a whole."""
    body, books = meant(given(said), api.KeyChanges), Books(before, config)
    fits(books, body.options or {}, body.limits or [])

    def made(db: Database, pepper: bytes) -> api.Key:
        found = named(db, key)
        stored.change(db, api.changed(found, body, now()))
        return api.one(db, found.id, now())

    done = books.change("key.change", lambda done: done.id, made, msgspec.to_builtins(body))
    show(api.OneKey(done), table([done]), in_json=in_json)


@keys.command()
@click.argument("key")
@click.option("--overlap", default="0s", metavar="SPAN", help="How long the old secret still works: 30m, 24h.")
@CONFIG
@JSON
@click.pass_obj
def rotate(before: Flags, /, key: str, overlap: str, config: Path | None, in_json: bool) -> None:
    """Give a key a new secret, printed this once."""
    seconds = meant({"overlap": span(overlap)}, api.Rotation).overlap

    def made(db: Database, pepper: bytes) -> tuple[str, str]:
        found = named(db, key)
        return found.id, stored.rotate(db, pepper, found.id, now(), seconds * 1000)

    books = Books(before, config)
    id_, secret = books.change("key.rotate", lambda done: done[0], made, {"overlap": seconds})
    show({"id": id_, "secret": secret}, [("secret, shown this once:", secret)], in_json=in_json)


@keys.command()
@click.argument("key")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Only limits of this kind.")
@click.option("--model", metavar="GLOB", help="Only the limits for this glob of models.")
@CONFIG
@JSON
@click.pass_obj
def reset(
    before: Flags, /, key: str, kinds: tuple[str, ...], model: str | None, config: Path | None, in_json: bool
) -> None:
    """Begin the windows of a key anew; what it used stays in the books."""
    said = ({"kinds": list(kinds)} if kinds else {}) | ({"models": model} if model else {})
    body = meant(said, api.Reset)

    def made(db: Database, pepper: bytes) -> api.Key:
        found = named(db, key)
        api.begin_anew(db, found, body, now())
        return api.one(db, found.id, now())

    done = Books(before, config).change("key.reset", lambda done: done.id, made, said)
    show(api.OneKey(done), [*table([done]), *standings(done)], in_json=in_json)


@keys.command()
@click.argument("key")
@click.confirmation_option("--yes", prompt="Remove this key for good?")
@CONFIG
@click.pass_obj
def remove(before: Flags, /, key: str, config: Path | None) -> None:
    """Remove a key; what it used stays in the books."""

    def made(db: Database, pepper: bytes) -> str:
        found = named(db, key)
        stored.remove(db, found.id)
        return found.id

    click.echo(f"removed {Books(before, config).change('key.remove', str, made)}")


# -- what is said -----------------------------------------------------------------------------------------------------


def named(db: Database, key: str) -> stored.Key:
    """The key of this id, name or beginning of its secret.  Raises Refused."""
    there, key = stored.listed(db), normal(key)
    found = [each for each in there if each.id == key] or [each for each in there if each.name == key]
    found = found or [each for each in there if any(shown and key.startswith(shown) for shown in each.shown)]
    if len(found) != 1:
        raise Refused(404, "not_found", f"there {'are several keys' if found else 'is no key'} called {key}")
    return found[0]


def given(said: dict[str, Any]) -> dict[str, Any]:
    """What was said of a key, as the API has it."""
    body: dict[str, Any] = {
        name: said[name] for name in ("name", "enabled", "when_spent") if said.get(name) is not None
    }
    if said["extra_usage"] is not None:
        body["allow_extra_usage"] = said["extra_usage"]
    if said["models"]:
        body["models"] = list(said["models"])
    if said["limits"]:
        body["limits"] = [limit(text) for text in said["limits"]]
    if said["options"]:
        body["options"] = options_of(said["options"])
    if said["expires"]:
        body["expires"] = expiry(said["expires"])
    return body


def limit(text: str) -> dict[str, Any]:
    """``usd_week:small-*=25`` as the API has it."""
    name, _, most = text.rpartition("=")
    kind, _, models = name.partition(":")
    if kind not in KINDS:
        raise click.BadParameter(f"{text}: expected KIND=MOST with one of {', '.join(KINDS)}", param_hint="--limit")
    try:
        amount = Decimal(most) * (MILLION if KINDS[kind].unit == "cost" else 1)
        whole = int(amount)
    except (InvalidOperation, ValueError, OverflowError):
        raise click.BadParameter(f"{text}: expected a number behind =", param_hint="--limit") from None
    if whole != amount:
        least = "dollars to six places" if KINDS[kind].unit == "cost" else "a whole number"
        raise click.BadParameter(f"{text}: expected {least} behind =", param_hint="--limit")
    return {"kind": kind, "limit": whole, "models": models or "*"}


def options_of(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``forward.fidelity=strict`` and its like, as the API has them."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        stage, dot, setting = place.partition(".")
        if not (equals and dot and stage and setting):
            raise click.BadParameter(f"{text}: expected STAGE.SETTING=VALUE", param_hint="--option")
        try:
            found.setdefault(stage, {})[setting] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found.setdefault(stage, {})[setting] = value  # a word
    return found


def fits(books: Books, options: Mapping[str, Any], limits: Sequence[Any]) -> None:
    """See that *options* and *limits* make sense in the line of the configuration; says why not, and exits."""
    with told():
        built = build(books.config)
    try:
        check(built, options, limits)
    except Refused as refused:
        fail(*(f"{each.path}: {each.message}" for each in refused.body.error.fields))


def span(text: str) -> int:
    """``30m`` in seconds."""
    if (match := _SPAN.fullmatch(text)) is None:
        raise click.BadParameter(f"{text}: expected a span such as 30m, 12h or 7d")
    return int(match[1]) * UNITS[match[2]]


def expiry(text: str) -> int:
    """A span from now, a day, or never: in ms."""
    if text == "never":
        return 0
    if _SPAN.fullmatch(text):
        return now() + span(text) * 1000
    try:
        return round(time.mktime(time.strptime(text, "%Y-%m-%d")) * 1000)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text}: expected 30d, 12h, 2027-01-31 or never", param_hint="--expires") from None


# -- what is shown ----------------------------------------------------------------------------------------------------


def table(keys: list[api.Key]) -> list[tuple[str, ...]]:
    """A row for each key."""
    rows: list[tuple[str, ...]] = [
        (
            key.id,
            key.name,
            "on" if key.enabled else "off",
            ", ".join(f"{text}…" for text in key.shown),
            " ".join(key.models),
            moment(key.expires),
        )
        for key in keys
    ]
    return [("id", "name", "", "secret", "models", "expires"), *rows]


def standings(key: api.Key) -> list[tuple[str, ...]]:
    """A row for each limit of *key*."""
    rows: list[tuple[str, ...]] = [("",) * 6, ("limit", "models", "", "spent", "of", "until")]
    for each in key.windows:
        spent, most = (figure(each.kind, number) for number in (each.spent + each.held, each.limit))
        rows.append((each.kind, each.models, "", spent, most, moment(each.ends)))
    return rows


def figure(kind: str, number: int) -> str:
    """*number* of a *kind* of limit, as people write it."""
    return f"${number / MILLION:,.2f}" if KINDS[kind].unit == "cost" else str(number)
