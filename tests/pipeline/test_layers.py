"""Layers: who wins, and how each value's place is told."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.layers import SYSTEM, Text, find, inline, is_dotenv, read, read_dotenv, settings, spell, variable
from pipeline.problems import ConfigError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a home with nothing in them."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    return work


def test_each_layer_wins_over_the_one_before(here: Path) -> None:
    """Defaults < file < .env < environment < command line, key by key."""
    (here / "pipeline.toml").write_text('[server]\nport = 1\nhost = "file"\ndrain = 1\nping = 1\n')
    (here / ".env").write_text("PIPELINE_SERVER__HOST=dotenv\nPIPELINE_SERVER__DRAIN=2\nPIPELINE_SERVER__PING=2\n")
    environ = {"PIPELINE_SERVER__DRAIN": "3", "PIPELINE_SERVER__PING": "3"}
    layers = read(flags={("server", "ping"): ("4", "--ping")}, environ=environ)
    assert layers.tree["server"] == {"port": 1, "host": "dotenv", "drain": "3", "ping": "4"}
    assert [layers.label(("server", key)) for key in ("port", "host", "drain", "ping")] == [
        "pipeline.toml: server.port",
        ".env: PIPELINE_SERVER__HOST",
        "environment: PIPELINE_SERVER__DRAIN",
        "command line: --ping",
    ]


def test_a_folder_that_is_closed_holds_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container's user is sent to the home of another."""
    closed = here.parent / "home" / "config" / "pipeline"

    def stat(path: str | Path) -> os.stat_result:
        if str(path).startswith(str(closed)):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    real = os.stat
    monkeypatch.setattr(os, "stat", stat)
    assert [candidate.exists for candidate in find(None).toml] == [False, False, False]


def test_only_our_variables_are_settings(here: Path) -> None:
    """A stray OPENAI_API_KEY or PORT changes nothing, but can be asked for."""
    layers = read(environ={"OPENAI_API_KEY": "x", "PORT": "80", "XPIPELINE_SERVER__PORT": "1"})
    assert layers.tree == {}
    assert layers.environ["OPENAI_API_KEY"] == "x"


def test_a_service_called_pipeline_is_no_setting() -> None:
    """What Kubernetes puts into a container beside a Service of our name is not taken for a key."""
    links = {
        "PIPELINE_SERVICE_HOST": "10.0.0.1",
        "PIPELINE_SERVICE_PORT": "4096",
        "PIPELINE_SERVICE_PORT_HTTP": "4096",
        "PIPELINE_PORT": "tcp://10.0.0.1:4096",
        "PIPELINE_PORT_4096_TCP": "tcp://10.0.0.1:4096",
        "PIPELINE_PORT_4096_TCP_ADDR": "10.0.0.1",
    }
    assert settings(links) == []
    assert settings({"PIPELINE_PORT": "4096"}) == [(("port",), "4096", "PIPELINE_PORT")]


def test_dotenv_never_overrides_what_is_set(here: Path) -> None:
    """A variable that is set, even to nothing, is not taken from .env."""
    (here / ".env").write_text("KEY=dotenv\nOTHER=dotenv\n")
    layers = read(environ={"KEY": ""})
    assert (layers.environ["KEY"], layers.environ["OTHER"]) == ("", "dotenv")


def test_the_first_dotenv_is_the_only_one(here: Path, tmp_path: Path) -> None:
    """Beside the config file comes before the working directory; the second is not read."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "my.toml").touch()
    (tmp_path / "conf" / ".env").write_text("A=beside")
    (here / ".env").write_text("A=here\nB=here")
    layers = read(tmp_path / "conf" / "my.toml", environ={})
    assert layers.environ == {"A": "beside"}
    assert read(environ={}).environ == {"A": "here", "B": "here"}


def test_the_search_goes_outward(here: Path, tmp_path: Path) -> None:
    """The working directory, the user's directory, the system's; a file that is named is the only one."""
    user = tmp_path / "home" / "config" / "pipeline"
    user.mkdir(parents=True)
    (user / "pipeline.toml").touch()
    found = find(None)
    assert [candidate.file for candidate in found.toml] == [
        Path("pipeline.toml"),
        user / "pipeline.toml",
        SYSTEM / "pipeline.toml",
    ]
    assert [candidate.used for candidate in found.toml] == [False, True, False]
    assert [candidate.file for candidate in found.dotenv] == [user / ".env", Path(".env"), SYSTEM / ".env"]
    (here / "pipeline.toml").touch()
    assert [(candidate.exists, candidate.used) for candidate in find(None).toml[:2]] == [(True, True), (True, False)]
    assert [candidate.file for candidate in find(Path("x.toml")).toml] == [Path("x.toml")]


def test_config_may_be_a_dotenv_file(here: Path) -> None:
    """Then it is the whole configuration: no TOML file is looked for."""
    (here / "pipeline.toml").write_text("[server]\nport = 1")
    (here / "prod.env").write_text("PIPELINE_SERVER__PORT=2\nKEY=k")
    layers = read(Path("prod.env"), environ={})
    assert layers.tree == {"server": {"port": "2"}}
    assert layers.environ["KEY"] == "k"
    assert layers.label(("server", "port")) == "prod.env: PIPELINE_SERVER__PORT"


@pytest.mark.parametrize(
    ("name", "expected"), [(".env", True), (".env.local", True), ("a.env", True), ("a.toml", False)]
)
def test_a_dotenv_file_is_known_by_its_name(name: str, expected: bool) -> None:
    """Its name begins or ends with .env."""
    assert is_dotenv(Path("conf") / name) is expected


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.toml", b"x = ", "a.toml: not TOML: Invalid value (at end of document)"),
        ("a.toml", b"\xff", "a.toml: not TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ("a.env", b"A=1\n=2\n", "a.env: line 2: expected NAME=value"),
        ("b.toml", None, "b.toml: there is no such file"),
    ],
)
def test_a_file_that_can_not_be_read_is_one_line(here: Path, name: str, text: bytes | None, line: str) -> None:
    """No traceback, the file's name first."""
    if text is not None:
        (here / name).write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        read(Path(name), environ={})
    assert caught.value.lines == [line]


def test_dotenv_values_mean_themselves(here: Path) -> None:
    """Quotes go, comments go, ${…} stays: a key may hold it."""
    (here / ".env").write_text("\ufeff# prose\nexport A='a b'\nB=${A}$x # why\nC\n")
    assert read_dotenv(here / ".env") == {"A": "a b", "B": "${A}$x"}


def test_a_byte_order_mark_is_no_part_of_the_file(here: Path) -> None:
    """Editors on Windows put one in front."""
    (here / "pipeline.toml").write_bytes(b"\xef\xbb\xbf[server]\nport = 1")
    assert read(environ={}).tree == {"server": {"port": 1}}


def test_a_variable_replaces_the_whole_key(here: Path) -> None:
    """A table set by a variable is that table; a deeper variable then goes into it."""
    (here / "pipeline.toml").write_text('[upstreams.a]\nkey = { env = "A" }\n[upstreams.b]\nurl = "b"')
    environ = {"PIPELINE_UPSTREAMS": '{c = {url = "c"}}', "PIPELINE_UPSTREAMS__C__MODELS": '["m"]'}
    layers = read(environ=environ)
    assert layers.tree == {"upstreams": {"c": {"url": "c", "models": '["m"]'}}}
    environ = {"PIPELINE_UPSTREAMS__A__KEY": '{file = "x"}'}
    assert inline(read(environ=environ).tree["upstreams"]["a"]["key"]) == {"file": "x"}


def test_names_with_dashes_can_be_meant_by_variables(here: Path) -> None:
    """[upstreams.My-Own] is PIPELINE_UPSTREAMS__MY_OWN."""
    (here / "pipeline.toml").write_text('[upstreams.My-Own]\nurl = "a"')
    layers = read(environ={"PIPELINE_UPSTREAMS__MY_OWN__URL": "b"})
    assert layers.tree == {"upstreams": {"My-Own": {"url": "b"}}}
    assert layers.label(("upstreams", "My-Own", "url")) == "environment: PIPELINE_UPSTREAMS__MY_OWN__URL"


def test_a_variable_can_not_go_into_what_is_no_table(here: Path) -> None:
    """The line names both."""
    (here / "pipeline.toml").write_text("[server]\nport = 1")
    with pytest.raises(ConfigError) as caught:
        read(environ={"PIPELINE_SERVER__PORT__X": "1"})
    assert caught.value.lines == [
        "pipeline.toml: server.port: is no table, so PIPELINE_SERVER__PORT__X can't be set in it"
    ]


def test_what_is_missing_is_told_as_a_variable_where_the_table_is_made_of_variables(here: Path) -> None:
    """There is no file to name."""
    layers = read(environ={"PIPELINE_UPSTREAMS__A__URL": "x"})
    assert layers.label(("upstreams", "a", "dialect")) == "environment: PIPELINE_UPSTREAMS__A__DIALECT"
    assert layers.label(("upstreams", "a", "url", "x")) == "environment: PIPELINE_UPSTREAMS__A__URL: x"
    assert layers.label(("upstreams", "b", "url")) == "configuration: upstreams.b.url"


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("true", True), ('["a"]', ["a"]), ('{a="b"}', {"a": "b"}), ("plain", "plain"), ("1\nb=2", "1\nb=2")],
)
def test_text_may_be_a_toml_value(text: str, value: object) -> None:
    """One value, or the text itself."""
    assert inline(Text(text)) == value
    assert inline(text) is text


WORDS = st.text("abcdefgh_", min_size=1, max_size=6).filter(lambda word: "__" not in f"_{word}_")


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_every_key_is_a_variable(path: list[str]) -> None:
    """The way from a path to its variable and back loses nothing."""
    assert settings({variable(tuple(path)): "x"}) == [(tuple(path), "x", variable(tuple(path)))]


def test_paths_are_spelled_as_in_toml() -> None:
    """Quotes where a bare key would not do."""
    assert spell(("upstreams", "a.b", "stages", 0, "ttl")) == 'upstreams."a.b".stages[0].ttl'
