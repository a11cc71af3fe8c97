"""Names of models, as clients have them and as the CLI takes them.

    opus · sonnet · haiku · claude-sonnet-4-5-20250929      as they are: the CLI knows its own short names
    claude-code-cli/opus                                    without the prefix that other gateways gave them
    claude-opus-4 · claude-sonnet-4 · claude-haiku-4        the family's newest, as they meant there

A name goes onto a command line, so one that could be anything else is refused.
"""

import re

import msgspec

from pipeline.dialect import Model
from stages.dialects import shape

NAME = "claude_cli"
PREFIX = "claude-code-cli/"
FAMILIES = ("opus", "sonnet", "haiku")
MEANT = {f"claude-{family}-4": family for family in FAMILIES}
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*(\[[A-Za-z0-9]+\])?")


def resolve(name: str) -> str:
    """The CLI's name for what a client calls *name*.  InvalidRequest for what is no name."""
    name = name.removeprefix(PREFIX)
    if not _PLAIN.fullmatch(name) or len(name) > 200:
        shape.invalid(("model",), "is no name of a model")
    return MEANT.get(name, name)


def listed() -> bytes:
    """The names that may be asked for, as ``decode_models`` reads them; others may be as well."""
    return msgspec.json.encode([*FAMILIES, *(PREFIX + family for family in FAMILIES)])


def decode_models(body: bytes) -> list[Model]:
    """The models in *body*."""
    return [Model(name, owner="anthropic") for name in msgspec.json.decode(body, type=list[str])]
