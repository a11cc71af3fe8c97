"""The words of the store: what is put down of a request, and what a key's limits are asked.

    OPEN ──▶ OPEN … ──▶ SETTLED          a request that ended as it should: versions of one record, the last one counts
    OPEN ──▶ RECONCILED ──▶ SETTLED      its process died: what the stream had shown, until its own account turns up

A **record** is one request, as far as it is known.  It is written again whenever more is known; all versions bear the
request's id, so that writing one twice changes nothing.  Money is whole micro-dollars, moments are milliseconds since
1970 (UTC), durations are microseconds.  Nothing here waits, and nothing here knows a database.
"""

from enum import IntEnum, IntFlag

import attrs
import msgspec

MOST_TEXT = 200  # characters of a name; longer ones are cut
CLASSES = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")  # of tokens


class State(IntEnum):
    """How far a record is."""

    OPEN = 0  # the upstream is, or was, being asked
    RECONCILED = 1  # closed on behalf of a process that died
    SETTLED = 2  # closed by the process that served it


class Flag(IntFlag):
    """What is to be known about a record's figures."""

    ESTIMATED = 1  # part of the tokens was counted here
    SUSPECT = 2  # the upstream told counts that can't be; ours were taken in their place
    UNPRICED = 4  # no price is known for the model: the cost is not zero, it is unknown
    COMPLETE = 8  # the upstream told its final counts


class Record(msgspec.Struct, array_like=True, gc=False):
    """One request.  The order of the fields is that of the spool's entries: new ones go last, with a default."""

    id: str
    instance: str = ""  # the process that serves it
    state: int = 0
    at: int = 0  # when it arrived
    key: str = ""  # who pays: the id of a key or another caller
    caller: str = ""  # the same for people
    session: str = ""
    agent: str = ""
    parent: str = ""
    dialect: str = ""
    operation: str = ""
    streamed: int = 0
    asked: str = ""  # the model as the caller named it
    upstream: str = ""
    model: str = ""
    status: int = 0  # sent to the caller; 0: none was
    stop: str = ""
    error: str = ""
    input: int = 0  # tokens, in disjoint classes
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    extra: str = ""  # JSON: counts of other things, and the terms of the price
    cost: int = 0
    price: str = ""  # where the price is from
    flags: int = 0
    took: int = 0
    first: int = -1  # until the first event; -1: none came
    attempts: str = ""  # JSON
    changes: str = ""  # JSON

    @property
    def tokens(self) -> int:
        """All of them, in and out."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.output + self.reasoning


FIELDS: tuple[str, ...] = Record.__struct_fields__
NUMBERS = frozenset(name for name, kind in Record.__annotations__.items() if kind in (int, "int"))

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Record)

encode = _ENCODER.encode  # Record → bytes
decode = _DECODER.decode  # bytes → Record; raises msgspec.DecodeError


def clean(text: str | None, most: int = MOST_TEXT) -> str:
    """*text* as every database takes it: bounded, without control characters and halves of characters."""
    if not text:
        return ""
    text = text[:most]
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


# -- limits -----------------------------------------------------------------------------------------------------------


@attrs.frozen
class Kind:
    """What a window counts: *unit* cost, tokens, requests or streams; for *seconds*, or for ever."""

    unit: str
    seconds: int | None = None


KINDS: dict[str, Kind] = {
    "usd_5h": Kind("cost", 5 * 3600),
    "usd_week": Kind("cost", 7 * 24 * 3600),
    "usd_total": Kind("cost"),
    "requests_minute": Kind("requests", 60),
    "tokens_minute": Kind("tokens", 60),
    "streams": Kind("streams"),
}
AT_ONCE = frozenset(kind for kind, what in KINDS.items() if what.unit in {"requests", "tokens"})  # spent when granted
AHEAD = "ahead/"  # what the id of a lease begins with that is an advance (``advances``); those of requests do not


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What a request wants of one window: *amount* more (micro-dollars, tokens or 1), where *limit* is the most.

    *models*: glob of the models that the window is for.  *ends*: when it ends at the upstream, where that is known.
    """

    kind: str
    limit: int
    amount: int
    models: str = "*"
    ends: int | None = None


class Standing(msgspec.Struct, gc=False):
    """How a window stands: *spent* and *held* of *limit*; it *ends* at that moment (0: never)."""

    kind: str
    models: str
    limit: int
    spent: int
    held: int
    ends: int


class Granted(msgspec.Struct, frozen=True, gc=False):
    """All claims fit, and are held until the request is settled or released."""

    standings: tuple[Standing, ...]


@attrs.frozen
class Refused:
    """*standing* is the first window with no room; nothing is held.

    *ahead*: there would be room if other processes needed all they hold ahead; in a second that will be known.
    """

    standing: Standing
    ahead: bool = False


class Lease(msgspec.Struct, array_like=True, kw_only=True):
    """What one request holds: amounts by (glob of models, kind)."""

    id: str  # the request's
    instance: str
    at: int
    key: str
    holds: list[tuple[str, str, int]] = []  # msgspec copies it for each
