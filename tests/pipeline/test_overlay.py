"""Options of a key: settings of stages that hold for one caller alone."""

from typing import Annotated, Any, ClassVar, Literal

import attrs
import pytest

from pipeline import Caller
from pipeline.errors import Forbidden
from pipeline.exchange import Exchange
from pipeline.overlay import COPIES, overlaid, problems
from pipeline.stage import Tails, enter
from pipeline.structure import Check
from tests.doubles import exchange


def even(value: int) -> None:
    if value % 2:
        raise ValueError(f"expected an even number, got {value}")


@attrs.frozen
class Painter:
    """A stage with settings, of which a key may change two, and something of its own."""

    colour: Literal["red", "blue"] = "red"
    strokes: Annotated[int, Check(even)] | None = None
    canvas: str = "linen"
    seen: list[str] = attrs.field(init=False, factory=list)

    per_key: ClassVar[frozenset[str]] = frozenset({"colour", "strokes"})

    def __call__(self, exchange: Exchange) -> None:
        self.seen.append(self.colour)


def asked_by(options: Any) -> Exchange:
    """An exchange of a caller whose key has *options*."""
    return exchange(caller=Caller("ada", "a", options=options))


def test_who_has_no_options_meets_the_stage_itself() -> None:
    """No caller, no options, options of other stages."""
    painter = Painter()
    for asked in (exchange(), asked_by({}), asked_by({"sculptor": {}})):
        assert overlaid(painter, "painter", asked) is painter


def test_a_caller_meets_its_own_settings() -> None:
    """What the key does not say stays as configured; what the stage keeps is shared."""
    painter = Painter(canvas="silk")
    mine = overlaid(painter, "painter", asked_by({"painter": {"colour": "blue"}}))
    assert (mine.colour, mine.canvas, mine.seen is painter.seen) == ("blue", "silk", True)
    assert painter.colour == "red"


def test_a_copy_is_made_once() -> None:
    """For a stage and the options of a key, however many requests come; changed options are others."""
    painter, options = Painter(), {"painter": {"colour": "blue"}}
    assert overlaid(painter, "painter", asked_by(options)) is overlaid(painter, "painter", asked_by(options))
    again = overlaid(painter, "painter", asked_by({"painter": {"colour": "red"}}))
    assert again.colour == "red"


def test_many_keys_do_not_fill_the_memory() -> None:
    """What is forgotten is made again."""
    painter = Painter()
    tables = [{"painter": {"strokes": 2 * number}} for number in range(COPIES + 2)]
    assert [overlaid(painter, "painter", asked_by(table)).strokes for table in tables][-1] == 2 * (COPIES + 1)
    assert overlaid(painter, "painter", asked_by(tables[0])).strokes == 0


async def test_the_engine_overlays_what_it_enters() -> None:
    """A stage need not know of it."""
    painter, asked = Painter(), asked_by({"painter": {"colour": "blue"}})
    async with Tails(asked) as tails:
        await enter([("painter", painter), ("another", painter)], asked, tails, [])
    assert painter.seen == ["blue", "red"]


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"painter": {"colour": "blue", "strokes": 4}}, []),
        ({"painter": {"colour": "green"}}, ['painter.colour: expected one of "red", "blue", got "green"']),
        ({"painter": {"strokes": 3}}, ["painter.strokes: expected an even number, got 3"]),
        ({"painter": {"color": "red"}}, ["painter.color: unknown setting; did you mean colour?"]),
        ({"painter": {"canvas": "silk"}}, ["painter.canvas"]),
        ({"painter": "red"}, ["painter: a table of settings is expected: colour, strokes"]),
        ({"paynter": {}}, ["paynter: unknown stage; did you mean painter?"]),
        ({"plain": {"x": 1}}, ["plain: this stage has no settings that a key may change"]),
    ],
)
def test_wrong_options_are_told_when_a_key_is_made(options: Any, wrong: list[str]) -> None:
    """Each with its place."""
    found = problems(options, [("painter", Painter()), ("painter", Painter()), ("plain", print)])
    assert len(found) == len(wrong)
    assert all(text.startswith(start) for text, start in zip(found, wrong, strict=True)), found


def test_a_key_whose_options_make_no_sense_any_more_is_refused() -> None:
    """Rather than served by other rules than it was given."""
    with pytest.raises(Forbidden, match=r"painter\.colour"):
        overlaid(Painter(), "painter", asked_by({"painter": {"colour": "green"}}))
