"""Migrate: what is written says what serving directly says."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.admin.text import can_be_said
from pipeline.cli import main
from pipeline.commands.migrate import migrated
from pipeline.config import Config
from pipeline.problems import ConfigError
from pipeline.reading import read
from pipeline.written import written
from tests.stages.legacy.old import Old, place

words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)
keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
users = words.filter(lambda text: can_be_said(text.strip()))  # others are refused, in a file as in a variable
ports = st.integers(0, 65535).map(str)
urls = st.sampled_from(["https://openrouter.ai/api", "http://127.0.0.1:9/v1", "http://localhost:11434", "https://h/v1"])
hosts = st.sampled_from(["127.0.0.1", "localhost", "::1", "10.0.0.7"])
levels = st.sampled_from(["info", "warn", "debug", "anthropic_proxy=debug", "claude_proxy=error,info"])


def variables(
    marks: Mapping[str, st.SearchStrategy[str]], **others: st.SearchStrategy[str]
) -> st.SearchStrategy[dict[str, str]]:
    """*marks*, and any of *others*."""
    return st.fixed_dictionaries(dict(marks), optional=others)


SYSTEMS = {
    "anthropic-proxy-rs": variables(
        {"UPSTREAM_BASE_URL": urls},
        UPSTREAM_API_KEY=keys,
        OPENROUTER_API_KEY=keys,
        PORT=ports,
        REASONING_MODEL=words,
        COMPLETION_MODEL=words,
        DEBUG=st.just("1"),
        VERBOSE=st.just("true"),
        RUST_LOG=levels,
    ),
    "claude-proxy-rs": variables(
        {"CLAUDE_PROXY_ADMIN_USERNAME": users, "CLAUDE_PROXY_ADMIN_PASSWORD": keys},
        CLAUDE_PROXY_HOST=hosts,
        CLAUDE_PROXY_PORT=ports,
        CLAUDE_PROXY_CORS_ORIGINS=st.sampled_from(["*", "localhost", "https://a.example.com,http://b.example.com"]),
        CLAUDE_PROXY_CLOAK_MODE=st.sampled_from(["auto", "always", "never"]),
        CLAUDE_PROXY_DATABASE_URL=words,
        CLAUDE_PROXY_CAPTURE_DIR=st.just("kept"),
        ANTHROPIC_API_KEY=keys,
        RUST_LOG=levels,
    ),
    "claude-proxy": variables(
        {"CLAUDE_PROXY_BIG_MODEL": words},
        OPENAI_API_KEY=keys,
        OPENAI_BASE_URL=urls,
        CLAUDE_PROXY_SMALL_MODEL=words,
        CLAUDE_PROXY_HOST=hosts,
        CLAUDE_PROXY_PORT=ports,
        CLAUDE_PROXY_LOG_LEVEL=st.sampled_from(["INFO", "DEBUG", "CRITICAL"]),
        CLAUDE_PROXY_REQUEST_TIMEOUT=st.sampled_from(["90", "30.5"]),
        CLAUDE_PROXY_AUTH_KEY=keys,
    ),
    "claude-max-api-proxy-rs": variables({"RUST_LOG": st.just("claude_max_api=debug,info")}),
}


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Old]:
    for name in list(os.environ):
        if name.startswith(("PIPELINE_", "CLAUDE_PROXY_")) or name in ("RUST_LOG", "ANTHROPIC_API_KEY"):
            monkeypatch.delenv(name)
    yield from place(tmp_path, monkeypatch)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["migrate", *words])


def both(old: Old, environ: dict[str, str], **flags: str) -> tuple[Config, Config]:
    """What is served directly, and what the file says that is written."""
    directly = old.config(environ, **flags)
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environ.items():
            patch.setenv(name, text)
        file = old.folder / "pipeline.toml"
        file.write_text(migrated(None, None, {f"--{name}": text for name, text in flags.items()}), encoding="utf-8")
        try:
            return directly, read(file)
        finally:
            file.unlink()


@pytest.mark.parametrize("name", SYSTEMS)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_the_file_says_what_the_variables_said(old: Old, name: str, data: st.DataObject) -> None:
    """The same Config, whatever is set."""
    environ = data.draw(SYSTEMS[name])
    if any(text != text.strip() or not text.strip() for text in environ.values()):
        environ = {name: text.strip() or "x" for name, text in environ.items()}
    directly, migrated_ = both(old, environ)
    assert directly == migrated_


@given(
    port=st.none() | st.integers(0, 65535),
    name=st.sampled_from(["openai", "Grok", "deepseek", "mine"]),
    form=st.none() | st.sampled_from(["openai", "anthropic"]),
    models=st.dictionaries(keys, words, max_size=3),
    drop=st.lists(st.sampled_from(["top_k", "metadata"]), max_size=2, unique=True),
    provider=st.none() | st.just("groq"),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_the_file_says_what_their_toml_said(
    old: Old,
    port: int | None,
    name: str,
    form: str | None,
    models: dict[str, str],
    drop: list[str],
    provider: str | None,
) -> None:
    """The same Config, whatever is in it."""
    said = {"provider": {"name": name, "base_url": "http://127.0.0.1:9"}, "models": models, "params": {"drop": drop}}
    said |= {} if port is None else {"port": port}
    said["provider"] |= {} if form is None else {"format": form}
    (old.folder / "claude-proxy.toml").write_text(toml(said), encoding="utf-8")
    flags = {} if provider is None else {"provider": provider}
    directly, migrated_ = both(old, {"API_KEY": "k", "GROQ_API_KEY": "g"}, **flags)
    assert directly == migrated_


def toml(tree: Mapping[str, object]) -> str:
    """*tree*, written by the writer that ``test_written`` knows to be right."""
    return written(tree, lambda path: "")


def test_it_is_written_for_its_owner_and_over_nothing(old: Old) -> None:
    """Secrets may be in it; where there is a file, there may be work in it."""
    (old.folder / ".env").write_text("UPSTREAM_BASE_URL=http://127.0.0.1:9\nUPSTREAM_API_KEY=hunter2\n")
    done = run()
    assert (done.exit_code, done.output) == (
        0,
        "wrote pipeline.toml; python -m pipeline -c pipeline.toml check shows what it amounts to\n",
    )
    file = old.folder / "pipeline.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in file.read_text()
    assert tomllib.loads(file.read_text())["upstreams"]["upstream"]["key"] == {"env": "UPSTREAM_API_KEY"}
    again = run()
    assert (again.exit_code, again.stderr) == (2, "pipeline.toml is there; -o says where else to\n")
    assert run("-o", "other.toml").exit_code == 0
    assert run("-o", "-").output == file.read_text()
    assert run("-o", "no/such/place").stderr == "no/such/place: No such file or directory\n"


def test_the_env_file_may_be_named(old: Old) -> None:
    """Whatever it is called."""
    (old.folder / "old").write_text("CLAUDE_PROXY_PORT=1\nOPENAI_API_KEY=k\n")
    done = run("--env-file", "old", "--legacy", "claude-proxy", "-o", "-")
    assert tomllib.loads(done.output)["server"]["port"] == 1
    assert run("--env-file", "nowhere").stderr == "nowhere: there is no such file\n"


def test_what_has_no_meaning_stands_above(old: Old) -> None:
    """With its reason, as a comment."""
    done = run("--cwd", ".", "-o", "-")
    assert done.output.startswith(
        "# Settings of claude-max-api-proxy-rs (thhuang/claude-max-api-proxy-rs), known by --cwd.\n"
    )
    assert "# Not taken: --cwd – the CLI works in a directory only with tools that are named" in done.output


def test_where_there_is_nothing_it_says_so(old: Old) -> None:
    """Exit code 2, and no file."""
    done = run()
    assert (done.exit_code, done.stderr.partition(":")[0]) == (
        2,
        "there are no settings of another gateway that is known",
    )
    assert list(old.folder.iterdir()) == []


def test_what_is_wrong_is_told_and_not_written(old: Old) -> None:
    """As serving would."""
    (old.folder / ".env").write_text("UPSTREAM_BASE_URL=http://127.0.0.1:9\nPORT=no\n")
    done = run()
    assert (done.exit_code, done.stderr) == (2, '.env: PORT: expected a whole number, got "no"\n')
    with pytest.raises(ConfigError):
        migrated(None, None, {})
