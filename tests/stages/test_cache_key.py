"""Turns of one session find the same cache, and nobody learns whose session it is."""

from typing import Any

import attrs
import msgspec
import pytest

from pipeline import Caller
from stages.dialects import anthropic, chat, responses
from stages.translate import Translate
from tests.doubles import exchange, upstream
from transports.upstream import Origin

CODE = [(b"x-claude-code-session-id", b"11111111-aaaa")]
CODEX = [(b"session-id", b"22222222-bbbb"), (b"thread-id", b"22222222-bbbb")]


def key(
    client: Any,
    target: Any,
    headers: Any = (),
    *,
    host: str = "api.openai.com",
    caller: str = "ada",
    operation: str = "reply",
    **fields: Any,
) -> Any:
    """The key that an upstream of *target* at *host* is sent."""
    body: dict[str, Any] = {"model": "gpt-5.5", "max_tokens": 9, **fields}
    body["input" if client is responses else "messages"] = [{"role": "user", "content": "x"}]
    there = attrs.evolve(upstream("up", None, dialect=target), origin=Origin("https", host, 443))
    asked = exchange(
        msgspec.json.encode(body), dialect=client, upstream=there, caller=Caller(caller, caller), operation=operation
    )
    asked.request.headers = [*headers]
    Translate()(asked)
    return asked.prompt.get("prompt_cache_key")


@pytest.mark.parametrize("target", [chat, responses])
def test_turns_of_one_session_have_one_key(target: Any) -> None:
    """Whatever the turn says; another session, agent or caller has another."""
    mine = key(anthropic, target, CODE)
    assert mine == key(anthropic, target, CODE, system="Be brief.", stream=True)
    helper = [*CODE, (b"x-claude-code-agent-id", b"a1")]
    others = [key(anthropic, target, CODEX), key(anthropic, target, helper), key(anthropic, target, CODE, caller="bob")]
    assert len({mine, *others}) == 4
    assert len(mine) == 32
    assert "1111" not in mine


def test_a_prompt_may_name_its_session() -> None:
    """Where the head of the request does not."""
    user = {"user_id": msgspec.json.encode({"device_id": "d", "session_id": "11111111-aaaa"}).decode()}
    assert key(anthropic, responses, metadata=user) == key(anthropic, responses, CODE)
    assert key(anthropic, responses, metadata={"user_id": "ada"}) is None


@pytest.mark.parametrize("client", [chat, responses])
def test_a_key_of_the_clients_own_is_left_alone(client: Any) -> None:
    """Also by an upstream of its kin."""
    for target in (chat, responses):
        assert key(client, target, CODEX, prompt_cache_key="mine") == "mine"


def test_who_has_no_session_gets_no_key() -> None:
    """A key made up for each request would find nothing; a count finds nothing anyway."""
    assert key(chat, chat) is None
    assert key(chat, chat, CODEX) is not None
    assert key(chat, chat, CODEX, operation="count_tokens") is None


@pytest.mark.parametrize(
    ("host", "takes"),
    [("api.openai.com", True), ("eu.api.openai.com", True), ("x.openai.azure.com", True), ("api.deepseek.com", False),
     ("notapi.openai.com.evil.test", False), ("127.0.0.1", False)],
)  # fmt: skip
def test_only_servers_that_know_the_field_get_it(host: str, takes: bool) -> None:
    """Others may refuse it."""
    assert (key(anthropic, chat, CODE, host=host) is not None) is takes
