"""What stages declare, and lines that can't do what was declared."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.declared import Declared, declared, declares, misplaced
from pipeline.naming import built_in, load
from tests.pipeline.admin.office import CONFIGURED, office
from tests.pipeline.configs import built, refused


def stage(**said: Any) -> Any:
    @declares(**said)
    def does(exchange: object) -> None:
        pass

    return does


AUTH, LATE = stage(changes={"caller"}), stage(changes={"prompt.messages"})
READER, NEEDER = stage(reads={"caller"}), stage(needs={"caller"})
WRITER = stage(needs={"prompt.messages"})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"auth": AUTH, "reader": READER, "needer": NEEDER}, []),
        ({"reader": READER, "auth": AUTH}, ["reader reads caller, which auth leaves: put auth before reader"]),
        ({"first": AUTH, "reader": READER, "auth": AUTH}, []),
        ({"reader": READER}, []),
        ({"needer": NEEDER}, ["needer needs caller, and no stage in the line leaves it"]),
        ({"needer": NEEDER, "auth": AUTH}, ["needer needs caller, which auth changes: put auth before needer"]),
        (
            {"a": AUTH, "needer": NEEDER, "b": AUTH},
            ["needer needs caller, which b changes: put b before needer"],
        ),
        ({"writer": WRITER}, []),
        ({"late": LATE, "writer": WRITER}, []),
        ({"writer": WRITER, "late": LATE},
         ["writer needs prompt.messages, which late changes: put late before writer"]),
        ({"reader": stage(reads={"prompt.messages"}), "late": LATE}, []),
        ({"both": stage(reads={"caller"}, changes={"caller"}), "auth": AUTH},
         ["both reads caller, which auth leaves: put auth before both"]),
    ],
)  # fmt: skip
def test_places(line: dict[str, Any], told: list[str]) -> None:
    """What is read is left before; what is needed is there, and stays as it is; fields of the prompt are there."""
    assert [text for _, text in misplaced(list(line.items()))] == told
    assert {name for name, _ in misplaced(list(line.items()))} <= line.keys()


def test_attempts_change_copies() -> None:
    """What they do to a prompt unsettles nothing before; what they leave comes too late for it all the same."""
    assert list(misplaced([("writer", WRITER)], [("late", LATE)])) == []
    assert [name for name, _ in misplaced([("needer", NEEDER)], [("auth", AUTH)])] == ["needer"]
    assert [name for name, _ in misplaced([], [("writer", WRITER), ("late", LATE)])] == ["writer"]


def test_who_declares_nothing_fits_everywhere() -> None:
    """Stages of before need no change."""
    assert declared(lambda exchange: None) == Declared()
    assert list(misplaced([("plain", lambda exchange: None), ("auth", AUTH)])) == []


@pytest.mark.parametrize("words", ["caller", 3, {1, 2}])
def test_a_slip_is_told(words: Any) -> None:
    """A word in place of a set of words would be a set of letters."""

    def slipped(exchange: object) -> None:
        pass

    slipped.reads = words  # type: ignore[attr-defined]  # what is tested
    assert list(misplaced([("slipped", slipped)])) == [("slipped", "reads is to be a set of words")]


def test_the_default_line_is_in_order() -> None:
    """And what stages of ours read, some stage leaves."""
    line = built().line.stages
    assert list(misplaced(line)) == []
    stages = [load(name) for name in built_in()]
    words = {word for each in stages for word in declared(each).changes}
    read = {word for each in stages for word in declared(each).reads | declared(each).needs}
    assert {word for word in read if not word.startswith("prompt.")} <= words


async def test_stages_of_ours_change_what_they_declare(tmp_path: Path) -> None:
    """Every edit of a request that has something for each of them is below a word that its stage changes."""
    said = {
        "model": "claude-simulated(high)",
        "max_tokens": 4000,
        "metadata": {"user_id": "u"},
        "system": [{"type": "text", "text": "be kind"}],
        "tools": [{"name": "t", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": "hello"}],
    }
    more = 'client_identity = "always"\npreface = "You work for us."\n'
    async with office(tmp_path, more + CONFIGURED) as at:
        assert (await at.send("POST", "/v1/messages", json.dumps(said).encode())).status == 200
        (entry,) = at.gateway.observer.recent.told()
        line = dict([*at.gateway.line.stages, *at.gateway.upstreams[0].stages])
    edited = {each["stage"] for each in entry["effects"] if each["edits"]}
    assert edited == {"thinking_suffix", "translate", "client_identity", "cache_breakpoints"}
    for effect in entry["effects"]:
        fields = {re.split(r"[.\[]", edit["path"])[0] for edit in effect["edits"]} - {"headers"}
        changes = declared(line[effect["stage"]]).changes
        assert "dialect" in changes or {f"prompt.{field}" for field in fields} <= changes  # with it goes all of it


REDACT = '[[stages]]\nuse = "stages.examples.redact:stage"\n'
WRITES = '[[stages]]\nuse = "stages.examples.conversations:stage"\nfile = "c.jsonl"\n'


def test_a_line_that_can_not_work_does_not_start() -> None:
    """Both stages are named, and where it is configured."""
    (line,) = refused(f'{WRITES}after = "auth"\n{REDACT}after = "model_map"\n')
    assert line.startswith("pipeline.toml: stages[0]")
    text = "conversations needs prompt.input and prompt.messages, which redact changes: put redact before conversations"
    assert text in line
    built(f'{REDACT}after = "auth"\n{WRITES}after = "model_map"\n')


def test_stages_of_attempts_are_looked_at_by_upstream() -> None:
    """One that reads the caller may stand there; one that leaves it stands too late."""
    text = '[upstreams.up]\npreset = "simulated"\nstages = [{ use = "stages.auth:stage", name = "auth2" }]\n'
    told = refused(f'without = ["auth"]\n{text}')
    assert any("reads caller, which auth2 leaves: put auth2 before" in line for line in told)
