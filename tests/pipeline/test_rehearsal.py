"""Rehearsal: the stages that only look and edit, as a request would meet them; nobody is asked."""

from typing import ClassVar

import attrs
import pytest

from pipeline.errors import Forbidden
from pipeline.exchange import Exchange
from pipeline.line import Line
from pipeline.live import RULE
from pipeline.rehearsal import asking, exchange_of, rehearse, told
from stages.dialects import anthropic, chat, responses
from stages.reencode import Reencode
from tests.doubles import WORDS, upstream
from tests.doubles import asking as words_asking


@attrs.frozen
class Edits:
    """Sets a field, and tells what it is."""

    field: str

    rehearsed: ClassVar[bool] = True

    def __call__(self, exchange: Exchange) -> None:
        exchange.prompt.set(self.field, to=1, why="for the test", lossy=self.field == "b")
        exchange.note(RULE, "the last")


def refuses(exchange: Exchange) -> None:
    """A stage that must not run."""
    raise Forbidden("nobody may")


def line(*stages: tuple[str, object]) -> Line:
    """A line of *stages* whose source is never asked."""
    return Line(stages, source=refuses, sink=Reencode)  # type: ignore[arg-type]  # neither is called


async def test_only_stages_that_say_so_are_tried_and_those_of_the_first_upstream_last() -> None:
    """In their order, each edit under its name."""
    ups = [
        upstream("one", None, stages=(("c", Edits("c")), ("no", refuses))),
        upstream("two", None, stages=(("d", Edits("d")),)),
    ]
    x = exchange_of(words_asking("m"), WORDS, "ada", [(b"x-agent", b"1")], ups)
    await rehearse(line(("auth", refuses), ("a", Edits("a")), ("b", Edits("b"))), x)
    assert [(edit.stage, edit.path) for edit in x.prompt.edits] == [("a", "a"), ("b", "b"), ("c", "c")]
    assert (x.caller.name if x.caller else None, x.request.header(b"x-agent"), x.upstream) == ("ada", "1", ups[0])
    assert list(told(x)) == [
        "m ─▶ m",
        "  by  the last",
        "  at  one, two",
        "      a added: for the test (a)",
        "      b added, a loss: for the test (b)",
        "      c added: for the test (c)",
    ]


async def test_a_refusal_is_raised_as_a_request_would_get_it() -> None:
    """With its type."""
    refuses.rehearsed = True  # type: ignore[attr-defined]  # a function takes attributes
    try:
        with pytest.raises(Forbidden):
            await rehearse(line(("a", refuses)), exchange_of(words_asking("m"), WORDS, "", [], []))
    finally:
        del refuses.rehearsed  # type: ignore[attr-defined]  # the same


@pytest.mark.parametrize("dialect", [anthropic, chat, responses])
def test_a_small_prompt_is_one_in_any_dialect(dialect: object) -> None:
    """It names the model, and can be read back."""
    prompt = asking("m", dialect)  # type: ignore[arg-type]  # a module with the names of a Dialect
    assert prompt.model == "m"
    assert dialect.to_messages(prompt.body(), prompt)["messages"]  # type: ignore[attr-defined]  # the same
