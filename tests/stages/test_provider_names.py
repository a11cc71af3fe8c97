"""What places are called in traces."""

import attrs
import pytest

from stages.provider_names import provider_name
from tests.doubles import upstream
from transports.upstream import Origin


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.anthropic.com", "anthropic"),
        ("eu.api.openai.com", "openai"),
        ("work.openai.azure.com", "azure.ai.openai"),
        ("api.x.ai", "x_ai"),
        ("vertex.ai", "mine"),
        ("127.0.0.1", "mine"),
    ],
)
def test_known_places_by_their_host(host: str, name: str) -> None:
    """Others as the operator calls them."""
    assert provider_name(attrs.evolve(upstream("mine", None), origin=Origin("https", host, 443))) == name
