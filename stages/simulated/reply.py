"""Reply: from what was asked and a script's turn to what is said, in which manner, and what it counts.

    steps of the turn ─▶ defaults where nothing is said ─▶ calls that may be made ─▶ thinking ─▶ stops ─▶ limit ─▶ Reply

Same request, same script: same words and counts.  This file must not know a dialect.
"""

from collections.abc import Iterable, Sequence

import attrs
import msgspec

from stages.simulated import instance, steps
from stages.simulated.asked import Asked
from stages.simulated.steps import Call, Content, Filler, Say, Step, Style, Think
from stages.simulated.usage import Input, tokens

THOUGHT = "The user has asked something. A simulated model has little to think about, so this is all of it."


@attrs.frozen
class Reply:
    """What is said."""

    id: str  # without the dialect's prefix
    asked: Asked
    steps: list[Step]  # content and course, in order; nothing after an Ending
    stop: str  # in the words of the Messages API
    sequence: str | None
    input: Input
    output: int  # tokens, thinking included
    thinking: int

    @property
    def content(self) -> list[Content]:
        """The steps that fill it."""
        return [step for step in self.steps if isinstance(step, Content)]


def compose(asked: Asked, turn: Sequence[Step], ident: str) -> Reply:
    """The reply to *asked* that *turn* wants."""
    said = _allowed(asked, _said(asked, turn)) if asked.limit != 0 else []  # 0 only warms the cache
    said, stop, sequence = _stopped(asked, _thought(asked, said))
    if asked.limit == 0:
        stop = "max_tokens"
    elif asked.limit is not None and tokens(sum(_weights(said))) > asked.limit:
        said, stop, sequence = _limited(said, asked.limit * 4), "max_tokens", None
    for step in turn:
        if isinstance(step, steps.Stop):
            stop, sequence = step.reason, step.sequence
    thinking = tokens(sum(_weights(step for step in said if isinstance(step, Think | steps.Redact))))
    output = max(1, tokens(sum(_weights(said))))
    reply = Reply(ident, asked, said, stop, sequence, asked.input, output, thinking)
    counts = {name: value for step in turn if isinstance(step, steps.Count) for name, value in step.counts}
    return _counted(reply, counts) if counts else reply


def style(turn: Iterable[Step], default: Style) -> Style:
    """How the turn is to be written."""
    for step in turn:
        if isinstance(step, steps.Manner):
            default = step.onto(default)
    return default


def _weights(said: Iterable[Step]) -> list[int]:
    return [step.weight for step in said if isinstance(step, Content)]


def _counted(reply: Reply, counts: dict[str, int]) -> Reply:
    """*reply* with the counts a script sets."""
    names = {"input": "fresh", "cache_read": "read", "cache_write_5m": "written_5m", "cache_write_1h": "written_1h"}
    told = {names[name]: value for name, value in counts.items() if name in names}
    return attrs.evolve(
        reply,
        input=attrs.evolve(reply.input, **told),
        output=counts.get("output", reply.output),
        thinking=counts.get("thinking", reply.thinking),
    )


# -- what is said -----------------------------------------------------------------------------------------------------


def _said(asked: Asked, turn: Sequence[Step]) -> list[Step]:
    """Content and course of *turn* up to its end; a plain answer where it has none."""
    said: list[Step] = []
    for step in turn:
        if isinstance(step, steps.Echo):
            said.append(Say(asked.words() or "(nothing)"))
        elif not isinstance(step, steps.Instead | steps.Manner | steps.Count | steps.Stop | steps.Name):
            said.append(step)
        if isinstance(step, steps.Ending):
            break
    if not any(isinstance(step, Content | steps.Ending | steps.Echo | steps.Stop) for step in turn):
        said.append(_plainly(asked))
    return said


def _plainly(asked: Asked) -> Step:
    """What the model answers when nobody tells it what."""
    if asked.force:
        name = next(iter(asked.tools), "") if asked.force == "*" else asked.force
        return Call(name, msgspec.json.encode(instance.of(_decoded(asked.tools.get(name)))).decode())
    if asked.schema is not None:
        return Say(msgspec.json.encode(instance.of(asked.schema)).decode())
    words = " ".join(asked.words().split())
    return Say(
        f"This is {asked.model}, simulated: no model was asked. You said: {words[:200]}{'…' * (len(words) > 200)}"
    )


def _decoded(schema: msgspec.Raw | None) -> object:
    return {} if schema is None else msgspec.json.decode(schema)


def _allowed(asked: Asked, said: list[Step]) -> list[Step]:
    """*said* without calls that the request leaves no room for."""
    calls = sum(isinstance(step, Call) for step in said)
    if not calls:
        return said
    if not asked.tools or asked.force == "":
        return [Say(f"({step.name} is not offered)") if isinstance(step, Call) else step for step in said]
    if calls > 1 and not asked.parallel:
        first = next(step for step in said if isinstance(step, Call))
        return [step for step in said if step is first or not isinstance(step, Call)]
    return said


def _thought(asked: Asked, said: list[Step]) -> list[Step]:
    """*said*, with a thought before its first words if thinking was asked for and the script has none."""
    if not asked.thinks or any(isinstance(step, Think | steps.Redact) for step in said):
        return said
    first = next((n for n, step in enumerate(said) if isinstance(step, Content)), None)
    return said if first is None else [*said[:first], Think(THOUGHT), *said[first:]]


# -- where it ends ----------------------------------------------------------------------------------------------------


def _stopped(asked: Asked, said: list[Step]) -> tuple[list[Step], str, str | None]:
    """*said* up to the first stop sequence in its words, and why it stops."""
    for n, step in enumerate(said if asked.stops else ()):
        if isinstance(step, Say | Filler) and not isinstance(step, Think):
            found = [(at, stop) for stop in asked.stops if (at := step.text.find(stop)) >= 0]
            if found:
                at, stop = min(found)
                return [*said[:n], *([Say(step.text[:at])] if at else [])], "stop_sequence", stop
    if any(isinstance(step, steps.Refuse) for step in said):
        return said, "refusal", None
    return said, "tool_use" if any(isinstance(step, Call) for step in said) else "end_turn", None


def _limited(said: list[Step], budget: int) -> list[Step]:
    """*said* as far as *budget* bytes reach; an input of a tool may end in the middle."""
    kept: list[Step] = []
    for step in said:
        if isinstance(step, Content):
            if step.weight > budget:
                return [*kept, *_shortened(step, budget)]
            budget -= step.weight
        kept.append(step)
    return kept


def _shortened(step: Content, budget: int) -> list[Step]:
    match step:
        case Filler():
            return [attrs.evolve(step, size=budget)] if budget else []
        case Say():
            text = step.text.encode()[:budget].decode(errors="ignore")
            return [attrs.evolve(step, text=text)] if text else []
        case Call() if budget > len(step.name):
            return [attrs.evolve(step, arguments=step.arguments[: budget - len(step.name)])]
        case _:
            return []
