"""Redact: secrets in prompts don't leave the house.

    "the key is sk-ant-api03-…"   ─▶   "the key is [redacted: API key]"

    [[stages]]
    use = "stages.examples.redact:stage"
    after = "auth"
    more = { badge = 'B-\\d{6}' }            # patterns of your own, by what they are

What is replaced is the same in every turn, and nothing that a model signed or a picture is looked at.  A prompt in
which nothing is found is passed on to the byte.
"""

import re
from collections.abc import Iterator
from typing import Any

import attrs

from pipeline.document import Path
from pipeline.exchange import Exchange
from stages.redaction import FORMS

CONTENT = ("system", "messages", "input", "instructions")
UNTOUCHED = frozenset(
    {"signature", "encrypted_content", "thinking", "data", "id", "type", "role", "tool_use_id", "call_id"}
)


def _expressions(redact: "Redact", field: "attrs.Attribute[dict[str, str]]", value: dict[str, str]) -> None:
    for name, text in value.items():
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"{field.name}.{name} is no regular expression: {error}") from None


@attrs.frozen
class Redact:
    """Replace what *known* patterns, and *more* of the house's own, find in what is said."""

    known: tuple[str, ...] = tuple(FORMS)
    more: dict[str, str] = attrs.field(factory=dict, validator=_expressions)

    changes = frozenset(f"prompt.{field}" for field in CONTENT)

    _patterns: tuple[tuple[str, re.Pattern[str]], ...] = attrs.field(init=False, repr=False)
    _any: re.Pattern[bytes] = attrs.field(init=False, repr=False)

    @_patterns.default
    def _compiled(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        chosen = {name: FORMS[name] for name in self.known} | self.more
        return tuple((name, re.compile(text)) for name, text in chosen.items())

    @_any.default
    def _first_look(self) -> re.Pattern[bytes]:
        return re.compile("|".join(f"(?:{pattern.pattern})" for _, pattern in self._patterns).encode())

    def __call__(self, exchange: Exchange) -> None:
        """Look at the bytes first: hardly any prompt has a secret, and then nothing is parsed."""
        prompt = exchange.prompt
        if self._any.search(prompt.encode()) is None:
            return
        for field in CONTENT:
            for path, text in texts(prompt.get(field), (field,)):
                found = [name for name, pattern in self._patterns if pattern.search(text)]
                if found:
                    prompt.set(
                        *path, to=self._without(text), why=f"holds what stays here: {', '.join(found)}", lossy=True
                    )

    def _without(self, text: str) -> str:
        for name, pattern in self._patterns:
            text = pattern.sub(f"[redacted: {name}]", text)
        return text


def texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text in *value* that somebody said, with where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from texts(item, (*path, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in UNTOUCHED:
                yield from texts(item, (*path, key))


stage = Redact
