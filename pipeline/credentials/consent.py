"""Consent: what a person allowed us at an upstream, by OAuth: connect it, keep it alive, end it.

    start ─▶ URL ··· a person agrees ··· finish(code#state) ─▶ a credential of the kind oauth, sealed in the store
    fresh(credential) ─▶ the same, or its successor: renewed AHEAD of its end, by one task for all who wait

Renewing is single-flight: in this process a task of its own does it, whoever may leave meanwhile, because a refresh
token that was used up must not get lost; across processes the row is claimed first (``store.credentials.claim``), and
who finds it claimed waits for its successor.  What is stored names the version it replaces.  A grant that the server
calls invalid is over: that is stored too, and told on the page.  The token endpoint is reached as the upstream is:
same authorities, same proxy.
"""

import hmac
import secrets
import time
from collections.abc import Callable

import attrs
import msgspec
import structlog
import trio

from pipeline.credentials import oauth
from pipeline.credentials.credential import Credential, Held, NoCredential, Refused, opened, sealed
from pipeline.credentials.oauth import Denied, Flow, Tokens
from pipeline.credentials.sealing import Unopened
from pipeline.credentials.settings import OAuth
from pipeline.errors import GatewayError, StoreUnavailable, UpstreamFailed
from pipeline.store import credentials as rows
from pipeline.store.credentials import CredentialRow
from pipeline.store.database import Rejected
from pipeline.store.keys import digest
from pipeline.store.store import Store
from transports.pool import Pool
from transports.upstream import Call, Origin, Timers, UpstreamError

AHEAD = 300.0  # seconds before the end of a token in which it is renewed
MARGIN = 20.0  # seconds before it in which it is shown no more: a clock may be wrong, a request long on its way
AWAY = 600.0  # seconds that a person may take to agree
TURN = 60.0  # seconds for which a process claims a renewal; more than it may take
AGAIN = 0.25  # seconds between looks at what another process renews
PAUSE = 10.0  # seconds after a renewal that failed until the next one in advance
TRIES = 20  # to store a token that was given: without the store it is lost
ANSWER = 64 * 1024  # bytes of a token endpoint's answer
TIMERS = Timers(connect=10.0, write=10.0, first_byte=20.0, idle=10.0)

log = structlog.get_logger("pipeline")


@attrs.frozen
class Start:
    """Where a person has to go; *state* is in the URL as well."""

    url: str
    state: str = attrs.field(repr=False)


@attrs.define(eq=False)
class Renewal:
    """One renewal, and who waits for it."""

    done: trio.Event = attrs.field(factory=trio.Event)
    failed: str | None = None


@attrs.define(eq=False, kw_only=True)
class Consent:
    """The authorization of one upstream.  *tasks* runs renewals, and must end before *pool* and *store* do."""

    upstream: str
    settings: OAuth
    store: Store
    pool: Pool
    tasks: trio.Nursery
    look: Callable[[], list[Credential]]  # the upstream's, as this process knows them now
    clock: Callable[[], float] = time.time
    _renewal: Renewal | None = None
    _pause: float = 0.0  # until then nothing is renewed in advance; trio's clock

    @property
    def connected(self) -> Credential | None:
        """What was given, if it still holds."""
        return next((each for each in self.look() if each.kind == "oauth" and not each.ended), None)

    # -- connecting ---------------------------------------------------------------------------------------------------

    async def start(self) -> Start:
        """Where a person has to go to agree.  Raises Refused, StoreUnavailable."""
        flow, now = oauth.drawn(), self._now()
        name = self._name(flow.state)
        kept = self.store.vault.seal(msgspec.json.encode(flow), self._about(name))
        until = now + round(AWAY * 1000)
        if not await self.store.write(lambda db: rows.begin(db, name, self.upstream, kept, now, until)):
            raise Refused("too many authorizations were begun and not finished; wait ten minutes")
        return Start(oauth.authorization(self.settings, flow), flow.state)

    async def finish(self, answer: str, state: str | None = None) -> Credential:
        """Make a credential of what came back: "code#state", the redirect's URL, or a code and its *state*.

        A state counts once, within ten minutes.  Raises Refused, StoreUnavailable, and GatewayError if the token
        endpoint can't be asked.
        """
        given = oauth.answered(answer, state)
        flow = await self._flow(given.state)
        try:
            tokens = await self._ask(oauth.exchange(self.settings, given.code, flow.verifier))
        except Denied as error:
            raise Refused(f"the authorization server refused the code: {error.word}") from None
        now = self._now()
        row = CredentialRow(
            id=f"cred_{secrets.token_hex(8)}",
            upstream=self.upstream,
            kind="oauth",
            name="OAuth",
            sealed=b"",
            expires=self._end(tokens),
            created=now,
        )
        held = Held(secret=tokens.access_token, refresh=tokens.refresh_token)
        row = sealed(row, held, self.store.vault)
        await self.store.write(lambda db: rows.put(db, row))
        return opened(row, self.store.vault)

    async def disconnect(self) -> None:
        """Forget what was given.  What the server knows of it ends there, on its own page."""
        await self.store.write(lambda db: rows.forget_connection(db, self.upstream))

    async def _flow(self, state: str) -> Flow:
        """What was kept under *state*; it counts once.  Raises Refused."""
        name, now = self._name(state), self._now()
        kept = await self.store.write(lambda db: rows.take(db, name, self.upstream, now))
        try:
            flow = msgspec.json.decode(self.store.vault.open(kept or b"", self._about(name)), type=Flow)
        except Unopened:
            raise Refused("this state is unknown, used already, or too old: begin again") from None
        if not hmac.compare_digest(flow.state.encode(), state.encode()):
            raise Refused("this state is unknown, used already, or too old: begin again")
        return flow

    def _name(self, state: str) -> str:
        """What stands for *state* in the store: whoever reads that can't answer in a person's stead."""
        return digest(self.store.keys.pepper, f"state of {self.upstream}: {state}")

    def _about(self, name: str) -> str:
        return f"flow {name} of {self.upstream}"

    # -- keeping it alive ---------------------------------------------------------------------------------------------

    async def fresh(self, credential: Credential) -> Credential | None:
        """*credential*, or its successor if it is about to end; None if it has ended for good.  Raises GatewayError."""
        left = credential.expires / 1000 - self.clock()
        if not credential.expires or left > AHEAD:
            return credential
        if left > MARGIN:
            if credential.refresh is not None and self._renewal is None and trio.current_time() >= self._pause:
                self._begin(credential)
            return credential
        return await self.renew(credential)

    async def renew(self, stale: Credential) -> Credential | None:
        """The successor of *stale*; None if there is none, and never will be.  Raises GatewayError.

        Whoever asks while it is on its way waits for the same one.
        """
        if self._followed(stale):
            return self.connected
        if stale.refresh is None:
            return None
        renewal = self._renewal or self._begin(stale)
        await renewal.done.wait()
        if renewal.failed is not None and not self._followed(stale):
            raise UpstreamFailed(renewal.failed)
        return self.connected if self._followed(stale) else None

    def _followed(self, stale: Credential) -> bool:
        """Whether this process knows something newer than *stale*."""
        return all(each.mark != stale.mark for each in self.look())

    def _begin(self, stale: Credential) -> Renewal:
        renewal = self._renewal = Renewal()
        self.tasks.start_soon(self._renew, stale, renewal, name=f"renewal for {self.upstream}")
        return renewal

    async def _renew(self, stale: Credential, renewal: Renewal) -> None:
        """Task: renew *stale*, and let all who wait go on."""
        try:
            await self._in_turn(stale)
        except (GatewayError, Rejected) as error:
            renewal.failed = str(error)
        except NoCredential:
            pass  # disconnected meanwhile
        finally:
            if renewal.failed is not None:
                log.warning("a token can't be renewed", upstream=self.upstream, why=renewal.failed)
                self._pause = trio.current_time() + PAUSE
            self._renewal = None
            renewal.done.set()

    async def _in_turn(self, stale: Credential) -> None:
        """Renew *stale* when it is this process's turn; or see that another has done so.  Raises GatewayError.

        A turn that was begun is ended, also at a shutdown: what the server gave is nowhere else.
        """
        row = stale.row
        assert row is not None  # noqa: S101  # authorizations are nowhere but in the store
        while True:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + TURN) as scope:
                turn = await self._claimed(row)
                if turn == "mine":
                    await self._renewed(stale, row)
            if scope.cancelled_caught:
                raise UpstreamFailed(f"{self.upstream}: a new token did not come in time")
            if turn != "theirs":
                return
            await trio.sleep(AGAIN)

    async def _claimed(self, row: CredentialRow) -> str:
        now = self._now()
        return await self.store.write(lambda db: rows.claim(db, row, now, now + round(TURN * 1000)))

    async def _renewed(self, stale: Credential, row: CredentialRow) -> None:
        """Put a successor in the place of *stale*."""
        try:
            held, expires = await self._successor(stale)
        except GatewayError:
            await self.store.write(lambda db: rows.give_back(db, row))
            raise
        await self._keep(row, held, expires)

    async def _successor(self, stale: Credential) -> tuple[Held, int]:
        """What takes the place of *stale*, and when that ends.  Raises GatewayError."""
        refresh = stale.refresh.reveal() if stale.refresh else ""
        try:
            tokens = await self._ask(oauth.refresh(self.settings, refresh))
        except Denied as error:
            if error.word != "invalid_grant":
                raise UpstreamFailed(f"{self.upstream}: the authorization server says {error.word}") from None
            log.error("an upstream is disconnected: connect it again", upstream=self.upstream, why=error.word)
            return Held(secret="", ended=error.word), 0
        return Held(secret=tokens.access_token, refresh=tokens.refresh_token or refresh), self._end(tokens)

    async def _keep(self, row: CredentialRow, held: Held, expires: int) -> None:
        """Store *held* in the place of what *row* has.  The store may be away for a moment: nobody has this but us."""
        kept = sealed(row, held, self.store.vault)
        for attempt in range(1, TRIES + 1):
            try:
                await self.store.write(lambda db: rows.replace(db, row, sealed=kept.sealed, expires=expires))
            except StoreUnavailable:
                if attempt == TRIES:
                    raise
                await trio.sleep(AGAIN)
            else:
                return

    # -- the token endpoint -------------------------------------------------------------------------------------------

    async def _ask(self, form: dict[str, str]) -> Tokens:
        """What the token endpoint gives for *form*.  Raises Denied, GatewayError."""
        url = self.settings.token
        origin = Origin.parse(url)
        fields, body = oauth.token_request(self.settings, form)
        target = "/" + url.partition("://")[2].partition("/")[2]
        pieces, size = [], 0
        try:
            call = Call(method="POST", target=target, headers=fields, body=body)
            async with self.pool.send(origin, call, TIMERS) as reply:
                while data := await reply.receive():
                    size += len(data)
                    if size > ANSWER:
                        raise UpstreamFailed(f"{self.upstream}: the token endpoint's answer is too large")
                    pieces.append(data)
                return oauth.tokens(reply.head.status, b"".join(pieces))
        except UpstreamError as error:
            raise UpstreamFailed(f"{self.upstream}: the token endpoint can't be asked: {error}") from error
        except ValueError as error:
            raise UpstreamFailed(f"{self.upstream}: {error}") from error

    def _end(self, tokens: Tokens) -> int:
        """When the access token ends, in ms; 0 where nobody says."""
        return round((self.clock() + float(tokens.expires_in)) * 1000) if tokens.expires_in else 0

    def _now(self) -> int:
        return round(self.clock() * 1000)
