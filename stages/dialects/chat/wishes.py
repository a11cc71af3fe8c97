"""What the gateway itself asks for in a Chat prompt: effort, and usage in a stream.

Both are spliced into the client's bytes; nothing else of them changes.
"""

from pipeline.prompt import Prompt
from stages.dialects.chat.families import LADDER, Family, clamped, effort_of, family


def fit(prompt: Prompt, effort: str | int | None, ways: Family | None = None) -> None:
    """Ask for thinking as *effort* says (a level, a budget in tokens, None: as it stands) and the model allows.

    The prompt's own ``reasoning_effort`` holds against it.  *ways*: what the model takes, where a provider says so.
    """
    if effort is None or effort == "auto" or prompt.get("reasoning_effort") is not None:
        return
    wish = effort.lower() if isinstance(effort, str) else effort_of(effort) if effort > 0 else "none"
    if wish not in LADDER:
        return
    ways = ways or family(prompt.model)
    switch = ways.quiet if wish == "none" else ways.awake
    if switch is not None:
        for key, value in switch.items():
            prompt.set(key, to=value, why="no thinking was asked for" if wish == "none" else "thinking was asked for")
        if wish == "none" or ways.efforts == ():
            return
    word = wish if ways.efforts is None else clamped(wish, ways.efforts)
    if word is not None and word != "none" and not ways.effort_with_tools and prompt.keys("tools"):
        prompt.record(
            "dropped", ("reasoning_effort",), "this model does not reason here while it has tools", lossy=True
        )
    elif word is None:
        prompt.record("dropped", ("reasoning_effort",), "this model does not reason", lossy=wish != "none")
    else:
        why = f"effort {effort} was asked for"
        prompt.set("reasoning_effort", to=word, why=why, lossy=word != wish)


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
