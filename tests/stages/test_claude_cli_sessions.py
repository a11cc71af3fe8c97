"""Sessions: found again by whom they belong to, for what they were, and once."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.claude_cli import sessions
from stages.claude_cli.sessions import Book, Session, digest_of, key_of, new
from stages.dialects.claude_cli.talk import digest


def says(role: str, words: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": words}]}


Q1, A1, Q2, A2, Q3 = (
    says("user", "q1"), says("assistant", "a 1"), says("user", "q2"), says("assistant", "a2"), says("user", "q3")
)  # fmt: skip
FIRST = Session("id-1", 1, digest_of([Q1]), digest(A1))  # Q1 was asked, A1 answered


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "sessions.sqlite", 60)


@pytest.mark.parametrize(
    ("messages", "fits"),
    [
        ([Q1, A1, Q2], True),
        ([Q1, A1, Q2, A2, Q3], True),  # a turn was answered by someone else in between
        ([Q1, says("assistant", "a\n1 "), Q2], True),  # white space is the client's own
        ([Q1, A2, Q2], False),  # another answer was kept
        ([Q2, A1, Q2], False),  # the question was edited
        ([Q1, A1], False),
        ([Q1], False),
        ([Q1, Q2, Q3], False),
        ([], False),
    ],
)
def test_what_goes_on_with_a_session(messages: list[Any], fits: bool) -> None:
    """The same messages, the same reply, and something after them."""
    assert FIRST.fits(messages) is fits


def test_a_session_is_taken_once(book: Book) -> None:
    """Who comes second starts anew, until it is put back."""
    assert book.take("k", [Q1, A1, Q2]) is None
    book.put("k", FIRST)
    assert book.take("k", [Q1, A1, Q2]) == FIRST
    assert book.take("k", [Q1, A1, Q2]) is None
    book.put("k", FIRST)
    book.put("k", Session("id-2", 1, digest_of([Q1]), digest(A2)))
    assert book.take("k", [Q1, A2, Q2]) == Session("id-2", 1, digest_of([Q1]), digest(A2))


def test_a_session_that_does_not_fit_is_forgotten(book: Book) -> None:
    """The conversation has gone another way."""
    book.put("k", FIRST)
    assert book.take("k", [Q2]) is None
    assert book.take("k", [Q1, A1, Q2]) is None


def test_a_book_outlives_the_program(book: Book) -> None:
    """Another process of the gateway reads the same one."""
    book.put("k", FIRST)
    assert Book(book.file, 60).take("k", [Q1, A1, Q2]) == FIRST


def test_a_session_is_forgotten_in_time(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many seconds after it was last used; others stay."""
    now = 1_000_000.0
    monkeypatch.setattr(sessions.time, "time", lambda: now)
    book.put("old", FIRST)
    now += 59
    book.put("young", FIRST)
    now += 2
    assert book.take("old", [Q1, A1, Q2]) is None
    assert book.take("young", [Q1, A1, Q2]) == FIRST


def test_no_words_are_in_the_book(book: Book) -> None:
    """Digests and counts."""
    book.put(key_of("ada", "my-session", [says("user", "secret words")]), FIRST)
    text = book.file.read_bytes()
    assert b"secret words" not in text
    assert b"my-session" not in text


def test_a_failed_change_leaves_nothing_behind(book: Book) -> None:
    """A session half put down is not there."""
    broken: Any = Session("id", "many", "a", "b")  # type: ignore[arg-type]  # what the table refuses
    with pytest.raises(sqlite3.Error):
        book.put("k", broken)
    assert book.take("k", [Q1, A1, Q2]) is None


def test_a_key_keeps_conversations_apart() -> None:
    """Of callers, of sessions, and of those that begin otherwise under one name."""
    keys = {key_of("ada", "s", [Q1, A1]), key_of("bob", "s", [Q1]), key_of("ada", "t", [Q1]), key_of("ada", "s", [Q2])}
    assert len(keys) == 4
    assert key_of("ada", "s", [Q1]) in keys


def test_an_id_is_new_each_time() -> None:
    """The CLI takes an id only once."""
    assert new("k").id != new("k").id


@given(st.text(), st.text())
def test_what_differs_has_another_digest(one: str, other: str) -> None:
    """To the byte for a user's words, white space apart for an assistant's."""
    user = digest_of([says("user", one)]) == digest_of([says("user", other)])
    assistant = digest_of([says("assistant", one)]) == digest_of([says("assistant", other)])
    assert user == (one == other)
    assert assistant == (one.split() == other.split() or "".join(one.split()) == "".join(other.split()))
