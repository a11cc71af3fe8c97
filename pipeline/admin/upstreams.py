"""Upstreams: who answers, how they are, and what they are shown.

Where an upstream is stands in the configuration and nowhere else: nothing here can point the gateway at another place.
What it is shown, a key or a login, may be added here; it is sealed in the store and never told again.
"""

import time
from collections.abc import Awaitable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import trio
from msgspec import UNSET, Meta, UnsetType

from pipeline.admin.desk import Ask
from pipeline.admin.refusal import Refused, absent, misfit
from pipeline.admin.route import Route, delete, get, patch, post
from pipeline.admin.text import Name, Word
from pipeline.credentials.credential import Credential as Held
from pipeline.credentials.credential import NoCredential
from pipeline.credentials.credential import Refused as Rejected
from pipeline.live import Live, State
from pipeline.naming import load
from pipeline.upstream import Upstream as Running

PATIENCE = 60.0  # seconds that a test may take
Whose = Literal["config", "store", "client", "none"]
T = TypeVar("T")


class Window(msgspec.Struct, omit_defaults=True):
    """How much of an allowance an upstream says is used: 0 to 1; *resets*: when it begins anew."""

    name: str
    utilisation: float
    resets: int | None = None


class Health(msgspec.Struct, kw_only=True):
    """How an upstream is, by what it last answered.

    *failures*: in a row.  *resting_until* (ms): nothing goes there until then, if there are others.  *on_trial*: it has
    rested, and the next request finds out whether it is well.
    """

    name: str
    dialect: str
    url: str
    state: State
    last_error: str | None = None
    last_status: int | None = None
    last_at: int | None = None
    failures: int = 0
    resting_until: int | None = None
    on_trial: bool = False
    windows: list[Window] = []  # msgspec copies it for each


class Credential(msgspec.Struct, omit_defaults=True):
    """What an upstream is shown; *shown*: how it ends.  *resting_until*: it is let alone until then."""

    id: str
    upstream: str
    kind: Literal["key", "oauth"]
    name: str
    shown: str
    enabled: bool
    expires: int
    created: int
    used: int
    configured: bool
    ended: str = ""
    resting_until: int | UnsetType = UNSET


class OAuth(msgspec.Struct):
    """How one logs in at an upstream, and whether somebody has."""

    authorize: str
    client_id: str
    scopes: list[str]
    connected: bool
    expires: int


class Upstream(Health, kw_only=True):
    """An upstream with all that is known of it.  *models*: globs of those it has; none: any."""

    provider: str | None = None
    models: list[str]
    key: Whose
    credentials: list[Credential]
    oauth: OAuth | None = None


class Upstreams(msgspec.Struct):
    """All of them."""

    upstreams: list[Upstream]


class NewCredential(msgspec.Struct, forbid_unknown_fields=True):
    """A key of ours at an upstream."""

    name: Name
    key: Annotated[str, Meta(min_length=1, max_length=10_000)]


class CredentialChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different of a credential."""

    name: Name | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class OneCredential(msgspec.Struct):
    """One credential."""

    credential: Credential


class Start(msgspec.Struct):
    """Where one logs in."""

    url: str
    state: str


class Finish(msgspec.Struct, forbid_unknown_fields=True):
    """What came back: ``code#state``, the address one was sent to, or the code beside its state."""

    answer: Annotated[str, Meta(min_length=1, max_length=10_000)]
    state: Annotated[str, Meta(max_length=10_000)] | UnsetType = UNSET


class Trial(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked of an upstream; without a model, as far as one gets without."""

    model: Word | UnsetType = UNSET


class Step(msgspec.Struct):
    """One step on the way to an answer."""

    name: str
    ok: bool
    seconds: float
    text: str


class Tried(msgspec.Struct):
    """How far one got."""

    ok: bool
    steps: list[Step]


# -- calls ------------------------------------------------------------------------------------------------------------


async def listed(ask: Ask) -> Upstreams:
    """All upstreams, as they are configured, and how they are."""
    return Upstreams([view(ask, upstream) for upstream in ask.desk.gateway.upstreams])


async def test(ask: Ask, name: str, body: Trial) -> Tried:
    """Ask an upstream for something small, step by step."""
    upstream, steps = found(ask, name), list[Step]()
    with trio.move_on_after(PATIENCE):
        done = await load("stages.doctor:examine")(upstream, None if body.model is UNSET else body.model)
        steps = [Step(step.name, step.ok, step.seconds, step.text) for step in done]
    await ask.note("upstream.test", name)
    return Tried(bool(steps) and all(step.ok for step in steps), steps)


async def add(ask: Ask, name: str, body: NewCredential) -> OneCredential:
    """Give an upstream a key of ours.  It is sealed, and never told again."""
    upstream = found(ask, name)
    held = await understood(upstream.wallet.add(body.name, body.key))
    await ask.note("credential.create", f"{name}/{held.id}", {"name": body.name})
    return OneCredential(credential(upstream, held))


async def change(ask: Ask, name: str, id: str, body: CredentialChanges) -> OneCredential:  # noqa: A002  # as the path has it
    """Rename a credential, or let it rest."""
    upstream = found(ask, name)
    said = msgspec.to_builtins(body)
    held = await understood(upstream.wallet.change(id, **said))
    await ask.note("credential.change", f"{name}/{id}", said)
    return OneCredential(credential(upstream, held))


async def remove(ask: Ask, name: str, id: str) -> None:  # noqa: A002  # as the path has it
    """Forget a credential."""
    await understood(found(ask, name).wallet.remove(id))
    await ask.note("credential.remove", f"{name}/{id}")


async def oauth_start(ask: Ask, name: str) -> Start:
    """Begin to log in at an upstream: where to go with a browser."""
    begun = await understood(consent(ask, name).start())
    return Start(begun.url, begun.state)


async def oauth_finish(ask: Ask, name: str, body: Finish) -> OneCredential:
    """Log in with what came back."""
    state = None if body.state is UNSET else body.state
    held = await understood(consent(ask, name).finish(body.answer, state))
    await ask.note("oauth.connect", name)
    return OneCredential(credential(found(ask, name), held))


async def oauth_end(ask: Ask, name: str) -> None:
    """Log out at an upstream."""
    await understood(consent(ask, name).disconnect())
    await ask.note("oauth.disconnect", name)


ROUTES: tuple[Route, ...] = (
    get("/upstreams", listed),
    post("/upstreams/{name}/test", test, refuses=(404,)),
    post("/upstreams/{name}/credentials", add, status=201, refuses=(404,)),
    patch("/upstreams/{name}/credentials/{id}", change, refuses=(404,)),
    delete("/upstreams/{name}/credentials/{id}", remove, refuses=(404,)),
    post("/upstreams/{name}/oauth/start", oauth_start, refuses=(404, 409)),
    post("/upstreams/{name}/oauth/finish", oauth_finish, refuses=(404, 409)),
    delete("/upstreams/{name}/oauth", oauth_end, refuses=(404, 409)),
)


# -- what is asked ----------------------------------------------------------------------------------------------------


def found(ask: Ask, name: str) -> Running:
    """The upstream called *name*.  Raises Refused (404)."""
    if (upstream := ask.desk.upstream(name)) is None:
        raise absent("upstream")
    return upstream


def consent(ask: Ask, name: str) -> Any:
    """How one logs in at the upstream called *name*.  Raises Refused (404, 409)."""
    if (given := found(ask, name).wallet.consent) is None:
        raise Refused(409, "no_oauth", f"{name} has no [upstreams.{name}.oauth] in the configuration")
    return given


async def understood(work: Awaitable[T]) -> T:
    """What *work* gives; what it refuses, in the API's words."""
    try:
        return await work
    except NoCredential:
        raise absent("credential") from None
    except Rejected as error:
        raise misfit("", str(error)) from None


# -- what is told -----------------------------------------------------------------------------------------------------


def view(ask: Ask, upstream: Running) -> Upstream:
    """All that is known of *upstream*."""
    config, held = ask.desk.config.upstreams[upstream.name], upstream.wallet.listed()
    return Upstream(
        **{name: getattr(health(ask.desk.gateway.live, upstream), name) for name in Health.__struct_fields__},
        provider=config.provider,
        models=list(upstream.models),
        key=whose(upstream, held),
        credentials=[credential(upstream, each) for each in held],
        oauth=login(upstream),
    )


def whose(upstream: Running, held: Sequence[Held]) -> Whose:
    """Whose key *upstream* is shown."""
    if upstream.client_key:
        return "client"
    return "config" if any(each.configured for each in held) else "store" if held else "none"


def health(live: Live, upstream: Running) -> Health:
    """How *upstream* is, as *live* has seen it."""
    last = live.last(upstream.name)
    return Health(
        name=upstream.name,
        dialect=upstream.dialect.NAME,
        url=f"{upstream.origin}{upstream.base}",
        state=live.state(upstream),
        last_error=last.error,
        last_status=last.status,
        last_at=last.at,
        failures=upstream.condition.row,
        resting_until=rested(upstream),
        on_trial=upstream.condition.rests > 0 and not upstream.condition.resting(trio.current_time()),
        windows=[Window(each.name, each.utilisation, each.resets or None) for each in upstream.windows.values()],
    )


def rested(upstream: Running) -> int | None:
    """When *upstream*, or what it could be shown, has rested, in ms since 1970; None: it does not rest."""
    condition = upstream.condition
    own = condition.until - trio.current_time() if condition.rests else 0.0
    seconds = max(own, upstream.wallet.rests())
    return round((time.time() + seconds) * 1000) if seconds > 0 else None


def credential(upstream: Running, held: Held) -> Credential:
    """*held*, without its secret."""
    return Credential(
        id=held.id,
        upstream=held.upstream,
        kind=held.kind,
        name=held.name,
        shown=held.shown,
        enabled=held.enabled,
        expires=held.expires,
        created=held.created,
        used=upstream.wallet.used_last(held),
        configured=held.configured,
        ended=held.ended,
        resting_until=upstream.wallet.resting(held) or UNSET,
    )


def login(upstream: Running) -> OAuth | None:
    """How one logs in at *upstream*, if one can."""
    if (given := upstream.wallet.consent) is None:
        return None
    settings, connected = given.settings, given.connected
    return OAuth(
        settings.authorize,
        settings.client_id,
        list(settings.scopes),
        connected is not None,
        0 if connected is None else connected.expires,
    )
