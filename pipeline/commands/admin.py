"""The admin's accounts, from a terminal: for the first one, and for whoever forgot a password.

python -m pipeline admin user ada              makes an account, with a password that is printed once
python -m pipeline admin password --user ada   gives it another one; its logins end
python -m pipeline admin logins | audit
"""

from pathlib import Path

import argon2
import click

from pipeline.admin import accounts, audit
from pipeline.admin.passwords import generated, hashed
from pipeline.admin.refusal import Refused, absent
from pipeline.admin.text import LONGEST, SHORTEST, Account, normal
from pipeline.commands.books import CONFIG, JSON, Books, meant, moment, now, show
from pipeline.flags import Flags
from pipeline.store.database import Database


@click.group()
def admin() -> None:
    """Who may look after the gateway on its page, and what they did."""


ASK = click.option("--ask", is_flag=True, help="Ask for the password, instead of making one.")


@admin.command()
@click.argument("name", required=False)
@click.option("--remove", is_flag=True, help="Forget this account, and end its logins.")
@ASK
@CONFIG
@JSON
@click.pass_obj
def user(before: Flags, /, name: str | None, remove: bool, ask: bool, config: Path | None, in_json: bool) -> None:
    """Make the account NAME; without a name, list all."""
    books = Books(before, config)
    if name is None:
        found = books.look(accounts.named)
        rows = [(each, moment(created), moment(changed)) for each, created, changed in found]
        told = [{"name": each, "created": created, "changed": changed} for each, created, changed in found]
        show({"users": told}, [("name", "since", "password of"), *rows], in_json=in_json)
    elif remove:
        books.change("admin.remove", name, lambda db, pepper: forgotten(db, normal(name)))
        click.echo(f"removed {name}")
    else:
        given(books, normal(meant(name, Account)), ask=ask, new=True, in_json=in_json)


@admin.command()
@click.option("--user", "name", help="Whose; default: the only one there is, or the configured name.")
@ASK
@CONFIG
@JSON
@click.pass_obj
def password(before: Flags, /, name: str | None, ask: bool, config: Path | None, in_json: bool) -> None:
    """Give an account another password, and make it if it is not there; its logins end."""
    books = Books(before, config)
    there = [each for each, _, _ in books.look(accounts.named)]
    name = meant(name, Account) if name is not None else there[0] if len(there) == 1 else books.config.admin.user
    given(books, normal(name), ask=ask, in_json=in_json)


@admin.command()
@click.option("--end", metavar="ID", help="End this login.")
@CONFIG
@JSON
@click.pass_obj
def logins(before: Flags, /, end: str | None, config: Path | None, in_json: bool) -> None:
    """Where somebody is logged in."""
    books = Books(before, config)
    if end is not None:
        books.change("login.end", end, lambda db, pepper: ended(db, end))
    found = books.look(lambda db: accounts.logins(db, None, now()))
    rows = [(each.id, each.admin, each.address, moment(each.seen), each.agent[:60]) for each in found]
    told = [{name: getattr(each, name) for name in ("id", "admin", "address", "agent", "seen")} for each in found]
    show({"logins": told}, [("id", "user", "address", "seen", "with"), *rows], in_json=in_json)


@admin.command("audit")
@click.option("-n", "limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="So many.")
@CONFIG
@JSON
@click.pass_obj
def audit_command(before: Flags, /, limit: int, config: Path | None, in_json: bool) -> None:
    """Who changed what, the newest first."""
    entries, _ = Books(before, config).look(lambda db: audit.page(db, "", limit))
    rows = [(moment(each.at), each.who, each.what, each.target) for each in entries]
    show({"entries": entries}, [("at", "who", "what", "target"), *rows], in_json=in_json)


def given(books: Books, name: str, *, ask: bool, new: bool = False, in_json: bool) -> None:
    """Give the account *name* a password, and say which, if it was made here."""
    if books.config.admin.password is not None and name == books.config.admin.user:
        raise click.UsageError(f"the password of {name} stands in the configuration, and counts there alone")
    secret = click.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else generated()
    if not SHORTEST <= len(secret) <= LONGEST:
        raise click.UsageError(f"expected a password of {SHORTEST} to {LONGEST} characters")
    stored = hashed(argon2.PasswordHasher(), secret)

    def made(db: Database, pepper: bytes) -> None:
        if new and accounts.password_of(db, name) is not None:
            raise Refused(409, "exists", f"there is an account {name}; see: admin password --user {name}")
        accounts.put(db, name, stored, now())

    books.change("admin.user" if new else "admin.password", name, made)
    told = {"user": name} | ({} if ask else {"password": secret})
    shown = [("user", name), *([] if ask else [("password, shown this once:", secret)])]
    show(told, shown, in_json=in_json)


def forgotten(db: Database, name: str) -> None:
    """Forget the account *name*.  Raises Refused."""
    try:
        accounts.remove(db, name)
    except accounts.NoAccount:
        raise absent("account") from None


def ended(db: Database, id: str) -> None:  # noqa: A002  # the login's
    """End the login called *id*, whoever's it is.  Raises Refused."""
    for each in accounts.logins(db, None, now()):
        if each.id == id:
            accounts.logout(db, each.digest)
            return
    raise absent("login")
