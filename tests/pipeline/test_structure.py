"""Structure: what fits, what does not, and how that is said."""

from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import pytest

from pipeline.layers import Layers, Text
from pipeline.problems import Problems
from pipeline.secret import Secret
from pipeline.structure import Check, structure


def even(value: int) -> None:
    if value % 2:
        raise ValueError("expected an even number")


@attrs.frozen
class Inner:
    name: str
    size: int = 1


@attrs.frozen(kw_only=True)
class Everything:
    """One field of each kind that is configured anywhere."""

    text: str = ""
    number: int = 0
    ratio: float = 0.0
    flag: bool = False
    pair: Annotated[int, Check(even)] = 0
    level: Literal["low", "high"] = "low"
    effort: Literal["low"] | int = 0
    one: Inner | None = None
    many: tuple[Inner, ...] = ()
    words: list[str] = attrs.field(factory=list)
    bag: frozenset[str] = frozenset()
    table: dict[str, int] = attrs.field(factory=dict)
    mixed: dict[str, str | Secret] = attrs.field(factory=dict)
    anything: Any = None
    file: Path | None = None
    secret: Secret | None = None
    _kept: str = "x"


def made(tree: dict[str, Any], environ: dict[str, str] | None = None) -> tuple[Everything | None, list[str]]:
    """*tree* structured, and what was said of it."""
    layers = Layers(file="f", environ=environ or {}, beside=Path("/beside"))
    problems = Problems(layers.label)
    result = structure(tree, Everything, layers, problems.below())
    return result, list(problems)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("text", "5", "5"),
        ("number", 5, 5),
        ("ratio", 5, 5.0),
        ("flag", True, True),
        ("level", "high", "high"),
        ("effort", "low", "low"),
        ("effort", 7, 7),
        ("one", {"name": "a"}, Inner("a")),
        ("many", [{"name": "a"}, {"name": "b", "size": 2}], (Inner("a"), Inner("b", 2))),
        ("words", ["a"], ["a"]),
        ("bag", ["a", "a"], frozenset({"a"})),
        ("table", {"a": 1}, {"a": 1}),
        ("mixed", {"a": "b", "c": {"env": "S"}}, {"a": "b", "c": Secret("hidden")}),
        ("anything", [1, "a"], [1, "a"]),
        ("file", "x.pem", Path("/beside/x.pem")),
        ("file", "/x.pem", Path("/x.pem")),
        ("secret", "plain", Secret("plain")),
        ("secret", {"env": "S"}, Secret("hidden")),
        ("kept", "y", "y"),
    ],
)
def test_values_that_fit(key: str, value: Any, expected: object) -> None:
    """A value of the right kind arrives as its field has it."""
    result, said = made({key: value}, {"S": "hidden"})
    assert said == []
    assert getattr(result, {"kept": "_kept"}.get(key, key)) == expected


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("text", "5", "5"),
        ("text", "{x}", "{x}"),
        ("number", "5", 5),
        ("ratio", "0.5", 0.5),
        ("flag", "true", True),
        ("pair", "4", 4),
        ("level", "high", "high"),
        ("effort", "7", 7),
        ("effort", "low", "low"),
        ("one", '{name = "a"}', Inner("a")),
        ("words", '["a", "b"]', ["a", "b"]),
        ("table", "{a = 1}", {"a": 1}),
        ("anything", "5", 5),
        ("anything", "word", "word"),
        ("file", "x.pem", Path("x.pem")),
        ("secret", "sk-5", Secret("sk-5")),
        ("secret", '{env = "S"}', Secret("hidden")),
    ],
)
def test_text_is_typed_by_its_field(key: str, text: str, expected: object) -> None:
    """What came as text becomes what the field takes; files are then relative to the working directory."""
    result, said = made({key: Text(text)}, {"S": "hidden"})
    assert said == []
    assert getattr(result, key) == expected
    assert type(getattr(result, key)) is type(expected)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("text", 5, "text: expected a string, got 5"),
        ("number", "5", 'number: expected a whole number, got "5"'),
        ("number", 5.0, "number: expected a whole number, got 5.0"),
        ("number", True, "number: expected a whole number, got true"),
        ("number", Text("5s"), 'number: expected a whole number, got "5s"'),
        ("ratio", "30s", 'ratio: expected a number, got "30s"'),
        ("flag", 1, "flag: expected true or false, got 1"),
        ("flag", Text("yes"), 'flag: expected true or false, got "yes"'),
        ("pair", 3, "pair: expected an even number"),
        ("level", "hihg", 'level: expected one of "low", "high", got "hihg"'),
        ("one", {}, "one.name: required, but missing"),
        ("one", "a", 'one: expected a table, got "a"'),
        ("many", {"name": "a"}, "many: expected a list, got a table"),
        ("many", [{"name": "a"}, {"name": 1}], "many[1].name: expected a string, got 1"),
        ("words", "abc", 'words: expected a list, got "abc"'),
        ("words", Text("a,b"), 'words: expected a list, got "a,b"'),
        ("bag", "abc", 'bag: expected a list, got "abc"'),
        ("table", {"a.b": "c"}, 'table."a.b": expected a whole number, got "c"'),
        ("mixed", {"a": 1}, "mixed.a: expected a string, got 1"),
        ("secret", {"env": "NONE"}, "secret: the environment variable NONE is not set"),
        ("secret", {"env": "EMPTY"}, "secret: the environment variable EMPTY is empty"),
        ("secret", {"file": "none"}, "secret: the file /beside/none can't be read: No such file or directory"),
        ("secret", "  ", "secret: the secret is empty"),
        ("secret", 5, 'secret: expected a string, { env = "NAME" } or { file = "path" }'),
        ("secret", {"env": "S", "file": "x"}, 'secret: expected a string, { env = "NAME" } or { file = "path" }'),
        ("txet", 1, "txet: unknown key; did you mean text?"),
        ("_kept", "x", "_kept: unknown key; did you mean kept?"),
    ],
)
def test_values_that_do_not_fit(key: str, value: Any, line: str) -> None:
    """One sentence each, with its path; nothing is coerced."""
    result, said = made({key: value}, {"EMPTY": " "})
    assert result is None
    assert said == [f"f: {line}"]


def test_everything_wrong_is_told_at_once() -> None:
    """At every depth, in the order of the fields, unknown keys last."""
    _, said = made({"number": "x", "one": {"size": "y", "nam": 1}, "many": [{}, {}], "zzz": 1, "pair": 1})
    assert [line.partition(": ")[2].partition(":")[0] for line in said] == [
        "number",
        "pair",
        "one.name",
        "one.size",
        "one.nam",
        "many[0].name",
        "many[1].name",
        "zzz",
    ]


def test_a_secret_from_a_file_is_without_its_line_end(tmp_path: Path) -> None:
    """Editors and ``echo`` add one."""
    (tmp_path / "key").write_text("sk-1\n")
    layers = Layers(beside=tmp_path)
    assert structure({"secret": {"file": "key"}}, Everything, layers, Problems(layers.label).below()) == Everything(
        secret=Secret("sk-1")
    )


def test_a_refused_value_does_not_tell_a_secret() -> None:
    """Tables and lists are named, not shown."""
    _, said = made({"number": {"env": "hunter2"}, "text": ["hunter2"], "secret": ["hunter2"]})
    assert len(said) == 3
    assert "hunter2" not in "".join(said)


@attrs.frozen
class Picky:
    """Settings of somebody's stage, checked in its own way."""

    low: int = 0
    high: int = 1

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")
        if self.high == 13:
            raise RuntimeError("thirteen")


@pytest.mark.parametrize(
    ("tree", "line"), [({"low": 2}, "f: low is above high"), ({"high": 13}, "f: RuntimeError: thirteen")]
)
def test_what_a_class_refuses_itself_is_told(tree: dict[str, int], line: str) -> None:
    """Its sentence is the line; a bug in it is told by its kind."""
    layers = Layers(file="f")
    problems = Problems(layers.label)
    assert structure(tree, Picky, layers, problems.below()) is None
    assert list(problems) == [line]
