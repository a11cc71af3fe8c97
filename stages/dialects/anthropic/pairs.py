"""Betas and fields of the body go together: a field is taken only with its beta, and half a pair is a 400.

    anthropic-beta: context-management-2025-06-27     ═══  {"context_management": {…}}
    anthropic-beta: advanced-tool-use-2025-11-20      ═══  tools[*].defer_loading

Both lists are open: to a server of this API a client's go as they come, unknown ones included.  A server that imitates
it may know fewer.  What it objects to, it names, in words of its own:

    context_management: Extra inputs are not permitted          Unknown field: "context_management"
    tools.0.custom.defer_loading: Extra inputs …                Unexpected value(s) `x-2026` for the … header

``blamed`` reads such a refusal, ``leave_out`` takes the pair out, everywhere it stands.  What a request can't do
without is never taken out.
"""

import re
from collections.abc import Iterator

import attrs

from pipeline.document import Key, Path
from pipeline.prompt import Prompt

ANY = "*"  # in a place: every position of an array


@attrs.frozen
class Pair:
    """A field, by its place (``tools``, ``*``, ``strict``), and betas; one of both may be missing."""

    place: tuple[str, ...] = ()
    betas: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return " and ".join(filter(None, [".".join(self.place), ", ".join(sorted(self.betas))]))


# Which beta a field belongs to, by the beginning of its name: dates change.
PAIRS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("context_management",), ("context-management-", "compact-")),
    (("safeguards",), ("dangerous-tool-use-",)),
    (("diagnostics",), ("cache-diagnosis-",)),
    (("thread",), ("message-threads-",)),
    (("fallbacks",), ("server-side-fallback-",)),
    (("fallback_credit_token",), ("fallback-credit-",)),
    (("compaction",), ("compact-",)),
    (("mcp_servers",), ("mcp-client-",)),
    (("speed",), ("fast-mode-",)),
    (("output_format",), ("structured-outputs-",)),
    (("output_config", "format"), ("structured-outputs-",)),
    (("output_config", "effort"), ("effort-",)),
    (("output_config", "task_budget"), ("task-budgets-",)),
    (("thinking", "display"), ("thinking-display-updates-",)),
    (("thinking", "block_binding"), ("thinking-binding-controls-",)),
    (("messages", ANY, "output_config"), ("per-turn-control-", "mid-conversation-output-config-")),
    (("messages", ANY, "clear_at"), ("mid-conversation-system-clear-at-",)),
    (("tools", ANY, "strict"), ("structured-outputs-",)),
    (("tools", ANY, "defer_loading"), ("advanced-tool-use-", "tool-search-")),
    (("tools", ANY, "input_examples"), ("advanced-tool-use-",)),
    (("tools", ANY, "allowed_callers"), ("advanced-tool-use-",)),
    (("tools", ANY, "eager_input_streaming"), ("fine-grained-tool-streaming-",)),
)

# What a request, a message, a block or a tool can't do without.
_NEEDED = frozenset({"model", "messages", "max_tokens", "system", "tools", "tool_choice", "stream", "stop_sequences"})
_CORE = frozenset({"role", "content", "type", "text", "source", "id", "name", "input", "input_schema", "tool_use_id",
                   "thinking", "signature", "data", "budget_tokens"})  # fmt: skip

_FIELD = r"(?:field|param\w*|argument|propert\w*|key|inputs?)"
_OBJECTS = re.compile(
    r"extra (?:inputs?|fields?)|additional propert|is not allowed"
    rf"|(?:unknown|unrecogni[sz]ed|unexpected|unsupported|invalid)(?: \w+){{0,2}}? {_FIELD}"
    rf"|{_FIELD}\b.{{0,60}}\b(?:unknown|unexpected|not (?:supported|permitted|recogni[sz]ed))",
    re.IGNORECASE | re.DOTALL,
)
# Words that may be places: quoted, with an underscore or a dot inside, before or behind a colon.
_WORD = re.compile(
    r"""(?<=['"`])[A-Za-z][\w.\[\]]*(?=['"`])|[A-Za-z]\w*[_.\[][\w.\[\]]*|[A-Za-z]\w*(?=:)|(?<=: )[A-Za-z]\w*"""
)
_LENGTH = 2000  # characters of a message that are looked at


# -- reading a refusal ------------------------------------------------------------------------------------------------


def blamed(message: str, prompt: Prompt, betas: frozenset[str]) -> Pair | None:
    """What *message* says is not known, of *prompt* and the *betas* sent with it, and what goes with that."""
    message = message[:_LENGTH]
    named = frozenset(beta for beta in betas if beta in message)
    if named and "beta" in message:
        return Pair(betas=named)
    if _OBJECTS.search(message) is None:
        return None
    for word in _WORD.findall(message):
        place = resolved(word, prompt)
        if place:
            return Pair(place, frozenset(beta for beta in betas if beta.startswith(starts(place))))
    return None


def resolved(word: str, prompt: Prompt) -> tuple[str, ...]:
    """The place in *prompt* that *word* names, ``tools.0.custom.strict`` or ``strict`` alone; empty if it is none that
    can be left out."""
    here: list[Key] = []
    place: list[str] = []
    found = False
    parts = [part for part in re.split(r"[.\[\]]+", word) if part]
    for part, further in zip(parts, [*parts[1:], ""], strict=True):
        if further and prompt.get(*here, "type") == part:
            continue  # the name of a variant, which validators put between: ``content.0.text.cache_control``
        key: Key = int(part) if part.isdecimal() and prompt.kind(*here) == "array" else part
        found = prompt.has(*here, key)
        if found:  # else it is one, too: ``tools.0.custom.strict``
            here.append(key)
            place.append(ANY if isinstance(key, int) else key)
    optional = place and place[-1] != ANY and place[-1] not in (_NEEDED if len(place) == 1 else _CORE)
    return tuple(place) if found and optional else ()


def starts(place: tuple[str, ...]) -> tuple[str, ...]:
    """How the betas begin that belong to what stands at *place*, or below."""
    return tuple(name for known, names in PAIRS if known[: len(place)] == place for name in names)


# -- leaving it out ---------------------------------------------------------------------------------------------------


def leave_out(prompt: Prompt, pair: Pair, *, why: str, lossy: bool = True) -> None:
    """Take the fields of *pair* out of *prompt*: its own, and those that go with its betas."""
    places = [pair.place] if pair.place else []
    places += [place for place, names in PAIRS if any(beta.startswith(names) for beta in pair.betas)]
    for place in dict.fromkeys(places):
        for path in paths(prompt, place):
            prompt.drop(*path, why=why, lossy=lossy)
            if len(path) > 1 and isinstance(path[-2], str) and not prompt.keys(*path[:-1]):
                prompt.drop(*path[:-1], why="nothing is left in it")


def paths(prompt: Prompt, place: tuple[str, ...], here: Path = ()) -> Iterator[Path]:
    """Where *place* is in *prompt*."""
    if not place:
        yield here
        return
    head, *rest = place
    for key in prompt.keys(*here) if head == ANY else [head]:
        if prompt.has(*here, key):
            yield from paths(prompt, tuple(rest), (*here, key))


def betas_of(values: list[str]) -> frozenset[str]:
    """The betas in the values of a request's ``anthropic-beta`` fields."""
    return frozenset(beta.strip() for value in values for beta in value.split(",") if beta.strip())
