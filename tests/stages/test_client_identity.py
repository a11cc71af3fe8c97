"""Client identity: what an upstream is not told, what stands there instead, and that it is recorded."""

import json
from typing import Any

import pytest

from pipeline.prompt import Prompt
from stages.client_identity import stage
from stages.fields import request_fields
from stages.notes import WITHOUT
from tests.doubles import Words, upstream
from tests.stages.test_identity import asked


def sent(spoken: str, body: dict[str, Any], *, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    """The exchange after the stage, on its way to an upstream that conceals, unless *fields* say otherwise."""
    x = asked(**{"user_agent": "curl/8", **(headers or {})})
    x.prompt = Prompt(spoken, json.dumps(body).encode(), author="client_identity")
    x.upstream = upstream("up", None, **{"client_identity": "always", **fields})
    stage(x)
    return x


CODE = {
    "model": "m",
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=1;"},
        {"type": "text", "text": "You are a tool.", "cache_control": {"type": "ephemeral"}},
    ],
    "messages": [{"role": "user", "content": "hi"}],
    "metadata": {"user_id": '{"device_id":"d","session_id":"s"}'},
}


def test_a_user_is_told_by_a_pseudonym() -> None:
    """In each dialect's own place, the same one in every turn; the change is recorded."""
    x = sent("anthropic", CODE)
    name = x.prompt.get("metadata", "user_id")
    assert name.startswith("user_")
    assert name == sent("anthropic", {**CODE, "messages": []}).prompt.get("metadata", "user_id")
    assert ("metadata.user_id", "set") in [(edit.path, edit.action) for edit in x.prompt.edits]
    chat = sent("chat", {"model": "m", "user": "ada@example.com", "safety_identifier": "ada", "messages": []})
    assert chat.prompt.get("user") == chat.prompt.get("safety_identifier") == name
    assert "ada" not in chat.prompt.encode().decode()


def test_who_was_not_named_is_not_named_now() -> None:
    """No field is added: nothing is told that the client did not tell."""
    assert sent("chat", {"model": "m", "messages": []}).prompt.body() == {"model": "m", "messages": []}


def test_a_cache_key_is_another_and_still_tells_conversations_apart() -> None:
    """What is cached stays cached."""
    keys = [sent("responses", {"prompt_cache_key": key}).prompt.get("prompt_cache_key") for key in ("a", "a", "b")]
    assert keys[0] == keys[1] != keys[2]
    assert keys[0] != "a"


def test_what_names_claude_code_goes() -> None:
    """The attribution block, which would be said on behalf of a program that is not to be told; its beta."""
    x = sent("anthropic", CODE, headers={"anthropic_beta": "claude-code-20250219,context-1m-2025-08-07"})
    assert [block["text"] for block in x.prompt.get("system")] == ["You are a tool."]
    assert x.noted(WITHOUT) == {"claude-code-20250219"}


def test_auto_leaves_claude_code_alone() -> None:
    """To the byte, and without an edit."""
    x = sent("anthropic", CODE, headers={"user_agent": "claude-cli/2.1.329"}, client_identity="auto", preface="Hello.")
    assert x.prompt.encode() == json.dumps(CODE).encode()
    assert x.prompt.edits == []


def test_never_is_the_default_and_does_nothing() -> None:
    """Untouched means identical."""
    assert upstream("up", None).client_identity == "never"
    x = sent("anthropic", CODE, client_identity="never")
    assert (x.prompt.encode(), x.prompt.edits) == (json.dumps(CODE).encode(), [])


HEADERS = {
    "user_agent": "some-agent/1",
    "x_stainless_os": "Linux",
    "x_app": "cli",
    "session_id": "s1",
    "anthropic_version": "2023-06-01",
}


@pytest.mark.parametrize("same", [True, False])
def test_the_fields_that_tell_are_not_sent(*, same: bool) -> None:
    """The gateway says its own name, and no other program's; each omission is recorded."""

    class Others(Words):
        NAME = "others"

    dialect: Any = Words() if same else Others()
    x = sent("words", {"model": "m"}, headers=HEADERS, dialect=dialect)
    fields = request_fields(x, x.upstream)
    assert [value for name, value in fields if name == b"user-agent"] == [b"pipeline-gateway"]
    assert not {b"x-stainless-os", b"x-app", b"session-id"} & {name for name, _ in fields}
    assert ((b"anthropic-version", b"2023-06-01") in fields) is same
    dropped = [edit.path for edit in x.prompt.edits if edit.action == "dropped"]
    assert dropped == ["headers.user-agent", "headers.x-stainless-os", "headers.x-app", "headers.session-id"]


def test_the_operators_own_fields_come_last() -> None:
    """Also one that the client had: it is the operator's to say."""
    x = sent("words", {}, headers=HEADERS)
    x.upstream = upstream("up", None, client_identity="always", headers=[(b"user-agent", b"example-gateway")])
    assert request_fields(x, x.upstream)[-1] == (b"user-agent", b"example-gateway")


@pytest.mark.parametrize(
    ("dialect", "body", "path", "text"),
    [
        ("anthropic", {"messages": []}, ("system",), "P"),
        ("anthropic", {"system": "S"}, ("system",), "P\n\nS"),
        ("anthropic", {"system": [{"type": "text", "text": "S"}]}, ("system", 0, "text"), "P"),
        ("responses", {"input": []}, ("instructions",), "P"),
        ("responses", {"instructions": "S"}, ("instructions",), "P\n\nS"),
        ("chat", {"messages": [{"role": "system", "content": "S"}]}, ("messages", 0, "content"), "P\n\nS"),
        ("chat", {"messages": [{"role": "developer", "content": "S"}]}, ("messages", 0, "content"), "P\n\nS"),
        ("chat", {"messages": [{"role": "user", "content": "S"}]}, ("messages", 0, "content"), "P"),
        ("chat", {"messages": [{"role": "system", "content": [{"type": "text", "text": "S"}]}]},
         ("messages", 0, "content", 0, "text"), "P"),
    ],
)  # fmt: skip
def test_the_preface_comes_first(dialect: str, body: dict[str, Any], path: Any, text: str) -> None:
    """Wherever a dialect has its instructions; what the client said there follows."""
    x = sent(dialect, body, preface="P")
    assert x.prompt.get(*path) == text
    assert json.dumps(body).count("S") == x.prompt.encode().count(b"S")


def test_the_preface_is_the_same_in_every_turn() -> None:
    """A conversation that goes on has its former prompt as a prefix: caches hold."""
    turns: list[Any] = [{"role": "user", "content": "one"}]
    first = sent("chat", {"messages": turns}, preface="P").prompt.get("messages")
    turns += [{"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}]
    second = sent("chat", {"messages": turns}, preface="P").prompt.get("messages")
    assert second[: len(first)] == first
