"""What the gateway itself asks for in a Chat prompt: effort, and usage in a stream.

Both are spliced into the client's bytes; nothing else of them changes.
"""

from pipeline.prompt import Prompt
from stages.dialects.chat.effort import FIELD, laid, told
from stages.dialects.chat.families import Family, family
from stages.thinking import intent_of, said


def fit(prompt: Prompt, effort: str | int | None, ways: Family | None = None) -> None:
    """Ask for thinking as *effort* says (a level, a budget in tokens) and the model allows.

    None: as the prompt itself says, which was written for another model; nothing happens where it is not known what
    this one takes.  *ways*: what the model takes, where a provider says so.
    """
    ways = ways or family(prompt.model)
    intent = said(prompt) if effort is None else intent_of(effort)
    if intent is None or (effort is None and ways.efforts is None and ways.quiet is None):
        return
    fields, lost = told(intent, ways, tools=bool(prompt.keys("tools")))
    for key, wish in fields.items():
        value = laid(wish, prompt.get(key))
        if prompt.get(key) != value:
            why = lost if lost and key == FIELD else f"effort {intent.said} was asked for"
            prompt.set(key, to=value, why=why, lossy=bool(lost) and key == FIELD)
    if FIELD in fields:
        return
    if prompt.has(FIELD):
        prompt.drop(FIELD, why=lost or "said in another field here", lossy=bool(lost))
    elif lost:
        prompt.record("dropped", (FIELD,), lost, lossy=True)


def ask_usage(prompt: Prompt) -> bool:
    """See to it that a stream tells its usage; True if the client had not asked (then the decoder hides it)."""
    if prompt.get("stream") is not True or shows_usage(prompt):
        return False
    why = "what a stream costs is told only if asked for"
    if prompt.kind("stream_options") == "object":
        prompt.set("stream_options", "include_usage", to=True, why=why)
    else:
        prompt.set("stream_options", to={"include_usage": True}, why=why)
    return True


def shows_usage(prompt: Prompt) -> bool:
    """Whether the client asked for usage in the stream."""
    return prompt.get("stream_options", "include_usage") is True
