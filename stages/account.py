"""The account: the books of one exchange, from before it is sent until all is over.

    begin ─▶ a first version of its record, with what its prompt is thought to be       before each try
    count ─▶ a further one at the reply's ends, and every NOTE bytes between them       as the reply passes
    close ─▶ the last one: exact tokens, their cost, times, attempts, changes           when all is over

Each version is made whole, of what all of one try have in common and of what is known by now: a price and the terms it
depends on are looked up once a try, and what the last note told exactly is not counted again.  Whoever keeps the
exchange within limits asks here what it costs (``notes.Books``): by the same price, and the same function.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

import attrs
import msgspec
import trio
from msgspec.structs import astuple

from pipeline.errors import UpstreamFailed, UpstreamRefused, UpstreamTimeout, UpstreamTruncated
from pipeline.events import Event, Finished, Started, Usage, reads
from pipeline.exchange import Attempt, Exchange
from pipeline.live import WORK
from pipeline.store.record import CLASSES, FIELDS, Flag, Record, State, clean
from pipeline.store.store import Store
from stages import asides
from stages.prices.catalogue import Catalogue
from stages.prices.cost import Price, Quote, Terms, cost, terms_of
from stages.tally import BYTES_PER_TOKEN, LOOKS, Tally, empty
from stages.work import Work, fields_of, work_of

NOTE = 4 * 1024  # bytes of output between two notes of it: a thousand tokens
MOST = 4_000  # characters of what is told of attempts, and of changes

_NO_TERMS: Terms = {}  # never modified
_JSON = msgspec.json.Encoder()
_WHERE = FIELDS.index("upstream")  # before it stands who asks for what, behind it how that went
_counts = attrgetter(*CLASSES)  # of a usage
_SETTLED, _ESTIMATED, _UNPRICED = int(State.SETTLED), int(Flag.ESTIMATED), int(Flag.UNPRICED)
_READ = Tally.count.kinds, tuple(Tally.count.seen)  # type: ignore[attr-defined]  # as ``reads`` left them
_name = lru_cache(maxsize=1024)(clean)  # of what is configured, and comes again
_copy: Callable[[Record], Record] = Record.__copy__  # type: ignore[attr-defined]  # what ``copy`` finds, and stubs leave out


class Account:
    """The books of one exchange."""

    __slots__ = (
        "_asked",
        "_catalogue",
        "_exchange",
        "_last",
        "_next",
        "_number",
        "_of",
        "_price",
        "_rated",
        "_same",
        "_sent",
        "_store",
        "_tally",
        "_work",
        "closed",
    )

    def __init__(self, exchange: Exchange, catalogue: Catalogue) -> None:
        self._exchange, self._catalogue = exchange, catalogue
        self._store: Store | None = exchange.store
        said = fields_of(exchange)
        self._tally = Tally(size(exchange, said))
        self._work = work_of(exchange, said)
        self._of: Attempt | None = None  # the attempt of the last version
        self._same: tuple[Any, ...] = ()  # the first fields of all versions of it
        self._last: Record | None = None  # as it was put down last
        self._price: Price | None = None  # of the attempt that runs
        self._asked = _NO_TERMS  # of its prompt, as far as that depends on them
        self._rated: tuple[Attempt, Price | None, Terms] | None = None  # the same of the last that was asked about
        self._sent: Attempt | None = None  # the last that was about to be sent, with nothing left to stop it here
        self._number = 0  # under which the spool has it
        self._next = float(NOTE)  # bytes of output at which there is another note
        self.closed: Record | None = None  # the last version of the record, once all is over

    @property
    def count(self) -> Any:
        """The transform."""
        return self._tally.count if self._store is None else self._look

    # -- for whoever keeps it within limits ---------------------------------------------------------------------------

    @property
    def produced(self) -> float:
        """Bytes of output so far."""
        return self._tally.produced

    def quoting(self, attempt: Attempt) -> Quote | None:
        """What tells what a usage costs at *attempt*, in micro-dollars; None if no price is known."""
        price, terms = self._rate(attempt)
        return None if price is None else Quote(price, terms or self._asked)  # the prompt is let go of at the commit

    def _rate(self, attempt: Attempt) -> tuple[Price | None, Terms]:
        """The price of *attempt*, and what its prompt asks of service that this depends on."""
        if self._rated is None or self._rated[0] is not attempt:
            price = self._catalogue.find(attempt.model, attempt.upstream, round(self._exchange.arrived * 1000))
            self._rated = attempt, price, _NO_TERMS if price is None else asked(self._exchange, price)
        return self._rated[1:]

    def failed(self) -> int:
        """What earlier attempts cost: an upstream that began its answer before it failed will charge for it."""
        told = [(self.quoting(attempt), self._used(attempt)) for attempt in self._exchange.attempts[:-1]]
        return sum(quote(usage) for quote, usage in told if quote is not None and usage is not None)

    def _used(self, attempt: Attempt) -> Usage | None:
        """What *attempt*, which failed, used: as told, or the prompt, where it was answered and that broke off."""
        return empty(self._tally.prompt) if broke_off(attempt) else attempt.usage

    def spent(self) -> int:
        """What the exchange costs by now, in micro-dollars, as far as that is known."""
        return self._version(*self._tally.final()).cost

    def tokens(self) -> int:
        """About how many tokens came by now."""
        return int(self._tally.produced) // BYTES_PER_TOKEN

    # -- on the way up ------------------------------------------------------------------------------------------------

    async def begin(self, attempt: Attempt) -> None:
        """Put down that *attempt* is about to be sent.  Raises StoreUnavailable: then it is not."""
        self._exchange.note(WORK, self._work.session)
        self._price, self._asked = self._rate(attempt)
        if self._store is not None:
            self._last = self._version(empty(self._tally.prompt), _ESTIMATED)
            self._number = self._store.begin(self._last)
        self._sent = attempt

    async def synced(self) -> None:
        """Returns once that is on the disk."""
        if self._store is not None and self._number:
            await self._store.synced(self._number)

    # -- on the way down ----------------------------------------------------------------------------------------------

    @reads(*_READ[0], glances=_READ[1])
    def _look(self, event: Event) -> None:
        """Count; and put down what was used by now, now and then."""
        kind = type(event)
        look = LOOKS.get(kind)
        if look is None:
            return
        tally = self._tally
        look(tally, event)
        if tally.produced > self._next or kind is Finished or (kind is Started and self._exchange.streaming):
            self._note()

    def _note(self) -> None:
        if self._last is not None and self._store is not None:
            self._next = self._tally.produced + NOTE
            self._last = self._version(*self._tally.final())
            self._store.note(self._last)

    def aside(self, attempt: Attempt) -> None:
        """Put down what is known by now of *attempt*, one of the exchange's asides."""
        if self._store is not None:
            number = next(number for number, each in enumerate(self._exchange.asides) if each is attempt)
            self._store.note(self._aside(number))

    # -- when all is over ---------------------------------------------------------------------------------------------

    def close(self) -> Record:
        """The last version of the record, which is put down."""
        exchange, last, tally = self._exchange, self._exchange.attempts[-1], self._tally
        if tally.usage is None:  # it failed before anything was let through
            tally.usage = last.usage
        exact = self._last if tally.complete else None
        if exact is not None:
            record = _copy(exact)
        else:
            free = unbilled(last, tally, sent=last is self._sent)
            record = self._version(*((empty(0), 0) if free else tally.final()))
            if free and self._sent is None:
                record.flags &= ~_UNPRICED  # nothing was used: there is no price to be known
        record.state = _SETTLED
        if exchange.ending is not None:
            record.stop = record.stop or exchange.ending.stop
        record.status = exchange.head.status if exchange.head else 0
        record.error = ended(exchange, tally)
        record.took = micros(trio.current_time() - exchange.began)
        record.first = -1 if last.first is None else micros(last.first - exchange.began)
        if len(exchange.attempts) > 1:
            record.attempts = in_json([tried(each) for each in exchange.attempts])
        if last.edits:
            record.changes = in_json(last.edits)
        record.extra = extended(record.extra, told(exchange, last))
        if self._store is not None:
            self._store.settle(record, spooled=exact is None)
        self.closed = record
        return record

    def asides(self) -> list[Record]:
        """What was asked on our own account for the exchange, which is closed; each is put down."""
        records = [self._aside(number) for number in range(len(self._exchange.asides))]
        for record in records:
            record.state = _SETTLED
            if self._store is not None:
                self._store.settle(record)
        return records

    def _aside(self, number: int) -> Record:
        """What is known of the aside at place *number*."""
        request = self.closed or self._last or opened(self._exchange, self._work)
        return asides.record(self._exchange.asides[number], number + 1, request, self._catalogue)

    def _version(self, usage: Usage, flags: int) -> Record:
        """The record as it is known now."""
        attempts, price = self._exchange.attempts, self._price
        if self._of is not attempts[-1]:
            self._of = attempts[-1]
            asked = astuple(opened(self._exchange, self._work))[:_WHERE]
            self._same = *asked, _name(self._of.upstream), clean(self._of.model)
        terms: Terms = {}
        source, billed = "", 0
        if price is None:
            flags |= _UNPRICED
        else:
            terms = terms_of(price, usage.extra, self._asked)
            source, billed = _name(price.source), cost(price, usage, terms)
        extra = in_json({"terms": terms, "counts": usage.extra}) if terms or usage.extra else ""
        if len(attempts) > 1:
            billed += self.failed()
            flags |= _ESTIMATED if any(map(broke_off, attempts[:-1])) else 0
        status, stop, error = 0, self._tally.stop or "", ""
        fields = *self._same, status, stop, error, *_counts(usage), extra, billed, source, flags
        return Record(*fields)


# -- what is put down -------------------------------------------------------------------------------------------------


def opened(exchange: Exchange, work: Work) -> Record:
    """What is known of *exchange* before it is sent."""
    caller = exchange.caller
    return Record(
        id=exchange.id,
        at=round(exchange.arrived * 1000),
        key=_name(caller.id) if caller else "",
        caller=_name(caller.name) if caller else "",
        session=work.session,
        agent=work.agent,
        parent=work.parent,
        dialect=exchange.dialect.NAME,
        operation=exchange.operation,
        streamed=int(exchange.streaming),
        asked=clean(exchange.asked),
    )


def size(exchange: Exchange, said: Mapping[bytes, bytes]) -> int:
    """About how many bytes were asked, as the head *said*; only a prompt is paid for."""
    if exchange.operation != "reply":
        return 0
    length = said.get(b"content-length", b"")
    return int(length) if length.isdigit() and len(length) < 12 else len(exchange.prompt.encode())


def asked(exchange: Exchange, price: Price) -> Terms:
    """What *exchange* asks of service, as far as *price* depends on it."""
    said = exchange.prompt.some(price.factors.keys())
    return {field: value for field, value in said.items() if isinstance(value, str)} if said else _NO_TERMS


def ended(exchange: Exchange, tally: Tally) -> str:
    """How *exchange* ended, where it did not end well."""
    if exchange.error is not None:
        return type(exchange.error).__name__
    if tally.stop is not None or exchange.ending is not None or exchange.operation != "reply":
        return ""
    return "Drained" if exchange.request.scope.deadline <= trio.current_time() else "ClientGone"


def unbilled(attempt: Attempt, tally: Tally, *, sent: bool) -> bool:
    """Whether nobody charges for *attempt*: it did not reach its upstream, or was refused before anything came."""
    if tally.usage is not None or tally.produced:
        return False
    if not sent:  # refused here, by a limit, by the store, for what could not be translated; or the client left before
        return True
    if attempt.error is None:
        return False
    if isinstance(attempt.error, UpstreamRefused):
        return True  # in the stream as well as by its status
    return isinstance(attempt.error, UpstreamFailed) if attempt.status is None else attempt.status >= 400


def broke_off(attempt: Attempt) -> bool:
    """Whether *attempt* was being answered when it failed, and what that used was not told."""
    broke = isinstance(attempt.error, UpstreamTimeout | UpstreamTruncated)
    return broke and attempt.status == 200 and attempt.usage is None


def tried(attempt: Attempt) -> dict[str, Any]:
    """One try, as it is put down; the usage of a failed one is not lost."""
    return {
        "upstream": attempt.upstream,
        "model": attempt.model,
        "credential": attempt.credential or None,
        "status": attempt.status,
        "error": type(attempt.error).__name__ if attempt.error else None,
        "usage": None if attempt.usage is None else attrs.asdict(attempt.usage, recurse=False),
        "why": attempt.why or None,
    }


def told(exchange: Exchange, last: Attempt) -> dict[str, Any]:
    """What else is told of *exchange*, in JSON: what its stages took, in microseconds, and who paid upstream."""
    spent = exchange.stages
    more: dict[str, Any] = {}
    if spent:
        more["stages"] = dict(zip(spent, map(round, map(_MICROS, spent.values())), strict=True))
    if last.credential:
        more["credential"] = _name(last.credential)
    return more


_MICROS = (1e6).__mul__


def extended(extra: str, more: dict[str, Any]) -> str:
    """The JSON *extra* with *more*."""
    if not more:
        return extra
    text = in_json(more)
    return f"{extra[:-1]},{text[1:]}" if extra and text else extra or text


def in_json(what: Any) -> str:
    """*what* as JSON; of a list its beginning, if it is too long."""
    text = _JSON.encode(what).decode()
    while len(text) > MOST:
        if not isinstance(what, list) or len(what) < 2:
            return ""
        what = what[: len(what) // 2]
        text = _JSON.encode(what).decode()
    return text


def micros(seconds: float) -> int:
    """*seconds* in microseconds."""
    return max(0, round(seconds * 1e6))
