"""The stages to learn from: each does what its first line says, and says so in the report."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import Forbidden
from pipeline.exchange import Caller, Exchange, Out
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from pipeline.naming import dialects
from pipeline.prompt import Prompt
from stages.examples.block import Block, Rule
from stages.examples.cap_tokens import CapTokens
from stages.examples.conversations import Conversations
from stages.examples.redact import Redact
from stages.examples.system_note import SystemNote
from tests.doubles import Kept, Recorder, exchange, words
from tests.pipeline.configs import built

SECRET = "sk-proj-" + "a1B2" * 8
SAYS = {
    "anthropic": {"system": "Be kind.", "messages": [{"role": "user", "content": "hello"}]},
    "chat": {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}]},
    "responses": {"instructions": "Be kind.", "input": "hello"},
}


def asked(dialect: str = "anthropic", **fields: Any) -> Any:
    x = exchange()
    x.dialect = dialects()[dialect]
    x.prompt = Prompt.parse(dialect, json.dumps({"model": "m"} | SAYS[dialect] | fields).encode())
    x.caller = Caller("ada", "k1")
    return x


def said(x: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(x.prompt.encode())
    return body


# -- cap_tokens -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_tokens_are_capped(field: str) -> None:
    """In every dialect's field, and told; a smaller wish stays."""
    x = asked(**{field: 9000})
    CapTokens(8000)(x)
    assert said(x)[field] == 8000
    assert [(edit.path, edit.lossy) for edit in x.prompt.edits] == [(field, True)]
    x = asked(**{field: 10})
    CapTokens(8000)(x)
    assert (said(x)[field], x.prompt.edits) == (10, [])


# -- system_note ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dialect", "path"), [
    ("anthropic", ["system"]), ("chat", ["messages", 0, "content"]), ("responses", ["instructions"]),
])  # fmt: skip
def test_a_note_stands_at_the_end(dialect: str, path: list[str | int]) -> None:
    """Of a text, of a list of parts, and alone where there was nothing; the same in every turn."""
    note = SystemNote("Be brief.")
    x = asked(dialect)
    note(x)
    assert x.prompt.get(*path) == "Be kind.\n\nBe brief."
    x = asked(dialect)
    x.prompt.set(*path, to=[{"type": "text", "text": "Be kind."}], why="test")
    note(x)
    assert x.prompt.get(*path) == [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}]
    assert len(x.prompt.edits) == 2


def test_a_note_where_there_is_no_system_prompt() -> None:
    """It is put where the dialect has it."""
    bare = {"messages": [{"role": "user", "content": "hello"}]}
    for dialect, expected in (
        ("anthropic", {"system": "Be brief."} | bare),
        ("chat", {"messages": [{"role": "system", "content": "Be brief."}, *bare["messages"]]}),
    ):
        x = asked(dialect)
        x.prompt = Prompt.of(dialect, {"model": "m"} | bare)
        SystemNote("Be brief.")(x)
        assert said(x) == {"model": "m"} | expected


# -- block ------------------------------------------------------------------------------------------------------------


RULES = (
    Rule("not for interns", models="m*", callers="intern-*"),
    Rule("stays here", text=r"(?i)project\s+nightfall"),
)


def test_the_first_rule_that_fits_refuses() -> None:
    """With its own reason."""
    x = asked()
    x.caller = Caller("intern-bob", "k2")
    with pytest.raises(Forbidden, match=r"^not for interns$"):
        Block(RULES)(x)
    with pytest.raises(Forbidden, match=r"^stays here$"):
        Block(RULES)(asked(system="On Project  Nightfall: …"))


def test_what_no_rule_fits_passes_untouched() -> None:
    """Nothing is recorded either."""
    x = asked()
    before = x.prompt.encode()
    Block(RULES)(x)
    assert (x.prompt.encode(), x.prompt.edits) == (before, [])


def test_a_rule_that_is_none_is_found_at_start() -> None:
    """Not with the first request."""
    with pytest.raises(ValueError, match="text is no regular expression"):
        Rule("why", text="(")


# -- redact -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", SAYS)
def test_secrets_are_replaced_wherever_they_are_said(dialect: str) -> None:
    """Deep in results of tools as well; what was around them stays."""
    x = asked(dialect)
    path = {"anthropic": ("messages", 0, "content"), "chat": ("messages", 1, "content"), "responses": ("input",)}[
        dialect
    ]
    x.prompt.set(*path, to=f"use {SECRET}, please", why="test")
    Redact()(x)
    assert x.prompt.get(*path) == "use [redacted: API key], please"
    assert SECRET not in x.prompt.encode().decode()
    assert x.prompt.edits[-1].lossy


def test_patterns_of_the_house() -> None:
    """Beside those that are known, or instead of them."""
    x = asked(system=f"B-123456 and {SECRET}")
    Redact(known=(), more={"badge": r"B-\d{6}"})(x)
    assert x.prompt.get("system") == f"[redacted: badge] and {SECRET}"


def test_what_is_signed_or_a_picture_is_left_alone() -> None:
    """A signature covers every character; a picture only looks like text."""
    blocks = [
        {"type": "thinking", "thinking": f"hm {SECRET}", "signature": SECRET},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SECRET}},
        {"type": "text", "text": SECRET},
    ]
    x = asked(messages=[{"role": "assistant", "content": blocks}])
    Redact()(x)
    left = x.prompt.get("messages", 0, "content")
    assert left[:2] == blocks[:2]
    assert left[2]["text"] == "[redacted: API key]"


def test_nothing_found_is_nothing_changed() -> None:
    """To the byte."""
    x = asked()
    before = x.prompt.encode()
    Redact()(x)
    assert (x.prompt.encode(), x.prompt.edits) == (before, [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("access token", "ghp_" + "a" * 36),
        ("cloud key", "AKIA" + "A1B2" * 4),
        ("web token", "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl"),
        ("private key", "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----"),
        ("API key", "AIza" + "b" * 35),
    ],
)
def test_what_is_known(name: str, text: str) -> None:
    """Each by its beginning."""
    x = asked(system=f"a {text} b")
    Redact()(x)
    assert x.prompt.get("system") == f"a [redacted: {name}] b"


# -- what they declare ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", SAYS)
@pytest.mark.parametrize("stage", [Redact(more={"greeting": "hello|kind"}), SystemNote("Be brief."), CapTokens(10)])
def test_what_is_changed_was_declared(stage: Any, dialect: str) -> None:
    """Every edit is below a word that the stage says it changes."""
    x = asked(dialect, max_tokens=9000)
    stage(x)
    assert x.prompt.edits
    for edit in x.prompt.edits:
        assert f"prompt.{edit.path.partition('[')[0].partition('.')[0]}" in stage.changes


# -- conversations ----------------------------------------------------------------------------------------------------


async def test_a_conversation_is_put_down(tmp_path: Path) -> None:
    """Who, what was asked last, and what was said, as far as there is room."""
    async with Conversations(tmp_path / "c.jsonl", most=6) as stage:

        async def source(exchange: Exchange, out: Out) -> None:
            await out.send(words("one ", "two"))

        line = Line((("conversations", stage),), source, lambda x, r: Kept())
        await conduct(asked(), line, Recorder(), Heart(10))
    (record,) = [json.loads(text) for text in (tmp_path / "c.jsonl").read_text().splitlines()]
    assert (record["caller"], record["asked"], record["error"]) == ("ada", {"role": "user", "content": "hello"}, None)
    assert record["said"] == "one tw"


# -- in a line --------------------------------------------------------------------------------------------------------


def test_each_can_be_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its own first lines say."""
    monkeypatch.chdir(tmp_path)
    text = """
        [[stages]]
        use = "stages.examples.redact:stage"
        after = "auth"
        more = { badge = 'B-\\d{6}' }
        [[stages]]
        use = "stages.examples.block:stage"
        after = "auth"
        rules = [{ models = "*-opus-*", why = "no" }]
        [[stages]]
        use = "stages.examples.system_note:stage"
        after = "auth"
        text = "Be brief."
        [[stages]]
        use = "stages.examples.cap_tokens:stage"
        after = "thinking_suffix"
        most = 8000
        [[stages]]
        use = "stages.examples.conversations:stage"
        before = "meter"
        file = "conversations.jsonl"
    """
    line = [name for name, _ in built(text).line.stages]
    assert {"redact", "block", "system_note", "cap_tokens", "conversations"} < set(line)
