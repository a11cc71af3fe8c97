"""Session: setting up, logging in and out, and the logins there are.

nobody has an account ─setup, with the secret from the terminal─▶ in ─logout─▶ login ─login─▶ in
"""

from typing import Annotated, Literal

import msgspec

from pipeline import __version__
from pipeline.admin import accounts, audit
from pipeline.admin.desk import Ask
from pipeline.admin.gate import Who, same, set_cookie
from pipeline.admin.refusal import SESSION, Refused, absent
from pipeline.admin.route import Route, delete, get, post, put
from pipeline.admin.text import Account, Password, normal
from pipeline.store.database import Database

State = Literal["setup", "login", "in"]
Sent = Annotated[str, msgspec.Meta(max_length=1000)]


class Standing(msgspec.Struct, omit_defaults=True):
    """Where whoever asks stands; *csrf* is what a change must bear in the field x-csrf-token."""

    state: State
    version: str
    tls: bool
    user: str = ""
    csrf: str = ""


class SetUp(msgspec.Struct, forbid_unknown_fields=True):
    """The first account; *secret* was printed on the terminal."""

    secret: Sent
    user: Account
    password: Password


class LogIn(msgspec.Struct, forbid_unknown_fields=True):
    """Who wants in."""

    user: Sent
    password: Sent


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    """Another password for whoever asks."""

    old: Sent
    new: Password


class Login(msgspec.Struct):
    """One login.  *current*: the one that asks."""

    id: str
    created: int
    seen: int
    expires: int
    address: str
    agent: str
    current: bool


class Logins(msgspec.Struct):
    """Where one is logged in."""

    logins: list[Login]


async def show(ask: Ask) -> Standing:
    """Where whoever asks stands."""
    if ask.who is not None:
        return standing(ask, ask.who)
    welcoming = await ask.desk.welcoming()
    return Standing("setup" if welcoming else "login", __version__, ask.request.scheme == "https")


def standing(ask: Ask, who: Who) -> Standing:
    """What somebody who is in is told."""
    return Standing("in", __version__, ask.request.scheme == "https", who.user, ask.desk.gate.token(who.cookie))


async def set_up(ask: Ask, body: SetUp) -> Standing:
    """Make the first account, with the secret from the terminal, and log in."""
    gate = ask.desk.gate
    gate.guard.attempt("", ask.request.peer)
    if not await ask.desk.welcoming():
        raise Refused(409, "set_up", "there is an account already")
    if not same(body.secret, ask.desk.invitation):
        raise Refused(403, "secret", "this is not the secret that was printed when the gateway started")
    user, password = normal(body.user), await gate.passwords.hashed(body.password)
    try:
        await ask.change("admin.first", user, lambda db: accounts.first(db, user, password, ask.now))
    except accounts.Taken:
        raise Refused(409, "set_up", "there is an account already") from None
    gate.guard.forgive("", ask.request.peer)
    return await entered(ask, user)


async def log_in(ask: Ask, body: LogIn) -> Standing:
    """Log in.  The same answer, after the same time, whatever was wrong."""
    if not await ask.desk.gate.right(normal(body.user), body.password, ask.request.peer):
        raise Refused(401, "wrong", "user or password is wrong", fields=[(b"www-authenticate", SESSION)])
    return await entered(ask, normal(body.user))


async def entered(ask: Ask, user: str) -> Standing:
    """A new login of *user*; the one that asked, if there was one, ends."""
    who, old = ask.desk.gate.begun(user, ask.request), ask.who
    login = who.login

    def begin(db: Database) -> None:
        if old is not None and old.login is not None:
            accounts.logout(db, old.login.digest)
        if login is not None:
            accounts.login(db, login)
            audit.note(db, login.created, user, "login", login.id, {"address": login.address})

    await ask.desk.store.write(begin)
    ask.fields.append(set_cookie(ask.request, who.cookie))
    return standing(ask, who)


async def log_out(ask: Ask) -> None:
    """End the login that asks."""
    if ask.who is not None and (login := ask.who.login) is not None:
        await ask.change("logout", login.id, lambda db: accounts.logout(db, login.digest))
    ask.fields.append(set_cookie(ask.request, ""))


async def logins(ask: Ask) -> Logins:
    """Where one is logged in."""
    here = ask.who.login.digest if ask.who is not None and ask.who.login is not None else ""
    found = await ask.read(lambda db: accounts.logins(db, ask.user, ask.now))
    return Logins(
        [
            Login(each.id, each.created, each.seen, each.expires, each.address, each.agent, each.digest == here)
            for each in found
        ]
    )


async def end(ask: Ask, id: str) -> None:  # noqa: A002  # as the path has it
    """End one of one's logins."""

    def ended(db: Database) -> None:
        if not accounts.end(db, ask.user, id, ask.now):
            raise absent("login")

    await ask.change("login.end", id, ended)


async def password(ask: Ask, body: NewPassword) -> None:
    """Another password; all other logins end."""
    gate, user = ask.desk.gate, ask.user
    if ask.desk.config.admin.password is not None and user == ask.desk.config.admin.user:
        raise Refused(409, "configured", "this password stands in the configuration")
    if not await gate.right(user, body.old, ask.request.peer):
        raise Refused(403, "wrong", "the old password is wrong")
    hashed = await gate.passwords.hashed(body.new)
    kept = ask.who.login if ask.who is not None else None

    def changed(db: Database) -> None:
        accounts.put(db, user, hashed, ask.now)
        if kept is not None:
            accounts.login(db, kept)

    await ask.change("admin.password", user, changed)


ROUTES: tuple[Route, ...] = (
    get("/session", show, open=True),
    post("/setup", set_up, status=201, open=True, refuses=(409,)),
    post("/login", log_in, open=True, refuses=(401,)),
    post("/logout", log_out, status=204),
    get("/logins", logins),
    delete("/logins/{id}", end, refuses=(404,)),
    put("/password", password, status=204, refuses=(409,)),
)
