"""Models, from a terminal."""

import json

import pytest

from tests.pipeline.commands.conftest import Run


def listed(run: Run) -> list[str]:
    return [model["id"] for model in json.loads(run("models", "list", "--json").stdout)["models"]]


def test_the_list_is_made_changed_and_put_in_order(run: Run) -> None:
    """Each command shows what came out."""
    for name in ("a", "b", "c"):
        assert run("models", "add", name, "--target", "x", "--upstream", "up").exit_code == 0
    assert "whoever has it" not in run("models", "list").stdout
    run("models", "move", "c", "1")
    assert listed(run) == ["c", "a", "b"]
    changed = json.loads(run("models", "change", "a", "--disable", "--json").stdout)["models"][1]
    assert (changed["id"], changed["enabled"], changed["target"]) == ("a", False, "x")
    run("models", "remove", "c")
    assert listed(run) == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "a"), 1),
        (("remove", "b"), 1),
        (("change", "b", "--disable"), 1),
        (("move", "b", "1"), 1),
        (("add", "b", "--upstream", "nobody"), 2),
        (("move", "a", "0"), 2),
        (("add", "order"), 1),
        (("add", "a b"), 2),
        (("add", "a\nb"), 2),
        (("add", ""), 2),
        (("change", "a", "--target", "b\x1b[2J"), 2),
    ],
)
def test_what_can_not_be_done(run: Run, words: tuple[str, ...], code: int) -> None:
    """1: as things are; 2: as it was said."""
    run("models", "add", "a")
    done = run("models", *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert listed(run) == ["a"]
