"""Reading prices: a file of them → rows.  Those that come with us, and an operator's own, are written alike.

source = "our contract"

[[price]]
models = ["claude-opus-*"]     # in a file of one's own, globs
upstream = "work"              # a glob as well; default: any
input  = 4.5                   # dollars per million tokens
output = 22.5                  # what is not said of the cache costs as much as input
since  = 2026-12-01
tiers  = [{ above = 200_000, input_times = 2, output_times = 1.5 }]
factors = { service_tier = { batch = 0.5 } }
each   = { web_search_requests = 0.01 }
"""

import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from stages.prices.cost import MILLION, Factor, Price, Rates

_FOLDER = "stages.prices"

_RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")

Amount = Annotated[float, msgspec.Meta(ge=0, le=MILLION)]
Above = Annotated[int, msgspec.Meta(ge=1)]  # the first tier begins with nothing
Factors = dict[str, dict[str, Amount]]


class Unpriced(ValueError):
    """A file of prices can't be used; the text is the sentence."""


class Tier(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Rates for prompts *above* that many tokens: new ones, or times those of the first tier."""

    above: Above
    input: Amount | None = None
    output: Amount | None = None
    cache_read: Amount | None = None
    cache_write_5m: Amount | None = None
    cache_write_1h: Amount | None = None
    input_times: Amount = 1.0
    output_times: Amount = 1.0


class Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One ``[[price]]``."""

    models: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    upstream: str = "*"
    since: date = date(1970, 1, 1)
    source: str = ""
    input: Amount
    output: Amount
    cache_read: Amount | None = None
    cache_write_5m: Amount | None = None
    cache_write_1h: Amount | None = None
    tiers: tuple[Tier, ...] = ()
    factors: Factors | None = None
    each: dict[str, Amount] | None = None


class Listing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A whole file; *factors* and *each* hold for entries that say nothing of them."""

    source: str = ""
    factors: Factors = {}  # msgspec copies it for each
    each: dict[str, Amount] = {}
    price: tuple[Entry, ...] = ()


@cache
def built_in() -> tuple[Price, ...]:
    """The prices that come with us."""
    listed = sorted((file for file in files(_FOLDER).iterdir() if file.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(price for file in listed for price in parsed(file.read_text(encoding="utf-8"), file.name))


def read(file: Path) -> tuple[Price, ...]:
    """The prices in *file*.  Raises Unpriced."""
    try:
        return parsed(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise Unpriced(f"{file}: can't be read: {getattr(error, 'strerror', 'it is no text')}") from None


def parsed(text: str, name: str) -> tuple[Price, ...]:
    """The prices that *text* lists; *name* is what to call it.  Raises Unpriced, with the first thing that is wrong."""
    try:
        listing = msgspec.convert(tomllib.loads(text), Listing, builtin_types=(date,))
    except tomllib.TOMLDecodeError as error:
        raise Unpriced(f"{name}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise Unpriced(f"{name}: {error}") from None
    for number, entry in enumerate(listing.price):
        if (tier := repeated([tier.above for tier in entry.tiers])) is not None:
            why = f"there is a tier above {entry.tiers[tier].above} before"
            raise Unpriced(f"{name}: {why} - at `$.price[{number}].tiers[{tier}].above`")
    return tuple(made(entry, listing) for entry in listing.price)


def repeated(edges: Sequence[int]) -> int | None:
    """Where in *edges* of tiers one is said again: nobody could tell which of the two holds."""
    return next((number for number, edge in enumerate(edges) if edge in edges[:number]), None)


def of_document(document: bytes | str, source: str) -> Price:
    """The row that the JSON *document* of the store is: an entry.  Raises Unpriced."""
    try:
        entry = msgspec.json.decode(document, type=Entry)
    except msgspec.ValidationError as error:
        raise Unpriced(str(error)) from None
    return made(entry, Listing(source=source))


def made(entry: Entry, listing: Listing) -> Price:
    """The row that *entry* of *listing* is."""
    first = rates(entry)
    factors = listing.factors if entry.factors is None else entry.factors
    each = listing.each if entry.each is None else entry.each
    return Price(
        models=entry.models,
        source=entry.source or listing.source,
        tiers=((0, first), *((tier.above, above(tier, entry)) for tier in sorted(entry.tiers, key=lambda t: t.above))),
        upstream=entry.upstream,
        since=moment(entry.since),
        factors={field: {value: ratio(times) for value, times in values.items()} for field, values in factors.items()},
        each={thing: micros(dollars) for thing, dollars in each.items()},
    )


def rates(entry: Entry) -> Rates:
    """The first tier; what is not said of the cache is charged as input."""
    short = entry.input if entry.cache_write_5m is None else entry.cache_write_5m
    return Rates(
        input=micros(entry.input),
        output=micros(entry.output),
        cache_read=micros(entry.input if entry.cache_read is None else entry.cache_read),
        cache_write_5m=micros(short),
        cache_write_1h=micros(short if entry.cache_write_1h is None else entry.cache_write_1h),
    )


def above(tier: Tier, entry: Entry) -> Rates:
    """The rates of a further *tier* of *entry*; what neither says of the cache is charged as the tier's input."""

    def rate(name: str, times: float) -> float | None:
        said: float | None = getattr(tier, name)
        first: float | None = getattr(entry, name)
        return said if said is not None or first is None else float(Decimal(repr(first)) * Decimal(repr(times)))

    told = {name: rate(name, tier.output_times if name == "output" else tier.input_times) for name in _RATES}
    return rates(msgspec.structs.replace(entry, **told))


def micros(dollars: float) -> int:
    """*dollars* as written, in micro-dollars."""
    return round(Decimal(repr(dollars)) * MILLION)


def ratio(times: float) -> Factor:
    """*times* as written, as a fraction."""
    above, below = Decimal(repr(times)).as_integer_ratio()
    return above, below


def moment(day: date) -> int:
    """The beginning of *day*, in ms, UTC."""
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
