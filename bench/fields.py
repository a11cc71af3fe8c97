"""``python -m bench.fields``: what becomes of every field of every protocol on its way to every other.

    probe ─▶ translate without the field ─┐
          └▶ translate with it ───────────┴▶ did it arrive?  what was recorded?  ─▶ one mark

Nothing here is written by hand but the probes, one realistic value for each field (``bench.probes``): the marks are
what the translation did.  A field that neither arrives, nor is recorded, nor refused would be marked ``?``; a test sees
to it that there is none, and that the tables in README.md are these.
"""

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from itertools import groupby
from pathlib import Path
from typing import Any

import attrs
import click
import msgspec

from bench.probes import PROBES, Group
from pipeline.errors import InvalidRequest
from pipeline.prompt import Edit, spell
from stages.translation import translate_request

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- fields: python -m bench.fields --write -->", "<!-- /fields -->"

TITLES = {"anthropic": "Messages", "chat": "Chat Completions", "responses": "Responses"}

# Whom the request goes to: the vendor's current model, and one of whose name nothing is known, which takes everything.
CURRENT = {"anthropic": "claude-opus-5-5", "chat": "gpt-5.6", "responses": "gpt-5.6"}
UNKNOWN = "some-model"

WHOLE, KEPT, CHANGED, DROPPED, REFUSED, LOST = "✓", "✓*", "≈", "–", "✗", "?"
LEGEND = {
    WHOLE: "arrives whole: translated back, it is the same",
    KEPT: "nothing is lost, and it is recorded: the gateway does it itself, or the other side does it unasked",
    CHANGED: "arrives in another form, or in part; recorded",
    DROPPED: "has no equivalent: left out; recorded as a loss",
    REFUSED: "refused with 400, naming the field",
}

_PROSE = re.compile(r"\S+ \S+ \S|(?![a-z_.]+$)\S{16}")  # a text that can only have come from the probe
_NUMBER = re.compile(r"\d+")

_FORM = ("type", "role", "media_type", "tool_use_id", "tool_call_id", "call_id", "id", "status")  # not what is said


@attrs.frozen
class Outcome:
    """What became of one field on its way to one model."""

    mark: str
    why: str = ""


@attrs.frozen
class Sent:
    """What an upstream got, or why it got nothing."""

    body: Any = None
    edits: tuple[Edit, ...] = ()
    refusal: str = ""


# -- trying -----------------------------------------------------------------------------------------------------------


def outcome(group: Group, label: str, source: str, target: str, model: str) -> Outcome:
    """What becomes of the field *label* of *group*."""
    value, named = group.rows[label], None if label == "model" else model
    bodies = [deepcopy(group.base), deepcopy(group.base)]
    put(bodies[1], group.at, label, value)
    without, with_it = (sent(body, source, target, named) for body in bodies)
    if without.refusal or with_it.refusal:  # where a block is refused, its fields are
        return Outcome(REFUSED, without.refusal or with_it.refusal)
    known = list(without.edits)
    new = [edit for edit in with_it.edits if edit not in known]
    above = [edit for edit in known if edit.action == "dropped" and edit.lossy and holds(edit.path, group.at)]
    why = "; ".join(f"{edit.path}: {edit.why}" for edit in [*above, *new])
    arrived = with_it.body != without.body and all(text in said(with_it.body) for text in prose(value))
    if above or any(edit.lossy for edit in new):
        gone = with_it.body == without.body or all(edit.action == "dropped" for edit in new if edit.lossy)
        return Outcome(DROPPED if gone and not arrived else CHANGED, why)
    if new:
        return Outcome(CHANGED if any(edit.action == "approximated" for edit in new) else KEPT, why)
    if not arrived:
        return Outcome(LOST)
    return Outcome(WHOLE if returned(value, without, with_it, source, target) else CHANGED)


def holds(path: str, at: tuple[str | int, ...]) -> bool:
    """Whether *path*, of what was dropped, is of the part at *at*; numbers may be those of a list made on the way."""
    return bool(at) and _NUMBER.sub("", path) == _NUMBER.sub("", spell(at))


def put(body: Any, at: tuple[str | int, ...], label: str, value: Any) -> None:
    """Put *value* where *label* says, below *at*: at the end of a list, or under the name before any colon."""
    for key in at:
        body = body[key]
    if isinstance(body, list):
        body.extend(value if isinstance(value, list) else [value])
        return
    *way, last = label.partition(":")[0].split(".")
    for key in way:
        body = body.setdefault(key, {})
    body[last] = value


def sent(body: dict[str, Any], source: str, target: str, model: str | None) -> Sent:
    """What *target* is asked for *body*, of *model*; None: the one it names."""
    try:
        asked = translate_request(body, source=source, target=target, model=model)
    except InvalidRequest as error:
        return Sent(refusal=error.message)
    edits = tuple(edit for edit in asked.edits if edit.path != "model")
    return Sent(msgspec.json.decode(asked.body), edits)


def returned(value: Any, without: Sent, with_it: Sent, source: str, target: str) -> bool:
    """Whether *value* is there again when what was sent is translated back, for a model that can have it."""
    if source == target or value == with_it.body["model"]:
        return True
    wanted = Counter(leaves(value))
    for model in (CURRENT[source], UNKNOWN):
        before, after = (Counter(leaves(sent(one.body, target, source, model).body)) for one in (without, with_it))
        if wanted <= after - (before - wanted):
            return True
    return False


def leaves(value: Any) -> Iterator[str]:
    """What *value* says, in words and numbers; a JSON object in a text counts as that object."""
    if isinstance(value, str) and value.startswith("{"):
        value = msgspec.json.decode(value)
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in _FORM:
                yield from leaves(inner)
    elif value is not None:  # null says nothing
        yield repr(value)


def prose(value: Any) -> Iterator[str]:
    """The texts in *value* that can be looked for."""
    for leaf in leaves(value):
        text = leaf[1:-1].rpartition("base64,")
        if _PROSE.search(text[2]) and not text[0].startswith("data:text/"):
            yield text[2]


def said(value: Any) -> str:
    """All texts in *value*."""
    return "\n".join(leaf for leaf in leaves(value))


# -- telling ----------------------------------------------------------------------------------------------------------


def cell(group: Group, label: str, source: str, target: str) -> str:
    """The mark for the vendor's current model; in brackets that for an unknown one, where it is another."""
    marks = [outcome(group, label, source, target, model).mark for model in (CURRENT[target], UNKNOWN)]
    return marks[0] if marks[0] == marks[1] else f"{marks[0]} ({marks[1]})"


def rows(source: str) -> Iterator[tuple[str, list[str], tuple[str, ...]]]:
    """Group, fields and marks; neighbours of one group with the same marks share a row."""
    for group in PROBES[source]:
        marked = ((label, tuple(cell(group, label, source, target) for target in TITLES)) for label in group.rows)
        for marks, labels in groupby(marked, key=lambda row: row[1]):
            yield group.title, [label for label, _ in labels], marks


def table(source: str) -> str:
    """The table of one protocol's fields, as Markdown."""
    head = ["", *(f"→ {title}" for title in TITLES.values())]
    lines = [head, ["---", *("---" for _ in TITLES)]]
    for title, labels, marks in rows(source):
        lines.append([f"{title}: {', '.join(map(spelled, labels))}", *marks])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spelled(label: str) -> str:
    """*label* with its name as code: ``tool_choice: any`` has a word about the value behind it."""
    name, colon, value = label.partition(":")
    return f"`{name}`" + (f" ({value.strip()})" if colon else "")


def tables() -> str:
    """All tables, each folded, under their legend."""
    legend = "\n".join(f"* **{mark}** {text}." for mark, text in LEGEND.items())
    folded = [f"<details>\n<summary>{title}: every field</summary>\n\n{table(source)}\n\n</details>"
              for source, title in TITLES.items()]  # fmt: skip
    return "\n\n".join([legend, *folded])


def in_readme(text: str) -> str:
    """*text*, the README's, with the tables as they are now."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n{tables()}\n{end}{after}"


@click.command(help=__doc__)
@click.option("--why", is_flag=True, help="Every field and model on a line of its own, with what is recorded.")
@click.option("--write", is_flag=True, help="Put the tables into README.md.")
def main(*, why: bool, write: bool) -> None:
    """Print the tables as they stand in README.md, or each mark with its reason."""
    if write:
        README.write_text(in_readme(README.read_text(encoding="utf-8")), encoding="utf-8")
    elif why:
        explain()
    else:
        click.echo(tables())


def explain() -> None:
    """Print each mark with its reason."""
    for source in TITLES:
        for group in PROBES[source]:
            for label in group.rows:
                for target in TITLES:
                    for model in dict.fromkeys((CURRENT[target], UNKNOWN)):
                        found = outcome(group, label, source, target, model)
                        place = f"{group.title}: {label}"
                        click.echo(f"{source} → {target} ({model})  {place}  {found.mark}  {found.why}")


if __name__ == "__main__":
    main()
