"""Whose settings there are, and when they count."""

import pytest

from pipeline.problems import ConfigError
from stages.legacy.adoption import SYSTEMS
from tests.stages.legacy.old import Old

# What many programs read.  None of it, nor all of it together, identifies a system.
ANYONES = {
    "OPENAI_API_KEY": "k",
    "OPENAI_BASE_URL": "http://127.0.0.1:9",
    "OPENROUTER_API_KEY": "k",
    "ANTHROPIC_API_KEY": "k",
    "DATABASE_URL": "postgresql://",
    "PORT": "3000",
    "DEBUG": "true",
    "VERBOSE": "1",
    "RUST_LOG": "debug",
    "API_KEY": "k",
    "REASONING_MODEL": "m",
    "COMPLETION_MODEL": "m",
    "UPSTREAM_API_KEY": "k",
}


@pytest.mark.parametrize("name", [*ANYONES, "all of them"])
def test_what_may_be_anyones_switches_nothing(old: Old, name: str) -> None:
    """The built-in model serves, and nothing is said."""
    environ = ANYONES if name == "all of them" else {name: ANYONES[name]}
    assert (old.tree(environ), old.said(environ)) == ({}, "")


@pytest.mark.parametrize(
    ("system", "mark"), [(system, mark) for system in SYSTEMS for mark in system.marks], ids=lambda each: str(each)[:40]
)
def test_what_is_one_systems_alone_identifies_it(old: Old, system: object, mark: str) -> None:
    """In the environment and in .env alike; an empty variable is none."""
    expected = f"known by {mark} (environment)"
    assert expected in old.said({mark: "http://127.0.0.1:9"})
    assert not old.tree({mark: ""})
    (old.folder / ".env").write_text(f"{mark}=http://127.0.0.1:9\n")
    assert f"known by {mark} (.env)" in old.said()
    assert getattr(system, "name", "") in old.said()


def test_no_mark_is_two_systems(old: Old) -> None:
    """Otherwise it would identify neither."""
    marks = [mark for system in SYSTEMS for mark in (*system.marks, *system.flags)]
    assert len(marks) == len(set(marks))


def test_a_variable_of_two_systems_identifies_neither_and_is_asked_about(old: Old) -> None:
    """Whoever wrote it meant something by it."""
    assert old.tree({"CLAUDE_PROXY_PORT": "4096"}) == {}
    assert old.said({"CLAUDE_PROXY_PORT": "4096"}) == (
        "CLAUDE_PROXY_PORT: of two systems, so that none is known by it; say --legacy claude-proxy-rs or claude-proxy "
        "if it is meant"
    )


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_a_flag_says_which_where_nothing_tells(old: Old, system: object) -> None:
    """With ``-`` or ``_``, in upper or lower case."""
    name = str(getattr(system, "name", ""))
    for spelled in (name, name.upper().replace("-", "_")):
        assert f"settings of {name} (" in old.said(legacy=spelled)
        assert "known by --legacy" in old.said(legacy=spelled)


def test_a_system_that_nobody_knows_is_refused(old: Old) -> None:
    """With those that are known."""
    with pytest.raises(ConfigError) as caught:
        old.layers(legacy="litellm")
    assert caught.value.lines == [
        (
            "command line: --legacy: unknown system; known: anthropic-proxy-rs, claude-max-api-proxy-rs, claude-proxy, "
            "claude-proxy-rs, claude-proxy-toml, none"
        )
    ]


def test_two_systems_at_once_are_refused_until_somebody_says_which(old: Old) -> None:
    """None of them is guessed."""
    environ = {"UPSTREAM_BASE_URL": "http://127.0.0.1:9", "CLAUDE_PROXY_BIG_MODEL": "m"}
    with pytest.raises(ConfigError) as caught:
        old.layers(environ)
    assert caught.value.lines == [
        (
            "there are settings of anthropic-proxy-rs (by UPSTREAM_BASE_URL (environment)) and claude-proxy (by "
            "CLAUDE_PROXY_BIG_MODEL (environment)): say whose count, --legacy NAME, or --legacy none"
        )
    ]
    assert old.tree(environ, legacy="claude-proxy")["server"]["port"] == 8085
    assert old.tree(environ, legacy="none") == {}


def test_a_pipeline_toml_wins(old: Old) -> None:
    """Found or named: the variables count for nothing, and a flag for them is answered."""
    environ = {"UPSTREAM_BASE_URL": "http://127.0.0.1:9", "PORT": "1"}
    file = old.folder / "pipeline.toml"
    file.write_text("[server]\nport = 2\n")
    assert old.tree(environ) == {"server": {"port": 2}}
    assert old.said(environ) == ""
    assert old.tree(environ, legacy="anthropic-proxy-rs") == {"server": {"port": 2}}
    assert old.said(environ, legacy="anthropic-proxy-rs", cwd=".").splitlines() == [
        "pipeline.toml is there, and wins over settings of other systems",
        "  --legacy – counts for nothing: pipeline.toml is there",
        "  --cwd – counts for nothing: pipeline.toml is there",
    ]
    other = file.rename(old.home / "other.toml")
    assert old.tree(environ, config=other) == {"server": {"port": 2}}


def test_our_own_variables_lie_above(old: Old) -> None:
    """As above a file of ours; the report says who wins."""
    environ = {"UPSTREAM_BASE_URL": "http://127.0.0.1:9", "PORT": "1", "PIPELINE_SERVER__PORT": "2"}
    assert old.config(environ).server.port == 2
    assert "PORT → server.port = 1, but environment: PIPELINE_SERVER__PORT wins" in old.said(environ)


def test_a_dotenv_file_that_is_named_is_searched_for_them(old: Old) -> None:
    """``-c prod.env``, as one of them had it."""
    file = old.home / "prod.env"
    file.write_text("UPSTREAM_BASE_URL=http://127.0.0.1:9\n")
    assert old.tree(config=file)["upstreams"]["upstream"]["url"] == "http://127.0.0.1:9"
    assert f"known by UPSTREAM_BASE_URL ({file})" in old.said(config=file)


def test_a_flag_of_another_system_is_answered(old: Old) -> None:
    """It does not go by in silence."""
    assert "--cwd – is no flag of anthropic-proxy-rs" in old.said(legacy="anthropic-proxy-rs", cwd=".")


def test_what_is_wrong_is_told_where_it_stands(old: Old) -> None:
    """The variable and its file, as it was called there."""
    (old.folder / ".env").write_text("UPSTREAM_BASE_URL=gopher://x\nPORT=no\n")
    with pytest.raises(ConfigError) as caught:
        old.config()
    assert caught.value.lines[0] == '.env: PORT: expected a whole number, got "no"'
    assert caught.value.lines[1].startswith(".env: UPSTREAM_BASE_URL: ")
