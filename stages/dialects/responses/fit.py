"""How much to think, said as this API and the prompt's model understand it: ``reasoning.effort``.

"high"   ─▶  that word, or the nearest that the model has          12000 (tokens)  ─▶  the word that it amounts to
"none"   ─▶  "none", or as little as the model can                 "auto"          ─▶  nothing: the model's own
"""

from pipeline.prompt import Prompt
from stages.dialects.chat.effort import FIELD, told
from stages.dialects.chat.families import family
from stages.thinking import intent_of, said

_PATH = ("reasoning", "effort")


def fit(prompt: Prompt, effort: str | int | None) -> None:
    """Ask for thinking as *effort* says (a level, a budget in tokens) and the model allows.

    None: as the prompt itself says, which was written for another model; nothing happens where it is not known what
    this one takes.
    """
    ways = family(prompt.model)
    intent = said(prompt) if effort is None else intent_of(effort)
    if intent is None or (effort is None and ways.efforts is None):
        return
    fields, lost = told(intent, ways, tools=False)  # effort and tools go together here
    word = fields.get(FIELD)
    why = lost or f"effort {intent.said} was asked for"
    if word is None:
        if prompt.get(*_PATH) is not None:
            prompt.drop(*_PATH, why=why, lossy=bool(lost))
        elif lost:
            prompt.record("dropped", _PATH, why, lossy=True)
    elif prompt.kind("reasoning") != "object":
        prompt.set("reasoning", to={"effort": word}, why=why, lossy=bool(lost))
    elif prompt.get(*_PATH) != word:
        prompt.set(*_PATH, to=word, why=why, lossy=bool(lost))
