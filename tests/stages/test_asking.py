"""Asking an upstream: what the request line says."""

import pytest

from stages.asking import ask
from stages.dialects import anthropic
from tests.doubles import ScriptedPool, Words, exchange, request, upstream


class Others(Words):
    NAME = "others"


@pytest.mark.parametrize(
    ("operators", "asked", "same", "target"),
    [
        ("", "/v1/words", True, "/v1/words"),
        ("", "/v1/words?beta=true", True, "/v1/words?beta=true"),
        ("", "/v1/words?beta=true", False, "/v1/words"),
        ("api-version=1", "/v1/words", True, "/v1/words?api-version=1"),
        ("api-version=1", "/v1/words?beta=true", True, "/v1/words?api-version=1&beta=true"),
        ("api-version=1", "/v1/words?beta=true", False, "/v1/words?api-version=1"),
    ],
)
async def test_the_query(operators: str, asked: str, target: str, *, same: bool) -> None:
    """The operator's goes always, the client's to an upstream of its own dialect."""
    pool = ScriptedPool(200, b"end\n")
    place = upstream("up", pool, dialect=None if same else Others(), query=operators)
    x = exchange()
    x.request = request(target=asked)
    async with ask(x, place, b"{}") as reply:
        await reply.receive()
    assert [call.target for call in pool.calls] == [target]


@pytest.mark.parametrize(
    ("operators", "target"),
    [("", "/v1/models?limit=1000"), ("api-version=1", "/v1/models?limit=1000&api-version=1")],
)
async def test_a_path_that_has_a_query_of_its_own(operators: str, target: str) -> None:
    """Such as the list of models, of which the API tells no more than twenty otherwise."""
    pool = ScriptedPool(200, b"end\n")
    place = upstream("up", pool, query=operators)
    path = anthropic.upstream_path("models", exchange().prompt)
    async with ask(exchange(), place, b"", path=path, own=True) as reply:
        await reply.receive()
    assert [call.target for call in pool.calls] == [target]
