"""A provider: a dialect as one place speaks it.

    chat ──Spoken(chat, DEEPSEEK)──▶ the same dialect under the same name, but for what this provider does otherwise

Many servers speak Chat, and none exactly as the next.  What one does otherwise is a ``Provider``: mostly data, in a
file of its own (``providers/NAME.py``).  An upstream that names it gets its dialect wrapped once, when the
configuration is read; the rest of the program sees a dialect, as ever.  What passes between equals, a Chat client's own
prompt, is left as it is: only what the gateway itself asks for is put in the provider's words.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Literal

import attrs

from pipeline.dialect import Dialect, Route
from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.dialects import chat
from stages.dialects.chat.effort import FIELD, laid
from stages.dialects.chat.families import COMPATIBLE, Family
from stages.dialects.chat.wishes import fit as fit_chat
from stages.dialects.narrow import Rules, narrowed
from stages.thinking import AS_FIT, in_messages, intent_of, said
from transports.messages import Headers

Fields = dict[str, Any]


@attrs.frozen(kw_only=True)
class Provider:
    """What one place does otherwise."""

    ways: Family = COMPATIBLE  # of its models
    models: tuple[tuple[str, Family], ...] = ()  # of those whose names match; the first that does counts
    refused: tuple[str, ...] = ()  # fields of a prompt it answers with a 400
    forced: Literal["yes", "resting", "never"] = "yes"  # calls can be demanded; resting: while thinking is turned off
    spells: Callable[[str, int | None], Fields] | None = None  # an effort, or the budget asked for, in its own fields
    usage: bool = True  # whether a stream may be asked for usage (stream_options); if not, it is told anyway
    schemas: Rules | None = None  # what it reads of a schema; None: all
    # The last word: Chat prompt, hub's, record.  Of the conversation it looks at each message by itself.
    finish: Callable[[Fields, Fields, Prompt], None] | None = None
    credentials: Callable[[str], Headers] | None = None  # the fields that carry a key
    path: Callable[[str, Prompt], str] | None = None  # where an operation lives
    routes: tuple[Route, ...] = ()  # further ends that a URL of it may have

    def family(self, model: str) -> Family:
        """What *model* takes here."""
        name = model.lower()
        return next((ways for pattern, ways in self.models if fnmatchcase(name, pattern)), self.ways)


class Spoken:
    """*dialect* with a provider's own door: what any dialect needs to be sent there."""

    def __init__(self, dialect: Dialect, provider: Provider) -> None:
        self._dialect = dialect
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    def credentials(self, key: str) -> Headers:
        """The fields that carry an API key."""
        return (self._provider.credentials or self._dialect.credentials)(key)


class SpokenChat(Spoken):
    """Chat, as a provider speaks it."""

    @property
    def ROUTES(self) -> tuple[Route, ...]:  # noqa: N802  # the protocol's name for it
        """Paths of the dialect, and ends of the provider's URLs."""
        return (*chat.ROUTES, *self._provider.routes)

    def from_messages(self, body: Fields, prompt: Prompt) -> Fields:
        """*body*, in the Messages shape, as a prompt for this provider; as ``chat.from_messages``."""
        provider = self._provider
        ways = provider.family(str(body.get("model")))
        made = chat.from_messages(body, prompt, ways)
        if provider.spells is not None and FIELD in made:
            intent = in_messages(body) or AS_FIT
            for key, value in provider.spells(made.pop(FIELD), intent.only_budget).items():
                made[key] = laid(value, made.get(key))
        _choose(made, provider, ways, prompt)
        for key in provider.refused:
            if made.pop(key, None) is not None:
                prompt.record("dropped", (key,), "this provider refuses the field", lossy=key != "user")
        if provider.schemas is not None:
            _narrow(made, provider.schemas, prompt)
        if provider.finish is not None:
            provider.finish(made, body, prompt)
        return made

    def fit(self, prompt: Prompt, effort: str | int | None) -> None:
        """Ask for thinking as *effort* says, and the model allows here."""
        provider = self._provider
        fit_chat(prompt, effort, provider.family(prompt.model))
        word = prompt.get(FIELD)
        if provider.spells is None or not isinstance(word, str):
            return
        intent = (said(prompt) if effort is None else intent_of(effort)) or AS_FIT
        prompt.drop(FIELD, why="said in another field here")
        for key, value in provider.spells(word, intent.only_budget).items():
            prompt.set(key, to=laid(value, prompt.get(key)), why=f"effort {word} was asked for")

    def ask_usage(self, prompt: Prompt) -> bool:
        """See to it that a stream tells its usage; where that can't be asked for, it comes unasked."""
        if self._provider.usage:
            return chat.ask_usage(prompt)
        prompt.drop("stream_options", why="this provider refuses the field, and tells usage without it")
        return False

    def upstream_path(self, operation: str, prompt: Prompt) -> str:
        """Where *operation* lives below the base."""
        return (self._provider.path or chat.upstream_path)(operation, prompt)


def _choose(made: Fields, provider: Provider, ways: Family, prompt: Prompt) -> None:
    """Ask for a call where it can't be demanded."""
    if provider.forced == "yes" or made.get("tool_choice") in (None, "auto", "none"):
        return
    resting = ways.quiet is not None and ways.quiet.items() <= made.items()
    if provider.forced == "never" or not resting:
        prompt.record("approximated", ("tool_choice",), "a call can't be demanded from this model now", lossy=True)
        made["tool_choice"] = "auto"


def _narrow(made: Fields, rules: Rules, prompt: Prompt) -> None:
    """Put every schema of *made* as *rules* allow."""
    for place, tool in enumerate(made.get("tools", ())):
        path: Path = ("tools", place, "input_schema")
        tool["function"] = _with(tool["function"], "parameters", path, rules, prompt)
    form = made.get("response_format")
    if form is not None and "json_schema" in form:
        path = ("output_config", "format", "schema")
        form["json_schema"] = _with(form["json_schema"], "schema", path, rules, prompt)


def _with(holder: Fields, key: str, path: Path, rules: Rules, prompt: Prompt) -> Fields:
    schema, changes = narrowed(holder.get(key) or {}, rules)
    for change in changes:
        prompt.record("approximated", (*path, *change.path), change.why, lossy=change.lossy)
    return {**holder, key: schema}
