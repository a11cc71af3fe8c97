"""Paths and fields of the dialect, and that it offers all that a dialect must."""

from pipeline.dialect import Dialect
from pipeline.prompt import Prompt
from stages.dialects import chat


def test_it_is_a_dialect() -> None:
    """Every name of the Protocol is here, and exported."""
    offered = {name for name in vars(Dialect) if not name.startswith("_")} | set(Dialect.__annotations__)
    assert offered <= set(chat.__all__)
    assert all(hasattr(chat, name) for name in chat.__all__)


def test_paths() -> None:
    """Below a base that has the version already."""
    prompt = Prompt.parse("chat", b'{"model":"a/b c"}')
    assert chat.upstream_path("reply", prompt) == "/chat/completions"
    assert chat.upstream_path("models", prompt) == "/models"
    assert chat.upstream_path("model", prompt) == "/models/a%2Fb%20c"
    assert ("POST", "/v1/chat/completions", "reply") in [
        (route.method, route.pattern, route.operation) for route in chat.ROUTES
    ]


def test_fields() -> None:
    """The key is a bearer's; what belongs to OpenAI's clients stays with OpenAI's servers."""
    assert chat.credentials("k") == [(b"authorization", b"Bearer k")]
    assert chat.defaults() == []
    assert [chat.foreign(name) for name in (b"openai-organization", b"x-stainless-os", b"traceparent")] == [
        True,
        True,
        False,
    ]
