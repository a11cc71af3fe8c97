"""Upstreams that do wrong in every way we know of: each ends in a typed outcome, booked, with nothing left open."""

from pathlib import Path

import pytest

from bench.faults.catalogue import CHAPTERS, FAULTS
from bench.faults.fault import BOOKS, GONE, WELL, Chapter
from bench.faults.matrix import cases, run, three
from pipeline import errors


def test_the_catalogue_is_large_and_says_what_each_fault_must_lead_to() -> None:
    """At least eighty names, none twice; outcomes are errors of ours, and never a bug or nothing at all."""
    assert len(FAULTS) == sum(len(chapter.faults) for chapter in CHAPTERS) >= 80
    for fault in FAULTS.values():
        assert fault.says.endswith(".")
        assert fault.books <= BOOKS
        for outcome in fault.streamed | fault.whole:
            assert outcome in {WELL, GONE} or issubclass(getattr(errors, outcome), errors.GatewayError)
            assert outcome != "InternalError"


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name.replace(" ", "-"))
async def test_every_fault_ends_in_a_typed_outcome(chapter: Chapter, tmp_path: Path) -> None:
    """Streamed and whole, for the three protocols: told in the client's own, one true record, no connection left."""
    found = await run(cases(chapter, pairs=three), tmp_path)
    print(f"{chapter.name}: {found.cases} cases: {dict(found.outcomes.most_common())}")  # noqa: T201  # the counts
    assert found.wrong == []
    assert found.cases == 6 * len(chapter.faults)
