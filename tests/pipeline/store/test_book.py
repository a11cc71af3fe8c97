"""The book: however often and in whatever order versions come, the sums are the sum of the rows."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.book import CRASHED, DAY, HOUR, MEASURES, Changes, entered, measures, reconciled
from pipeline.store.record import Flag, Record, State
from tests.pipeline.store.records import AT, record, settled

COST = MEASURES.index("cost")


def test_an_open_record_is_a_row_and_counts_nowhere() -> None:
    """What it will cost is not known."""
    changes = entered({}, [record()])
    assert (list(changes.rows), changes.hours, changes.days, changes.closed) == (["r1"], {}, {}, [])


def test_a_settled_one_counts_in_its_hour_its_day_and_its_session() -> None:
    """By key, model and upstream; by session, agent, key and model."""
    changes = entered({"r1": record()}, [settled(session="s", agent="a", parent="p")])
    within = ("k1", "m", "up")
    assert list(changes.hours) == [(AT // HOUR, *within)]
    assert changes.days == {(AT // DAY, *within): measures(settled())}
    ((name, session),) = changes.sessions.items()
    assert (name, session.parent, session.sums[COST]) == (("s", "a", "k1", "m"), "p", 100)
    assert changes.keys == {"k1": AT}


def test_a_settled_row_never_changes() -> None:
    """Whatever comes again counts once."""
    changes = entered({"r1": settled()}, [settled(cost=999)])
    assert changes == Changes()


def test_an_open_version_changes_nothing_that_was_closed() -> None:
    """An entry of the spool that is read again, late."""
    assert entered({"r1": settled(state=1)}, [record()]) == Changes()


def test_the_true_account_takes_the_place_of_the_estimate() -> None:
    """Also in sums, also if it names another model."""
    estimate = settled(state=int(State.RECONCILED), cost=70, model="m0")
    changes = entered({"r1": estimate}, [settled(cost=100)])
    costs = {name[2]: sums[COST] for name, sums in changes.days.items()}
    assert costs == {"m0": -70, "m": 100}


def test_what_a_crash_left_is_taken_for_what_was_shown() -> None:
    """As estimated, unless the upstream had told its final counts."""
    half = reconciled(record(output=40, cost=9))
    assert (half.state, half.output, half.cost, half.error) == (State.RECONCILED, 40, 9, CRASHED)
    assert half.flags == Flag.ESTIMATED
    whole = reconciled(record(flags=int(Flag.COMPLETE)))
    assert (whole.state, whole.flags, whole.error) == (State.RECONCILED, Flag.COMPLETE, "")


VERSIONS = st.lists(
    st.builds(
        lambda name, state, cost, model, flags, first: settled(
            f"r{name}", state=state, cost=cost, model=model, flags=flags, first=first, session="s" if name % 2 else ""
        ),
        st.integers(0, 5),
        st.integers(0, 2),
        st.integers(0, 1000),
        st.sampled_from(["m", "n"]),
        st.integers(0, 15),
        st.integers(-1, 50),
    ),
    max_size=12,
)


@given(st.lists(VERSIONS, max_size=8))
def test_sums_are_always_the_sum_of_the_rows(batches: list[list[Record]]) -> None:
    """Applied batch by batch, in any order, with anything in them twice."""
    rows: dict[str, Record] = {}
    days: dict[object, list[int]] = {}
    sessions: dict[object, list[int]] = {}
    for batch in batches:
        changes = entered(rows, {version.id: version for version in batch}.values())
        rows |= changes.rows
        for name, sums in changes.days.items():
            days[name] = [one + more for one, more in zip(days.get(name, [0] * len(sums)), sums, strict=True)]
        for agent, session in changes.sessions.items():
            before = sessions.get(agent, [0] * len(session.sums))
            sessions[agent] = [one + more for one, more in zip(before, session.sums, strict=True)]
    closed = [row for row in rows.values() if row.state]
    assert total(days.values()) == total(measures(row) for row in closed)
    assert total(sessions.values()) == total(measures(row) for row in closed if row.session)


def total(sums: "object") -> list[int]:
    """Column by column."""
    return [sum(column) for column in zip([0] * len(MEASURES), *sums, strict=True)]  # type: ignore[misc]  # lists


def test_measures_and_their_names_go_together() -> None:
    """One figure each."""
    told = dict(zip(MEASURES, measures(settled(flags=5, error="x", first=-1)), strict=True))
    assert (told["requests"], told["errors"], told["estimated"], told["unpriced"]) == (1, 1, 1, 1)
    assert (told["cost"], told["first"], told["firsts"]) == (100, 0, 0)
    assert msgspec.structs.astuple(settled())
