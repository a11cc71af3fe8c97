"""How much to think, said as this API and the prompt's model understand it.

    effort    adaptive models                          models with a budget
    high      thinking adaptive, output_config.effort  thinking enabled, budget_tokens 32000
    12000     the level that comes nearest             that budget
    auto      thinking adaptive, the model's own level  budget 16000
    none, 0   disabled, or what the model has instead  no thinking

``capabilities`` says what a model takes.  One that is not there is asked in the newest manner, or with a budget where
one was given.  ``display`` and whatever else a client set beside the type stays.  Every change is recorded.
"""

from typing import Any

from pipeline.prompt import Prompt
from stages.capabilities import LADDER, Capability, Effort, capability
from stages.dialects.anthropic.prompt import SAMPLING

BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "auto": 16_000, "high": 32_000, "xhigh": 64_000, "max": 64_000}
LEAST = 1024  # tokens the API takes as a budget, at least
ANSWER = 4096  # tokens left for the answer, where a budget fills all that a model can write
# A budget as a level: the highest budget of each, the rest is max.
LEVELS: tuple[tuple[int, Effort], ...] = ((2048, "low"), (16_384, "medium"), (49_152, "high"))

_KEPT = ("display", "block_binding")  # of a client's thinking, under adaptive and enabled


def fit(prompt: Prompt, effort: str | int | None) -> None:
    """Ask for thinking as *effort* says and the prompt's model allows; None: leave all as it is."""
    if effort is None:
        return
    known = capability(prompt.model)
    wish = effort.lower() if isinstance(effort, str) else max(effort, 0) or "none"
    if wish == "none":
        quiet(prompt, known)
    elif known is None:
        think_unknown(prompt, wish)
    elif "adaptive" in known.thinking:
        think_adaptive(prompt, known, wish)
    else:
        think_budget(prompt, known, wish)


# -- less -------------------------------------------------------------------------------------------------------------


def quiet(prompt: Prompt, known: Capability | None) -> None:
    """As little thinking as the model can do."""
    if known is not None and known.default == "off":
        prompt.drop("thinking", why="no thinking was asked for")
    elif known is None or "disabled" in known.thinking:
        become(prompt, {"type": "disabled"}, "no thinking was asked for")
    elif "between_tools" in known.thinking:
        become(prompt, {"type": "between_tools"}, "this model thinks between tools at least")
    else:
        set_effort(prompt, known, "low", "this model can't but think: its lowest effort stands for none")
        if prompt.get("thinking", "type") not in {None, "adaptive"}:
            prompt.drop("thinking", why="this model's thinking can't be turned off", lossy=True)
        return
    said = prompt.get("output_config", "effort")
    if known is not None and said in LADDER and LADDER.index(said) > LADDER.index(known.quiet):
        set_effort(prompt, known, known.quiet, "the highest effort at which this model's thinking may be off")


def withdraw(prompt: Prompt, why: str) -> None:
    """Forgo thinking for this request, and the effort that goes with it."""
    prompt.drop("thinking", why=why, lossy=True)
    prompt.drop("output_config", "effort", why=why, lossy=True)
    if prompt.has("output_config") and not prompt.keys("output_config"):
        prompt.drop("output_config", why="nothing is left in it")


# -- more -------------------------------------------------------------------------------------------------------------


def think_unknown(prompt: Prompt, wish: str | int) -> None:
    """A model of which nothing is known, asked in the newest manner."""
    if isinstance(wish, int):
        think_within(prompt, wish, None)
        return
    become(prompt, {"type": "adaptive"}, f"effort {wish} was asked for")
    if wish != "auto":
        prompt.set("output_config", "effort", to=level(wish), why=f"effort {wish} was asked for")


def think_adaptive(prompt: Prompt, known: Capability, wish: str | int) -> None:
    """A model that decides itself how much to think."""
    why = f"effort {wish} was asked for"
    become(prompt, {"type": "adaptive"}, why)
    if wish != "auto":
        set_effort(prompt, known, level(wish), why)
    fit_sampling(prompt, known)


def think_budget(prompt: Prompt, known: Capability, wish: str | int) -> None:
    """A model that is told how many tokens it may think."""
    if prompt.get("tool_choice", "type") in {"any", "tool"}:
        withdraw(prompt, "a forced tool choice rules out thinking on this model")
    elif prompt.get("messages", -1, "role") == "assistant":
        withdraw(prompt, "an answer that is already begun rules out thinking on this model")
    elif prompt.get("max_tokens") == 0:
        withdraw(prompt, "a request that only fills the cache can't think")
    else:
        think_within(prompt, BUDGETS.get(wish, BUDGETS["auto"]) if isinstance(wish, str) else wish, known.output)
        fit_sampling(prompt, known)


def think_within(prompt: Prompt, budget: int, output: int | None) -> None:
    """Thinking with *budget* tokens, at least LEAST and less than max_tokens; *output*: what max_tokens may be."""
    budget, limit = max(budget, LEAST), prompt.get("max_tokens")
    if isinstance(limit, int) and limit <= budget:
        most = max(output or limit, limit, LEAST + 1)
        raised = min(budget + limit, most)
        if raised > limit:
            prompt.set("max_tokens", to=raised, why="the limit counts thoughts, too, and must be above their budget")
        budget = min(budget, max(raised - min(limit, ANSWER), LEAST))
    become(prompt, {"type": "enabled", "budget_tokens": budget}, "thinking was asked for")


def fit_sampling(prompt: Prompt, known: Capability) -> None:
    """Drop the sampling parameters that a model refuses while it thinks: all but temperature 1 and top_p 0.95 to 1."""
    if known.sampling != "limited":
        return
    for name in SAMPLING:
        value = prompt.get(name)
        taken = (
            value == 1
            if name == "temperature"
            else name == "top_p" and isinstance(value, int | float) and 0.95 <= value <= 1
        )
        if value is not None and not taken:
            prompt.drop(name, why="not while the model thinks", lossy=True)


# -- parts ------------------------------------------------------------------------------------------------------------


def level(wish: str | int) -> Effort:
    """The level that *wish* comes to."""
    if isinstance(wish, int):
        return next((name for most, name in LEVELS if wish <= most), "max")
    return next((name for name in LADDER if name == wish), "low" if wish == "minimal" else "medium")


def set_effort(prompt: Prompt, known: Capability, effort: Effort, why: str) -> None:
    """Set the effort to the level nearest to *effort* that the model has."""
    nearest = known.nearest(effort)
    if nearest is not None and prompt.get("output_config", "effort") != nearest:
        why = why if nearest == effort else f"{why}; the nearest that this model has is {nearest}"
        prompt.set("output_config", "effort", to=nearest, why=why, lossy=nearest != effort)


def become(prompt: Prompt, thinking: dict[str, Any], why: str) -> None:
    """Set ``thinking``; what the client said about how it is shown and bound stays, where the type allows it."""
    now = prompt.get("thinking")
    if isinstance(now, dict) and thinking["type"] in {"adaptive", "enabled"}:
        thinking = {**thinking, **{name: now[name] for name in _KEPT if name in now}}
    if now != thinking:
        prompt.set("thinking", to=thinking, why=why)
