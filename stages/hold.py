"""Hold: what one request holds of its key's windows, from before it is sent until meter has settled it.

    before each try ─▶ bound ─▶ one reservation in all windows, or a refusal       nothing is sent before it is granted
    reply begins ────▶ the key's standing in the head, in place of the upstream's
    reply passes ────▶ (cut) what it costs by now │ against what is held: more is asked for in time, or the reply ends
    when all is over ▶ settled by meter's record, which ends the lease; given back if nothing was sent

A next try reserves anew, in the place of the one before: at its own upstream's price, and with what the failed one
cost.  A reservation is one entry in the store's next transaction, whatever limits there are: requests of a moment share
a commit, those of a busy key are mostly granted from memory, and replicas share windows.

**Cut.**  A stream that may be cut is weighed every STEP bytes of output.  What it holds is widened while there is room;
when there is none it ends as a reply does that has come to its ``max_tokens``, and the upstream is cancelled.  It costs
more than the key has by at most what comes between two looks: STEP and what one read brought, 64 KiB, together 16,640
tokens of four bytes ($0.42 at $25 a million); of a stream that comes as it is written, some 256.  Thoughts that the
upstream bills but does not show can't be counted before it tells.
"""

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import trio
from msgspec.structs import replace

from pipeline.errors import Forbidden, StoreUnavailable
from pipeline.events import (
    Event,
    Failed,
    Finished,
    InputDelta,
    Run,
    Started,
    TextDelta,
    ThinkingDelta,
    Usage,
    reads,
)
from pipeline.exchange import Attempt, Exchange
from pipeline.prompt import Prompt
from pipeline.store.record import Claim, Flag, Granted, Record, Refused, Standing
from pipeline.store.store import Store
from stages.allowance import MONEY, Allowance, Limit, Rules
from stages.estimate import Bound, Learned, about, bound, for_an_hour
from stages.notes import BOOKS
from stages.prices.cost import Price, Quote, Rates
from stages.standings import fields, free, refusal, without_theirs
from transports.messages import Headers

STEP = 1024  # bytes of output between two looks at what they cost
TRIES = 4  # reservations of ever less, before a request that could be cut is refused
EARLY = 0.75  # the part of what is held at which more is asked for

_NOTHING, _UNKNOWN = Bound(0, 0), Bound(1, 0)  # where nothing has to be told; and where only that it is one can be
FREE = Quote(Price((), "", ((0, Rates(0, 0, 0, 0, 0)),)), {})  # where no price is known, and that is let pass
_ESTIMATED, _COMPLETE = int(Flag.ESTIMATED), int(Flag.COMPLETE)

Ends = Callable[[str], int | None]  # when a kind's window ends at the upstream that is followed, in ms


@attrs.define(eq=False, kw_only=True)
class Hold:
    """What *exchange* holds for *key* under *allowance*."""

    exchange: Exchange
    asked: Prompt  # the client's, until the first try is over
    key: str
    allowance: Allowance
    learned: Learned
    unpriced: bool  # models without a known price may be used under limits in money
    ends: Ends | None  # None: no upstream is followed
    nursery: trio.Nursery | None  # for what must not wait; None: nothing is widened
    _tokens: int | None = None  # of the prompt
    _prompt: int = 0  # what it was thought to cost
    _quote: Quote | None = None  # what tells what a usage costs at the upstream that is tried
    _cost: int = 0  # micro-dollars that are held
    _limits: tuple[Limit, ...] = ()  # in money, for the model that is asked
    _parts: int = 0  # leases besides the first
    _next: float = 0.0  # bytes of output at which to look again
    _asking: bool = False
    _dry: bool = False  # there is no more to be had
    _over: bool = False
    _told: Headers = attrs.field(factory=list)

    @property
    def transform(self) -> Any:
        """What looks at the reply: for a stream that may be cut at its course, else at both its ends."""
        return self.weigh if self._cuts else self.look

    @property
    def _cuts(self) -> bool:
        return self.allowance.cuts and self.exchange.streaming

    # -- before a try -------------------------------------------------------------------------------------------------

    async def take(self, attempt: Attempt) -> None:
        """Hold what *attempt* may use.  Raises what the caller is told if there is no room, or nobody can tell."""
        rules = self.allowance.rules(attempt.model)
        if not rules.limits:
            return
        made = self._bound(attempt, rules)
        claims = rules.claims(made.cost, made.tokens, self.ends)
        answer = await self._ask(self.exchange.id, claims)
        if isinstance(answer, Refused) and self._cuts:
            claims, answer = await self._less(claims, answer, made)
        now = self._store.now()
        if isinstance(answer, Refused):
            if self.exchange.attempts and self.exchange.attempts[-1] is attempt:
                self.exchange.attempts.pop()  # it was none: no upstream was asked
            amount = next(claim.amount for claim in claims if claim.kind == answer.standing.kind)
            raise refusal(answer.standing, amount, self.exchange.dialect.NAME, now)
        if self._cuts:
            self._cost = max((claim.amount for claim in claims if claim.kind in MONEY), default=0)
            self._limits = tuple(limit for limit in rules.limits if limit.kind in MONEY)
        self._tell(answer.standings, now)

    @property
    def _store(self) -> Store:
        if self.exchange.store is None:
            raise StoreUnavailable("this key has limits, and there is no store to keep them in")
        return self.exchange.store

    def _bound(self, attempt: Attempt, rules: Rules) -> Bound:
        """What *attempt* may use.  Raises Forbidden where that can't be told, and has to be."""
        if not rules.counted:
            return _NOTHING
        exchange, books = self.exchange, self.exchange.noted(BOOKS)
        replies = exchange.operation == "reply"
        self._quote = books.quoting(attempt) if books is not None and replies else None
        if self._quote is None and rules.money and not self.unpriced and exchange.request.method != "GET":
            what = f"the model {attempt.model!r}" if attempt.model else "this request"
            raise Forbidden(f"no price is known for {what}, and this key has a limit in money")
        if books is None or exchange.upstream is None or not replies:
            return _UNKNOWN
        if self._tokens is None:
            self._tokens = about(self.asked, exchange.dialect)
        most = self.learned.most(self.key, attempt.model)
        hour = most[0] is None and for_an_hour(self.asked, exchange.upstream)
        failed = books.failed() if len(exchange.attempts) > 1 else 0
        made = bound(exchange.prompt, attempt.model, self._tokens, most, self._quote or FREE, failed, hour=hour)
        self._prompt = made.prompt
        return made

    async def _less(self, claims: list[Claim], answer: Refused, made: Bound) -> tuple[list[Claim], Granted | Refused]:
        """For a stream that may be cut: of money what is left, if that is what *made* needs at the least.

        *answer* is that to *claims*.
        """
        for _ in range(TRIES - 1):
            left = free(answer.standing)
            if answer.standing.kind not in MONEY or left < max(1, made.least):
                break
            claims = [replace(c, amount=min(c.amount, left)) if c.kind in MONEY else c for c in claims]
            again = await self._ask(self.exchange.id, claims)
            if isinstance(again, Granted):
                return claims, again
            answer = again
        return claims, answer

    async def _ask(self, name: str, claims: Sequence[Claim]) -> Granted | Refused:
        """Ask for *claims* under *name*; what was granted to nobody, since the answer got lost, is given back."""
        store, answer = self._store, None
        try:
            answer = await store.reserve(name, self.key, claims)
        finally:
            if answer is None:
                store.release(name)
        return answer

    # -- as the reply passes ------------------------------------------------------------------------------------------

    def _tell(self, standings: Sequence[Standing], now: int) -> None:
        """Put how the key stands into the head of the reply."""
        if self._told:
            self._take_back()
        self._told = fields(self.exchange.dialect.NAME, standings, now)
        self.exchange.reply_headers += self._told

    def _take_back(self) -> None:
        told = self._told
        self.exchange.reply_headers = [field for field in self.exchange.reply_headers if field not in told]

    @reads(Started, Failed)
    def look(self, event: Event) -> None:
        """The transform: of two heads that tell of limits only one is passed on."""
        if not self._told:
            return  # there is nothing, or it is on its way: all else that comes is let pass at once
        if isinstance(event, Failed):
            self._take_back()  # an upstream's error passes as it came, with what it tells of its limits
        elif isinstance(event, Started):
            if event.head is not None:
                event.head = without_theirs(event.head)  # its frame stays as it is
            self._told = []  # on its way, and not taken back any more

    @reads(Started, Run, Finished, Failed, glances=(TextDelta, ThinkingDelta, InputDelta))
    def weigh(self, event: Event) -> None:
        """The same, and ends the reply when the money has come to its end."""
        books = self.exchange.noted(BOOKS)
        if isinstance(event, Started | Failed):
            self.look(event)
        if books is None or event.terminal or not self._cost:
            return
        if isinstance(event, Started) or books.produced >= self._next:
            self._next = books.produced + STEP
            self._compare(books.spent())

    def _compare(self, spent: int) -> None:
        """End the reply, or ask for more, if *spent* says so."""
        if spent >= self._cost:
            self.exchange.end("max_tokens")
        elif spent >= EARLY * self._cost and self.nursery is not None and not (self._asking or self._dry):
            self._asking = True
            self.nursery.start_soon(self._widen)

    async def _widen(self) -> None:
        """Task: hold as much again, or what there is."""
        want, name = self._cost, f"{self.exchange.id}+{self._parts + 1}"
        for _ in range(TRIES):
            claims = [Claim(limit.kind, limit.limit, want, limit.models) for limit in self._limits]
            try:
                answer = await self._ask(name, claims)
            except StoreUnavailable:
                break
            if isinstance(answer, Granted):
                self._widened(name, want)
                return
            want = min(want, free(answer.standing))
            if not want:
                break
        self._dry = True

    def _widened(self, name: str, amount: int) -> None:
        """*amount* more is held under *name*."""
        if self._over:
            self._store.release(name)
        self._parts, self._cost, self._asking = self._parts + 1, self._cost + amount, False

    # -- when all is over ---------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Give back what meter's record does not end by itself, and learn from it."""
        self._over = True
        books, store = self.exchange.noted(BOOKS), self.exchange.store
        if store is None:
            return
        if books is None or books.closed is None:
            store.release(self.exchange.id)
        else:
            self._learn(books.closed)
        for number in range(self._parts):
            store.release(f"{self.exchange.id}+{number + 1}")

    def _learn(self, record: Record) -> None:
        """Remember what it used, if that was told."""
        if not self._prompt or record.flags & _ESTIMATED or not record.flags & _COMPLETE or self._quote is None:
            return
        usage = Usage(record.input, record.cache_read, record.cache_write_5m, record.cache_write_1h)
        share = self._quote(usage) / self._prompt
        self.learned.remember(self.key, record.model, record.output + record.reasoning, share)
