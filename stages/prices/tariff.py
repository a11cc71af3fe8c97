"""The tariff: the prices that hold now, from three places; the first that knows a model counts.

set in the store  ──┐
a file of one's own ┼──▶ Catalogue, made anew when the store's change
what comes with us ─┘
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import structlog

from pipeline.store.prices import PriceRow
from stages.prices.catalogue import Catalogue
from stages.prices.cost import Price
from stages.prices.reading import Unpriced, built_in, of_document, read

log = structlog.get_logger("pipeline")


@attrs.define(eq=False)
class Tariff:
    """The prices of one gateway."""

    file: Path | None = None
    _own: tuple[Price, ...] = attrs.field(init=False, repr=False)
    _rows: Sequence[PriceRow] = attrs.field(init=False, factory=tuple, repr=False)
    _catalogue: Catalogue = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._own = () if self.file is None else read(self.file)
        self._catalogue = Catalogue(built_in(), self._own)

    @property
    def own(self) -> tuple[Price, ...]:
        """Those of the file, as it was read."""
        return self._own

    def catalogue(self, rows: Sequence[PriceRow]) -> Catalogue:
        """All prices; *rows* are those of the store, the same object while they have not changed."""
        if rows is not self._rows:
            self._rows = rows
            self._catalogue = Catalogue(built_in(), (*usable(rows), *self._own))
        return self._catalogue


def usable(rows: Sequence[PriceRow]) -> Iterator[Price]:
    """The prices that *rows* are."""
    for row in rows:
        try:
            yield attrs.evolve(of_document(row.document, row.source), since=row.since)
        except Unpriced as error:
            log.error("a price in the store can't be used", id=row.id, why=str(error))
