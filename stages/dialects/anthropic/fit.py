"""How much to think, said as this API and the prompt's model understand it; and what the model refuses beside it.

    effort    adaptive models                          models with a budget
    high      thinking adaptive, output_config.effort  thinking enabled, budget_tokens 32000
    12000     the level that comes nearest             that budget
    auto      thinking adaptive, the model's own level  budget 16000
    none, 0   disabled, or what the model has instead  no thinking

``capabilities`` says what a model takes.  One that is not there is asked in the newest manner, or with a budget where
one was given.  ``display`` and whatever else a client set beside the type stays.  Every change is recorded.

A prompt that was written for another model (``settle``) may besides ask for what this one refuses: sampling, a call
that must be made, more tokens than it writes, an answer that is already begun.
"""

from typing import Any

from pipeline.prompt import Prompt
from stages.capabilities import LADDER, Capability, Effort, capability
from stages.dialects.anthropic.blocks import NAME, Fields
from stages.dialects.anthropic.loop import WHY, ends_bare
from stages.thinking import Intent, Level, in_messages, intent_of, said

SAMPLING = ("temperature", "top_p", "top_k")
LEAST = 1024  # tokens the API takes as a budget, at least
ANSWER = 4096  # tokens left for the answer, where a budget fills all that a model can write
GO_ON = "Continue."
FORCED = ("any", "tool")  # a tuple: a client's value may be of any type

_KEPT = ("display", "block_binding")  # of a client's thinking, under adaptive and enabled
_LOOKED_AT = ("model", "thinking", "output_config", "max_tokens", "tool_choice", *SAMPLING)  # and the last role


def fit(prompt: Prompt, effort: str | int | None) -> None:
    """Ask for thinking as *effort* says and the prompt's model allows.

    None: as the prompt itself says, which was written for another model; what this one refuses beside it goes, too,
    where it is known.
    """
    if effort is None:
        if capability(prompt.model) is None:
            return
        settle(prompt)
    intent = said(prompt) if effort is None else intent_of(effort)
    if intent is not None:
        follow(prompt, intent)


def fitted(body: Fields, prompt: Prompt, *, bare: bool = False) -> Fields:
    """*body*, which was written for no model in particular, as its own model takes it; *bare*: as ``loop`` has it.

    Of the edits those are recorded on *prompt* that its client would notice; the others only spell what it asked for.
    """
    intent = in_messages(body)
    small = {key: body[key] for key in _LOOKED_AT if body.get(key) is not None}
    last = [{"role": message.get("role")} for message in body["messages"][-1:]]
    draft = Prompt.of(NAME, {**small, "messages": last})
    draft.author = prompt.author
    settle(draft)
    if bare:
        withdraw(draft, WHY)
    elif intent is not None:
        follow(draft, intent)
    prompt.edits += [edit for edit in draft.edits if edit.lossy or edit.path == "max_tokens"]
    if intent is not None and intent.level == "minimal":
        why = f"{rung(intent.level)} is the least that this API has"
        prompt.record("approximated", ("output_config", "effort"), why)
    kept = {key: value for key, value in body.items() if key not in _LOOKED_AT}
    made = draft.body()
    return {**kept, **made, "messages": [*body["messages"], *made["messages"][1:]]}


# -- what a model refuses ---------------------------------------------------------------------------------------------


def settle(prompt: Prompt) -> None:
    """Take out what the prompt's model refuses, however much it thinks."""
    known = capability(prompt.model)
    if known is None:
        return
    limit = prompt.get("max_tokens")
    if isinstance(limit, int) and limit > known.output:
        prompt.set("max_tokens", to=known.output, why=f"the model writes {known.output} tokens at most")
    for name in SAMPLING if known.sampling == "default" else ():
        value = prompt.get(name)
        if value is not None:
            prompt.drop(name, why="the model refuses sampling parameters", lossy=value != 1)
    if prompt.get("temperature") is not None and prompt.get("top_p") is not None:
        prompt.drop("top_p", why="the model takes a temperature or this, not both", lossy=True)
    if known.forced == "never" and prompt.get("tool_choice", "type") in FORCED:
        choice = {**{key: value for key, value in prompt.get("tool_choice").items() if key != "name"}, "type": "auto"}
        prompt.set("tool_choice", to=choice, why="this model can't be made to call a tool", lossy=True)
    if not known.prefill and prompt.get("messages", -1, "role") == "assistant":
        turn = {"role": "user", "content": [{"type": "text", "text": GO_ON}]}
        why = "this model does not go on with an answer that is begun: it is asked to"
        prompt.set("messages", len(prompt.keys("messages")), to=turn, why=why, lossy=True)


def follow(prompt: Prompt, intent: Intent) -> None:
    """Put *intent* as the prompt's model takes it."""
    known = capability(prompt.model)
    if intent.off:
        quiet(prompt, known)
    elif known is None:
        think_unknown(prompt, intent)
    elif "adaptive" in known.thinking:
        think_adaptive(prompt, known, intent)
    else:
        think_budget(prompt, known, intent)


# -- less -------------------------------------------------------------------------------------------------------------


def quiet(prompt: Prompt, known: Capability | None) -> None:
    """As little thinking as the model can do."""
    if known is not None and known.default == "off":
        if prompt.get("thinking", "type") != "disabled":
            prompt.drop("thinking", why="no thinking was asked for")
    elif known is None or "disabled" in known.thinking:
        become(prompt, {"type": "disabled"}, "no thinking was asked for")
    elif "between_tools" in known.thinking:
        become(prompt, {"type": "between_tools"}, "this model thinks between tools at least", lossy=True)
    else:
        set_effort(prompt, known, "low", "this model can't but think: its lowest effort stands for none", lossy=True)
        if prompt.get("thinking", "type") not in (None, "adaptive"):
            prompt.drop("thinking", why="this model's thinking can't be turned off", lossy=True)
        return
    effort = prompt.get("output_config", "effort")
    if known is not None and not known.efforts:
        drop_effort(prompt, "this model has no effort")
    elif known is not None and effort in LADDER and LADDER.index(effort) > LADDER.index(known.quiet):
        set_effort(prompt, known, known.quiet, "the highest effort at which this model's thinking may be off")


def withdraw(prompt: Prompt, why: str) -> None:
    """Forgo thinking for this request, and the effort that goes with it."""
    prompt.drop("thinking", why=why, lossy=True)
    drop_effort(prompt, why, lossy=True)


def drop_effort(prompt: Prompt, why: str, *, lossy: bool = False) -> None:
    """Say nothing of effort."""
    prompt.drop("output_config", "effort", why=why, lossy=lossy)
    if prompt.has("output_config") and not prompt.keys("output_config"):
        prompt.drop("output_config", why="nothing is left in it")


# -- more -------------------------------------------------------------------------------------------------------------


def think_unknown(prompt: Prompt, intent: Intent) -> None:
    """A model of which nothing is known, asked in the newest manner; with a budget where one was given."""
    if intent.budget is not None:
        think_within(prompt, intent.budget, None)
        return
    why = f"effort {intent.said} was asked for"
    become(prompt, {"type": "adaptive"}, why)
    if intent.level is not None:
        effort = rung(intent.level)
        if prompt.get("output_config", "effort") != effort:
            put_effort(prompt, effort, why)


def think_adaptive(prompt: Prompt, known: Capability, intent: Intent) -> None:
    """A model that decides itself how much to think."""
    why, level = f"effort {intent.said} was asked for", intent.as_level()
    become(prompt, {"type": "adaptive"}, why)
    if level is not None:
        set_effort(prompt, known, rung(level), why)
    fit_sampling(prompt, known)


def think_budget(prompt: Prompt, known: Capability, intent: Intent) -> None:
    """A model that is told how many tokens it may think."""
    if prompt.get("tool_choice", "type") in FORCED:
        withdraw(prompt, "a forced tool choice rules out thinking on this model")
    elif prompt.get("messages", -1, "role") == "assistant":
        withdraw(prompt, "an answer that is already begun rules out thinking on this model")
    elif prompt.get("max_tokens") == 0:
        withdraw(prompt, "a request that only fills the cache can't think")
    elif ends_bare(prompt.get("messages")):
        withdraw(prompt, WHY)
    else:
        think_within(prompt, intent.as_budget(), known.output)
        tell_effort(prompt, known, intent)
        fit_sampling(prompt, known)


def tell_effort(prompt: Prompt, known: Capability, intent: Intent) -> None:
    """The level beside a budget, where the model has one."""
    if not known.efforts:
        drop_effort(prompt, "this model has a budget of thoughts, and no effort")
    elif intent.level is not None:
        set_effort(prompt, known, rung(intent.level), f"effort {intent.said} was asked for")


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


def rung(level: Level) -> Effort:
    """*level* on this API's ladder."""
    return next((name for name in LADDER if name == level), "low")


def set_effort(prompt: Prompt, known: Capability, effort: Effort, why: str, *, lossy: bool = False) -> None:
    """Set the effort to the level nearest to *effort* that the model has."""
    nearest = known.nearest(effort)
    if nearest is not None and prompt.get("output_config", "effort") != nearest:
        why = why if nearest == effort else f"{why}; the nearest that this model has is {nearest}"
        put_effort(prompt, nearest, why, lossy=lossy or nearest != effort)


def put_effort(prompt: Prompt, effort: Effort, why: str, *, lossy: bool = False) -> None:
    """Say *effort*, also where there is something in its place that can't hold it."""
    if prompt.has("output_config") and prompt.kind("output_config") != "object":
        prompt.set("output_config", to={"effort": effort}, why=why, lossy=lossy)
    else:
        prompt.set("output_config", "effort", to=effort, why=why, lossy=lossy)


def become(prompt: Prompt, thinking: dict[str, Any], why: str, *, lossy: bool = False) -> None:
    """Set ``thinking``; what the client said about how it is shown and bound stays, where the type allows it."""
    now = prompt.get("thinking")
    if isinstance(now, dict) and thinking["type"] in {"adaptive", "enabled"}:
        thinking = {**thinking, **{name: now[name] for name in _KEPT if name in now}}
    if now != thinking:
        prompt.set("thinking", to=thinking, why=why, lossy=lossy)
