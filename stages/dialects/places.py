"""Places, in the words of who asked.

    recorded while the hub is told on    a Chat client knows it as       a Responses client
    output_config.effort                 reasoning_effort                reasoning.effort
    messages[3].content[1]               messages                        input
    tools[0].input_schema                tools[0].function.parameters    tools[0].parameters

What a target's dialect drops or refuses it names as the hub has it.  Who spoke another dialect never said such a thing:
records and errors get the name of what was said, as near as that can be told.  Turns are cut and joined on the way, so
of a place within the conversation only that it is there is told.
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.prompt import spell
from stages.dialects.responses.tools_in import Called
from stages.dialects.wording import Words

_SCHEMA = re.compile(r"tools\[(\d+)\]\.input_schema")
_TALK = re.compile(r"(?:messages|system)(?![^.\[])")

# The hub's names, and the client's; what is not here has one name.
_FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    "chat": (
        ("output_config.effort", "reasoning_effort"),
        ("output_config.format", "response_format.json_schema"),
        ("output_config", "response_format"),
        ("thinking", "reasoning_effort"),
        ("stop_sequences", "stop"),
        ("metadata.user_id", "user"),
    ),
    "responses": (
        ("output_config.effort", "reasoning.effort"),
        ("output_config.format", "text.format"),
        ("response_format.json_schema", "text.format"),
        ("response_format", "text.format"),
        ("output_config", "text"),
        ("thinking", "reasoning"),
        ("max_tokens", "max_output_tokens"),
        ("metadata.user_id", "safety_identifier"),
    ),
}


def words_of(dialect: str, asked: Mapping[str, Any]) -> Words:
    """How the client that sent *asked*, in *dialect*, calls a place of the hub."""
    known = _FIELDS.get(dialect)
    if known is None:
        return str
    if dialect == "chat":
        limit = "max_completion_tokens" if "max_completion_tokens" in asked else "max_tokens"
        return lambda place: _named(place, (*known, ("max_tokens", limit)), "messages", "tools[{}].function.parameters")
    tools = [spell(tool.path) for tool in Called(dict(asked)).tools.values()]

    def named(place: str) -> str:
        schema = _SCHEMA.match(place)
        if schema is not None and int(schema[1]) < len(tools):
            return f"{tools[int(schema[1])]}.parameters{place[schema.end() :]}"
        return _named(place, known, "input", "tools[{}].parameters")

    return named


def _named(place: str, known: tuple[tuple[str, str], ...], talk: str, schema: str) -> str:
    """*place* by the names *known*; those of the conversation as *talk*, of tools' schemas as *schema*."""
    if _TALK.match(place):
        return talk
    if place.startswith("thinking."):  # what it says of thinking a client says in one word
        return _named("thinking", known, talk, schema)
    if found := _SCHEMA.match(place):
        return schema.format(found[1]) + place[found.end() :]
    for theirs, ours in known:
        if place == theirs or place.startswith(f"{theirs}."):
            return ours + place.removeprefix(theirs)
    return place
