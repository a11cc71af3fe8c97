"""Who is the vendor: by host, and nobody else."""

from typing import Any

import attrs
import pytest

from stages.dialects import anthropic, chat
from stages.vendor import genuine
from tests.doubles import upstream
from transports.upstream import Origin


def at(host: str, dialect: Any = anthropic) -> Any:
    return attrs.evolve(upstream("up", None, dialect=dialect), origin=Origin("https", host, 443))


@pytest.mark.parametrize(
    ("host", "dialect", "is_it"),
    [
        ("api.anthropic.com", anthropic, True),
        ("anthropic.com", anthropic, True),
        ("api.openai.com", chat, True),
        ("api.anthropic.com", chat, False),
        ("notanthropic.com", anthropic, False),
        ("api.anthropic.com.proxy.test", anthropic, False),
        ("127.0.0.1", anthropic, False),
    ],
)
def test_the_host_tells(host: str, dialect: Any, is_it: bool) -> None:
    """A name that only looks like it is another's; so is the vendor's under a protocol that is not its own."""
    assert genuine(at(host, dialect)) is is_it
