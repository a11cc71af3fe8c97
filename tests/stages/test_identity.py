"""Identity: who is told, who is not, and what a pseudonym is."""

from typing import Any

import pytest

from pipeline.exchange import Caller
from stages.identity import claude_code, conceals, identifying, pseudonym
from tests.doubles import exchange, request, upstream


class Peppered:
    """Of a store, what a pseudonym needs."""

    def __init__(self, pepper: bytes) -> None:
        self.keys = self
        self.pepper = pepper


def asked(caller: str = "a1", pepper: bytes | None = b"pepper", **headers: str) -> Any:
    store: Any = None if pepper is None else Peppered(pepper)
    x = exchange(caller=Caller("ada", caller), store=store)
    x.request = request(headers=[(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])
    return x


@pytest.mark.parametrize(
    ("setting", "agent", "program", "hidden"),
    [
        ("never", "curl/8", False, False),
        ("always", "curl/8", False, True),
        ("auto", "curl/8", False, True),
        ("never", "claude-cli/2.1.329 (external, cli)", False, False),
        ("always", "claude-cli/2.1.329 (external, cli)", False, True),
        ("auto", "claude-cli/2.1.329 (external, cli)", False, False),
        ("auto", "not-claude-cli/1", False, True),
        ("always", "curl/8", True, False),
    ],
)
def test_when_it_is_kept(setting: Any, agent: str, program: bool, hidden: bool) -> None:
    """As configured; a program on this machine is told in any case: it keeps conversations apart by it."""
    place = upstream("up", None, client_identity=setting, program=program)
    assert conceals(asked(user_agent=agent), place) is hidden


def test_claude_code_is_known_by_its_session_as_well() -> None:
    """Its SDK names itself otherwise."""
    assert claude_code(asked(x_claude_code_session_id="s").request)
    assert not claude_code(asked(x_session_id="s").request)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (b"user-agent", True),
        (b"x-stainless-os", True),
        (b"x-claude-code-session-id", True),
        (b"x-app", True),
        (b"x-codex-turn-metadata", True),
        (b"session-id", True),
        (b"anthropic-version", False),
        (b"anthropic-beta", False),
        (b"openai-beta", False),
        (b"content-type", False),
        (b"accept", False),
        (b"idempotency-key", False),
        (b"x-anthropic-anything-new", False),
    ],
)
def test_which_fields_tell(name: bytes, told: bool) -> None:
    """Those about the client; none that the request means something by."""
    assert identifying(name) is told


def test_a_pseudonym_is_stable_and_tells_nothing() -> None:
    """The same caller is the same, another is another; so is another upstream, and another pepper."""
    one, two = upstream("one", None), upstream("two", None)
    name = pseudonym(asked(), one)
    assert name is not None
    assert name == pseudonym(asked(), one)
    others = [pseudonym(asked("a2"), one), pseudonym(asked(), two), pseudonym(asked(pepper=b"x"), one)]
    others.append(pseudonym(asked(), one, "a conversation"))
    assert len({name, *others}) == 5
    assert "a1" not in name
    assert pseudonym(asked(pepper=None), one) is None
