"""The table of prices, as an operator sees it: numbers as they are stored, one name or glob in each row.

    listed(rows, file) ─▶ the store's, those of a file of one's own, those that come with us, as they count
    document(price)    ─▶ the JSON that the store keeps of a row

Whole micro-dollars per million tokens: dollars per million, times a million.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import msgspec

from pipeline.store.prices import PriceRow
from stages.prices.catalogue import Catalogue
from stages.prices.cost import MILLION, Factor, Price, Rates
from stages.prices.reading import Unpriced, built_in, of_document, read
from stages.prices.tariff import Tariff

Row = dict[str, Any]
RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


def listed(rows: Sequence[PriceRow], file: Path | None) -> list[Row]:
    """All prices there are, those that count first."""
    own = () if file is None else read(file)
    return [*stored(rows), *(row for price in (*own, *built_in()) for row in rows_of(price))]


def stored(rows: Sequence[PriceRow]) -> Iterator[Row]:
    """The rows of the store that can be used, the newest first."""
    for row in reversed(rows):
        try:
            yield told(row)
        except Unpriced:  # the tariff has said so
            continue


def told(row: PriceRow) -> Row:
    """A row of the store.  Raises Unpriced."""
    price = attrs.evolve(of_document(row.document, row.source), since=row.since)
    return next(rows_of(price)) | {"id": row.id, "editable": True}


def catalogue(rows: Sequence[PriceRow], file: Path | None) -> Catalogue:
    """All prices, to look one up in."""
    return Tariff(file).catalogue(rows)


def priced(prices: Catalogue, model: str, upstream: str, at: int) -> Row | None:
    """What *model* costs at *upstream* at the moment *at*; None if nobody knows."""
    price = prices.find(model, upstream, at)
    return None if price is None else next(rows_of(price))


def rows_of(price: Price) -> Iterator[Row]:
    """*price*, once for each name it has."""
    first, *others = price.tiers
    for model in price.models:
        yield {
            "model": model,
            "upstream": price.upstream,
            **rates(first[1]),
            "tiers": [{"above": above, **rates(of_tier)} for above, of_tier in others],
            "factors": {field: ratios(values) for field, values in price.factors.items()},
            "since": price.since,
            "source": price.source,
        }


def rates(of: Rates) -> Row:
    """The rates, by their names."""
    return {name: getattr(of, name) for name in RATES}


def ratios(factors: Mapping[str, Factor]) -> dict[str, float]:
    """Fractions as numbers."""
    return {value: above / below for value, (above, below) in factors.items()}


def document(price: Mapping[str, Any]) -> str:
    """The JSON that the store keeps of *price*, a row with numbers in micro-dollars."""
    entry: Row = {"models": [price["model"]], "upstream": price.get("upstream", "*"), **dollars(price)}
    if price.get("tiers"):
        entry["tiers"] = [{"above": tier["above"], **dollars(tier)} for tier in price["tiers"]]
    if "factors" in price:
        entry["factors"] = price["factors"]
    return msgspec.json.encode(entry).decode()


def dollars(of: Mapping[str, Any]) -> dict[str, float]:
    """The rates of *of* in dollars per million tokens, which read as the same micro-dollars again."""
    return {name: float(Decimal(of[name]) / MILLION) for name in RATES if name in of}
