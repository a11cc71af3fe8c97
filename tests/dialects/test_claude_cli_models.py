"""Names of models: the CLI's own, those of other gateways, and what is no name at all."""

import pytest

from pipeline.errors import InvalidRequest
from stages.dialects.claude_cli.models import decode_models, listed, resolve


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("opus", "opus"),
        ("sonnet[1m]", "sonnet[1m]"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929"),
        ("claude-code-cli/haiku", "haiku"),
        ("claude-code-cli/claude-opus-4", "opus"),
        ("claude-sonnet-4", "sonnet"),
        ("claude-haiku-4", "haiku"),
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "us.anthropic.claude-opus-4-5-20251101-v1:0"),
    ],
)
def test_what_a_name_means(asked: str, meant: str) -> None:
    """Short names stay, prefixes go, and nothing falls back to the most expensive one."""
    assert resolve(asked) == meant


@pytest.mark.parametrize("name", ["", "-p", "--model=opus", "claude-code-cli/", "claude-code-cli/--resume", "a b",
                                  "a\nb", "x" * 201, "opus[", "opus[1m", "opus\0"])  # fmt: skip
def test_what_could_be_an_option_is_no_name(name: str) -> None:
    """A name goes onto a command line."""
    with pytest.raises(InvalidRequest):
        resolve(name)


def test_the_list_has_names_that_resolve() -> None:
    """With and without the prefix that clients of other gateways have in their settings."""
    names = [model.id for model in decode_models(listed())]
    assert {"opus", "sonnet", "haiku", "claude-code-cli/opus"} <= set(names)
    assert {resolve(name) for name in names} == {"opus", "sonnet", "haiku"}
