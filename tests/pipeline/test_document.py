"""Documents: untouched means identical, and an edit changes nothing but its place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.document import TRIES, Document, Malformed, Path

PRETTY = b' { "model" : "a" ,\n "x": [1, 2.50 , {"k":1e2}],"messages":[], "\\u006b\\n": null } '
PACKED = b'{"model":"a","x":[1,2.50,{"k":1e2}],"messages":[],"s":"\\u0041\\/","n":null}'

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=4), values, max_size=5)
styles = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False},
                          {"ensure_ascii": False, "separators": (",", ":")}])  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda d: d, PRETTY),
        (lambda d: d.set(("model",), "b"), PRETTY.replace(b'"a"', b'"b"')),
        (lambda d: d.set(("x", -1, "k"), 5), PRETTY.replace(b"1e2", b"5")),
        (lambda d: d.set(("x", 3), "n"), PRETTY.replace(b"1e2}]", b'1e2},"n"]')),
        (lambda d: d.drop(("x", 0)), PRETTY.replace(b"1, 2.50", b"2.50")),
        (lambda d: d.drop(("x", 1)), PRETTY.replace(b", 2.50 ", b" ")),
        (lambda d: d.drop(("x", -1)), PRETTY.replace(b' , {"k":1e2}', b"")),
        (lambda d: d.drop(("model",)), PRETTY.replace(b'"model" : "a" ,\n ', b"")),
        (lambda d: d.set(("messages", 0), {"a": 1}), PRETTY.replace(b"[]", b'[{"a":1}]')),
        (lambda d: d.set(("o", "e"), "high"), PRETTY.replace(b"null }", b'null,"o":{"e":"high"} }')),
        (lambda d: d.drop(("nothing", "here")), PRETTY),
        (lambda d: d.drop(("model",)).set(("model",), "z"), PRETTY.replace(b'"a"', b'"z"')),
    ],
)
def test_an_edit_changes_only_its_place(edit: Any, expected: bytes) -> None:
    """Whitespace, key order and the spelling of numbers stay everywhere else."""
    assert edit(Document(PRETTY)).encode() == expected


@given(objects, st.frozensets(st.text(max_size=4)), styles)
def test_some_members_are_those_that_are_there(body: dict[str, Any], keys: frozenset[str], style: Any) -> None:
    """As reading one after the other tells; also what was set by now, and nothing of what was dropped."""
    document = Document(json.dumps(body, **style).encode())
    assert document.some(keys) == {key: body[key] for key in keys & body.keys()}
    for key in body:
        document = document.set((key,), 1)
    assert document.some(keys) == dict.fromkeys(keys & body.keys(), 1)
    for key in body:
        document = document.drop((key,))
    assert document.some(keys) == {}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda d: d.set(("model",), "b"), PACKED.replace(b'"a"', b'"b"')),
        (lambda d: d.set(("x", -1, "k"), 5), PACKED.replace(b"1e2", b"5")),
        (lambda d: d.set(("x", 3), "n").set(("x", 4), "m"), PACKED.replace(b"1e2}]", b'1e2},"n","m"]')),
        (lambda d: d.drop(("x", 0)).drop(("x", 1)), PACKED.replace(b"1,2.50,", b"")),
        (lambda d: d.drop(("x", 0)).drop(("x", 1)).drop(("x", 2)), PACKED.replace(b'[1,2.50,{"k":1e2}]', b"[]")),
        (lambda d: d.set(("messages", 0), {"a": 1}), PACKED.replace(b"[]", b'[{"a":1}]')),
        (lambda d: d.set(("\u00f6\n", "e"), "high"), PACKED.replace(b"null}", b'null,"\xc3\xb6\\n":{"e":"high"}}')),
        (lambda d: d.drop(("model",)).set(("model",), "z"), PACKED.replace(b'"a"', b'"z"')),
        (lambda d: d.set(("o",), 1).drop(("o",)), PACKED),
    ],
)
def test_so_it_does_in_a_text_without_a_blank(edit: Any, expected: bytes) -> None:
    """Such a text is joined of its members, each in its own spelling."""
    document = Document(PACKED)
    assert [child.value() for _, child in document.items()]  # what was read before makes no difference
    assert edit(document).encode() == edit(Document(PACKED)).encode() == expected


def test_a_document_never_changes() -> None:
    """Edits give new documents; the old one says what it said."""
    old = Document(PRETTY)
    new = old.set(("x", 0), 9).drop(("model",))
    assert old.encode() == PRETTY
    assert new.value()["x"] == [9, 2.5, {"k": 100.0}]
    assert "model" not in new.value()


def test_reading_by_path() -> None:
    """Keys, negative positions, escapes in keys, kinds; nothing where there is nothing."""
    document = Document(PRETTY)
    assert document.at(("x", -1, "k")).value() == 100.0  # type: ignore[union-attr]  # it is there
    assert document.at(("x", 7)) is None
    assert document.at(("x", -4)) is None
    assert document.at(("model", "deeper")) is None
    assert document.read(("x", -1, "k")) == document.set(("x", -1, "k"), 100).read(("x", 2, "k")) == 100
    assert [document.read(path, 7) for path in (("x", 7), ("x", -4), ("no", "k"), ("no",))] == [7] * 4
    assert document.keys() == ["model", "x", "messages", "k\n"]
    assert [child.kind for _, child in document.items()] == ["string", "array", "array", "literal"]


@pytest.mark.parametrize(
    "text",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","model":"bcd"}',
        b'{"model":"abc","model":"b"}',
        b'{"a":{"b":"c"},"a":1}',
        b'{"a":1,"\\u0061":22}',
        b'{"a":"\\",\\"b\\":","a":1}',
        b'{"a":"}","a":1}',
        b'{"a":1,"b":7,"a":{"x":0,"b":2}}',
        b'{"a":1',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b'{"a":' + b"[" * 100_000,
        b"\xef\xbb\xbf{}",
        b"",
    ],
)
def test_broken_or_ambiguous_text_is_malformed(text: bytes) -> None:
    """Also a key given twice, where it would matter which one counts; never another exception."""
    with pytest.raises(Malformed):
        Document(b'{"in":' + text + b"}").at(("in", "model"))


def test_no_edit_reaches_before_the_first() -> None:
    """Nor behind the end, nor into what has no members."""
    document = Document(PACKED).drop(("x", 0))
    for path in (("x", -3), ("x", 5), ("x", "k"), ("model", "k"), (0,)):
        with pytest.raises(KeyError):
            document.set(path, 1)


@given(body=objects, style=styles, key=st.text(max_size=4), value=values)
def test_set_and_drop_mean_what_they_mean_to_a_dict(body: Any, style: Any, key: str, value: Any) -> None:
    """Against json's own idea of the same edit, in every style of writing."""
    document = Document(json.dumps(body, **style).encode())
    assert document.set((key,), value).value() == {**body, key: value}
    assert document.drop((key,)).value() == {k: v for k, v in body.items() if k != key}
    assert list(document.drop((key,)).set((key,), value).keys()) == list({**body, key: value})


def test_what_was_read_before_an_edit_does_not_hide_it() -> None:
    """Nor does an edit show in the document that it was made of."""
    document = Document(b'{"a":[1,2],"b":{"c":1},"d":5}')

    def read(document: Document) -> list[Any]:
        paths: list[Path] = [("a", -1), ("b", "c"), ("new",), ("d",)]
        return [None if (found := document.at(path)) is None else found.value() for path in paths]

    assert read(document) == [2, 1, None, 5]
    edited = document.set(("a", 2), 3).drop(("b", "c")).set(("new",), 4).drop(("d",))
    assert read(edited) == [3, None, 4, None]
    assert read(document) == [2, 1, None, 5]


@given(body=objects, style=styles)
def test_every_member_is_found_as_it_stands(body: Any, style: Any) -> None:
    """The spans cut out exactly the values."""
    document = Document(json.dumps(body, **style).encode())
    assert {key: child.value() for key, child in document.items()} == body


@given(items=st.lists(values, min_size=1), style=styles)
def test_members_of_an_array_begin_somewhere(items: Any, style: Any) -> None:
    """Each where its text is."""
    raw = json.dumps(items, **style).encode()
    document = Document(raw)
    for number, child in document.items():
        assert isinstance(number, int)
        assert raw[document.start(number) :].startswith(child.encode())


tricky = st.text(alphabet='a{"}:,[]\\ ', max_size=12)  # it may look like the beginning of an object, or like its end
tricky_objects = st.dictionaries(tricky, tricky | st.lists(st.dictionaries(tricky, tricky), max_size=2), min_size=1)


@given(items=st.lists(tricky_objects, min_size=1), style=styles, few=st.integers(1, 4))
def test_the_last_members_are_found_from_the_end(items: Any, style: Any, few: int) -> None:
    """Where they are found by reading all, whatever stands in their strings, and however it is written."""
    document = Document(json.dumps(items, **style).encode())
    number = max(0, len(items) - few)
    behind = [b"{" + json.dumps(next(iter(item)), **style).encode() for item in items[number:]]
    assert document.start(number, behind) == document.start(number)


def test_members_that_are_not_found_from_the_end_are_read() -> None:
    """An opening that is spelled otherwise, or is met too often within, costs time and no more."""
    lure = json.dumps({"a": [{"a": 1}] * TRIES}, separators=(",", ":"))
    for raw in (b'[{"b":1}, { "a" : 1 }]', f'[{{"b":1}},{lure}]'.encode()):
        assert Document(raw).start(1, [b'{"a"']) == Document(raw).start(1) == 9 + raw.count(b", ")


def test_nothing_before_the_last_members_is_read() -> None:
    """It was read before: broken or not, it is not looked at."""
    assert Document(b'[{"a":oops},{"b":1},{"a":2}]').start(1, [b'{"b"', b'{"a"']) == 12
