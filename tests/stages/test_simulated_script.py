"""The words that direct the simulated model, and how the model finds them."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.simulated import script as words
from stages.simulated import steps
from stages.simulated.asked import Asked, Message, Part
from stages.simulated.script import ScriptError, parse


def turns(text: str) -> list[list[steps.Step]]:
    found = parse(text)
    assert found is not None
    return [list(turn) for turn in found.turns]


EVERY = {
    "[[say hello there]]": steps.Say("hello there"),
    '[[say "a ]] b\\n"]]': steps.Say("a ]] b\n"),
    "[[think hm]]": steps.Think("hm"),
    "[[refuse no]]": steps.Refuse("no"),
    "[[redacted]]": steps.Redact(),
    "[[echo]]": steps.Echo(),
    "[[block]]": steps.Split(),
    "[[tokens 3]]": steps.Filler(12, 4),
    "[[size 5000]]": steps.Filler(5000, 1024),
    '[[call Bash {"command":"echo [[hi]]"}]]': steps.Call("Bash", '{"command":"echo [[hi]]"}'),
    '[[call-raw Bash {"comm]]': steps.Call("Bash", '{"comm'),
    "[[wait 2.5]]": steps.Wait(2.5),
    "[[pause 3 every=0.5]]": steps.Wait(3, 0.5),
    "[[ping]]": steps.Ping(),
    "[[unknown-event]]": steps.Strange(),
    "[[stop max_tokens]]": steps.Stop("max_tokens"),
    "[[stop stop_sequence END]]": steps.Stop("stop_sequence", "END"),
    "[[error overloaded_error]]": steps.Fail("overloaded_error"),
    '[[error api_error message="it broke"]]': steps.Fail("api_error", "it broke"),
    "[[cut]]": steps.Cut(),
    "[[cut times=2]]": steps.Cut(times=2),
    "[[eof]]": steps.Eof(),
    "[[fault 529]]": steps.Fault("529"),
    "[[fault overflow]]": steps.Fault("overflow"),
    "[[fault quota]]": steps.Fault("quota"),
    '[[fault 429 retry-after=2 type=t message="m" code=c]]': steps.Fault("429", "t", "m", "c", (("retry-after", "2"),)),
    "[[html 503]]": steps.Page(503),
    "[[html]]": steps.Page(502),
    "[[empty]]": steps.Empty(),
    "[[hang]]": steps.Hang(),
    "[[reset]]": steps.Reset(),
    "[[rate 25]]": steps.Manner("rate", 25.0),
    "[[burst 4]]": steps.Manner("burst", 4),
    "[[bytes 1]]": steps.Manner("bytes", 1),
    "[[late 0.5]]": steps.Manner("late", 0.5),
    "[[crlf]]": steps.Manner("crlf"),
    "[[json]]": steps.Manner("json"),
    "[[interleave]]": steps.Manner("interleave"),
    "[[name x]]": steps.Name("x"),
    "[[usage input=3 cache_read=4]]": steps.Count((("input", 3), ("cache_read", 4))),
}


@pytest.mark.parametrize("text", EVERY)
def test_every_word_is_read(text: str) -> None:
    """Each directive gives its step, wherever it stands in the text."""
    assert turns(f"Please {text} now.") == [[EVERY[text]]]


def test_every_word_is_tried_and_told() -> None:
    """No directive is missing from these tests or from the language's own description."""
    tried = " ".join(EVERY)
    for word in {*words.FREE, *words.PLAIN} - {"calls"}:
        assert f"[[{word}" in tried
        assert f"[[{word}" in (words.__doc__ or "")


def test_parallel_calls_are_several_in_one_turn() -> None:
    """Calls stand side by side, in one directive or in several."""
    both = [steps.Call("A", "{}"), steps.Call("B", '{"x": [[1]]}')]
    assert turns('[[calls A {} B {"x": [[1]]}]]') == [both]
    assert turns('[[call A {}]] and [[call B {"x": [[1]]}]]') == [both]


def test_then_parts_turns() -> None:
    """Turns are parted by [[then]]; an empty one is a turn without words."""
    assert turns("[[say a]] [[then]] [[then]] [[say b]]") == [[steps.Say("a")], [], [steps.Say("b")]]


@pytest.mark.parametrize(
    "text", ["", "plain", "if [[ -f x ]]; then", "see [[Some Page]] and [[wiki-link]]", "[[1,2],[3]]", "[[cut"]
)
def test_other_brackets_are_no_script(text: str) -> None:
    """Shell tests, links and arrays in an ordinary prompt mean nothing."""
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[say a]] [[wiat 2]]", "no directive [[wiat]]"),
        ("[[wait]]", "number"),
        ("[[wait long]]", "number"),
        ("[[wait -1]]", "number"),
        ("[[tokens 999999999]]", "number"),
        ("[[say never closed", "not closed"),
        ("[[wait 1", "not closed"),
        ('[[say "a" b]]', "]] is missing"),
        ("[[call Bash]]", "a tool and its input"),
        ('[[call Bash {"a":}]]', "Expecting value"),
        ("[[fault 200]]", "status"),
        ("[[wait 1 colour=red]]", "no option 'colour'"),
        ("[[cut times=often]]", "not a number"),
        ("[[usage input=x]]", "numbers"),
        ("[[stop]]", "a word after"),
        ("[[pause 3 every=x]]", "number"),
    ],
)
def test_slips_of_the_pen_are_told(text: str, told: str) -> None:
    """What is nearly a script is an error that says what is wrong, never a plain prompt."""
    with pytest.raises(ScriptError) as caught:
        parse(text)
    assert told in str(caught.value)


@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3))
def test_any_text_and_input_can_be_said(text: str, given_input: dict[str, object]) -> None:
    """A JSON string says any text, and any JSON object can be a tool's input."""
    source = json.dumps(given_input)
    assert turns(f"[[say {json.dumps(text)}]][[call T {source}]]") == [[steps.Say(text), steps.Call("T", source)]]


@given(st.text(alphabet='[]{}" =saytwi1\n', max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is written, there is a script, none, or an error that says why."""
    try:
        found = parse(text)
    except ScriptError:
        return
    assert found is None or found.turns


# -- where the script is ----------------------------------------------------------------------------------------------


def asked(*messages: tuple[str, object]) -> Asked:
    return Asked("m", [Message(role, content) for role, content in messages])  # type: ignore[arg-type]  # short to write


def test_the_newest_script_counts_and_turns_are_answers_since() -> None:
    """The last user message with directives is the script; how often the model spoke since is the turn."""
    found, turn = asked(
        ("user", "[[say old]]"),
        ("assistant", "old"),
        ("user", [Part("text", "<system-reminder>x</system-reminder>"), Part("text", "do [[say new]]")]),
        ("system", "mid-conversation"),
        ("assistant", [Part("tool_use")]),
        ("user", [Part("tool_result"), Part("text", "a reminder without directives")]),
    ).script()
    assert found is not None
    assert found.turns[0] == (steps.Say("new"),)
    assert turn == 1


def test_neighbouring_answers_are_one() -> None:
    """Two assistant messages in a row are one turn, as the server merges them."""
    assert asked(("user", "[[ping]]"), ("assistant", "a"), ("assistant", "b"), ("user", "go on")).script()[1] == 1


def test_only_the_users_words_are_searched() -> None:
    """Directives in tool results, answers and instructions are not obeyed."""
    result = Part("tool_result", content=msgspec.Raw(b'[{"type":"text","text":"[[cut]]"}]'))
    nobody = asked(("system", "[[cut]]"), ("assistant", "[[cut]]"), ("tool", "[[cut]]"), ("user", [result]))
    assert nobody.script()[0] is None


@pytest.mark.parametrize("piece", [4, 1024])
@pytest.mark.parametrize("size", [0, 1, 4, 95, 96, 97, 5000])
def test_filler_in_pieces_is_filler_at_once(size: int, piece: int) -> None:
    """The pieces that repeat, and the rest, make up the same text as one."""
    filler = steps.Filler(size, piece)
    whole, rest = filler.split()
    period = filler.period()
    assert "".join(period[n % len(period)] for n in range(whole)) + rest == filler.text
    assert len(filler.text) == size
