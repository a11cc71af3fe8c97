"""How much to think, said as this API and the prompt's model understand it: ``reasoning.effort``.

"high"   ─▶  that word, or the nearest that the model has          12000 (tokens)  ─▶  the word that it amounts to
"none"   ─▶  "none", or as little as the model can                 "auto"          ─▶  nothing: the model's own
"""

from pipeline.prompt import Prompt
from stages.dialects.chat.families import LADDER, clamped, effort_of, family


def fit(prompt: Prompt, effort: str | int | None) -> None:
    """Ask for thinking as *effort* says (a level, a budget in tokens, None: as it stands) and the model allows.

    The prompt's own effort holds against it.
    """
    if effort is None or effort == "auto" or prompt.get("reasoning", "effort") is not None:
        return
    wish = effort.lower() if isinstance(effort, str) else effort_of(effort) if effort > 0 else "none"
    if wish not in LADDER:
        return
    known = family(prompt.model).efforts
    word = wish if known is None else clamped(wish, known)
    path = ("reasoning", "effort")
    if word is None:
        prompt.record("dropped", path, "this model does not reason", lossy=wish != "none")
    elif prompt.kind("reasoning") == "object":
        prompt.set(*path, to=word, why=f"effort {effort} was asked for", lossy=word != wish)
    else:
        prompt.set("reasoning", to={"effort": word}, why=f"effort {effort} was asked for", lossy=word != wish)
