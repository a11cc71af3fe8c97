"""Reading: sections, presets, settings of stages, and everything that is wrong at once."""

from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.layers import Layers, Place, Text
from pipeline.reading import read, settle
from pipeline.secret import Secret
from tests.pipeline.configs import configured, refused

NOT_SET = "preset openai takes its key from the environment variable OPENAI_API_KEY, which is not set"


def test_nothing_configured_is_the_built_in_model() -> None:
    """One upstream of ours, and the defaults."""
    config = configured()
    assert list(config.upstreams) == ["simulated"]
    assert config.upstreams["simulated"].serve == "stages.simulated:serve"
    assert (config.server.host, config.server.port) == ("127.0.0.1", 4096)


def test_a_stray_key_makes_no_upstream() -> None:
    """Only an explicit upstream uses OPENAI_API_KEY."""
    assert configured("", {"OPENAI_API_KEY": "sk", "PORT": "1"}) == configured("")


def test_a_preset_is_laid_under_what_is_said() -> None:
    """Explicit keys win, key by key."""
    config = configured('[upstreams.a]\npreset = "openai"\nidle = 5', {"OPENAI_API_KEY": "sk"})
    upstream = config.upstreams["a"]
    assert (upstream.dialect, upstream.url, upstream.idle) == ("chat", "https://api.openai.com/v1", 5.0)
    assert upstream.key == Secret("sk")
    config = configured('[upstreams.a]\npreset = "openai"\nkey = "mine"\nurl = "http://localhost:1"')
    assert (config.upstreams["a"].key, config.upstreams["a"].url) == (Secret("mine"), "http://localhost:1")


def test_a_preset_s_key_is_needed() -> None:
    """Unless there is another, or the caller's is sent on."""
    text = '[upstreams.a]\npreset = "openai"\n'
    assert refused(text) == [f"pipeline.toml: upstreams.a.key: {NOT_SET}"]
    assert configured(text + "client_key = true").upstreams["a"].key is None
    assert configured(text + 'key = "x"').upstreams["a"].key == Secret("x")


def test_a_url_takes_the_place_of_a_preset_s_server() -> None:
    """preset = "simulated" for a model that runs elsewhere."""
    config = configured('[upstreams.a]\npreset = "simulated"\nurl = "http://localhost:1"')
    assert config.upstreams["a"].serve is None


def test_one_upstream_can_be_chosen() -> None:
    """Then the others are not looked at: their keys may be missing."""
    text = '[upstreams.a]\npreset = "openai"\n[upstreams.b]\npreset = "simulated"'
    config = configured(text, upstream="b")
    assert (list(config.upstreams), config.unused) == (["b"], ("a",))


def test_a_preset_can_be_chosen_as_an_upstream() -> None:
    """One that needs nothing but a key in the environment."""
    config = configured("", {"ANTHROPIC_API_KEY": "sk"}, upstream="anthropic")
    assert config.upstreams["anthropic"].url == "https://api.anthropic.com"
    assert refused("", upstream="antropic") == ["command line: --upstream: unknown upstream; did you mean anthropic?"]


def test_tables_of_stages_are_their_settings() -> None:
    """By their names in the line; an entry's own keys win where both stand."""
    config = configured(
        '[model_map]\naliases = { a = "b" }\n[[stages]]\nuse = "x.y:rules"\nafter = "auth"\n[rules]\nn = 1'
    )
    assert config.settings == {"model_map": {"aliases": {"a": "b"}}, "rules": {"n": 1}}
    assert config.stages[0].use == "x.y:rules"


def test_a_table_of_a_stage_of_an_upstream_counts() -> None:
    """Its name is in a line as well."""
    config = configured('[upstreams.a]\npreset = "simulated"\nstages = [{ use = "x.y:trim", n = 1 }]\n[trim]\nm = 2')
    assert config.settings == {"trim": {"m": 2}}
    stages = config.upstreams["a"].stages
    assert stages is not None
    assert stages[0].settings == {"n": 1}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("prot = 1", "prot: unknown key; known: admin, auth, cache_breakpoints, capture, client_identity, "),
        ("[sevrer]", "sevrer: unknown key; did you mean server?"),
        ("[mter]", "mter: unknown key; did you mean meter?"),
        ("auth = 5", "auth: expected a table, got 5"),
        ('without = ["meter"]\n[meter]', "meter: settings of a stage that is not in the line"),
        ("without = 5", "without: expected a list, got 5"),
        ("server = 5", "server: expected a table, got 5"),
        ("upstreams = 5", "upstreams: expected a table, got 5"),
        ("upstreams.a = 5", "upstreams.a: expected a table, got 5"),
        ("stages = {}", "stages: expected a list, got a table"),
        ("stages = [5]", "stages[0]: expected a table, got 5"),
        ('[[stages]]\nafter = "auth"', "stages[0].use: required, but missing"),
        ('[upstreams.a]\npreset = "opnai"', "upstreams.a.preset: unknown preset; did you mean openai?"),
        ('[upstreams.a]\nurl = "http://a"', "upstreams.a.dialect: required, but missing"),
        ('[upstreams.a]\ndialect = "chat"\nprests = "x"', "upstreams.a.prests: unknown key; did you mean preset?"),
        ("[server]\nport = 70000", "server.port: expected a port from 0 to 65535, got 70000"),
        ("[server]\nping = 0", "server.ping: expected more than 0, got 0"),
        ('[log]\nlevel = "inof"', 'log.level: expected one of "debug", "info", "warning", "error", got "inof"'),
        ('[server]\ntls = { certificate = "a" }', "server.tls.key: required, but missing"),
        ('[store]\nurl = "mysql://h/d"', "store.url: expected postgresql://…; the embedded database is a file"),
    ],
)
def test_what_is_no_configuration(text: str, line: str) -> None:
    """One readable line with the exact path in the file."""
    assert refused(text)[0].startswith(f"pipeline.toml: {line}")


def test_everything_wrong_is_told_at_once() -> None:
    """Shapes, meanings, stages, upstreams: one list."""
    text = """
        sevrer = {}
        stages = [{ use = "model_mop", after = "auth" }]
        [server]
        port = "80"
        [upstreams.a]
        preset = "openai"
        idle = "5m"
        [upstreams.b]
        dialect = "chat"
        url = "ftp://x"
        [auth]
        keys = [{ name = "ada", key = { env = "ADA" } }]
    """
    assert refused(text) == [
        'pipeline.toml: server.port: expected a whole number, got "80"',
        f"pipeline.toml: upstreams.a.key: {NOT_SET}",
        'pipeline.toml: upstreams.a.idle: expected a number, got "5m"',
        "pipeline.toml: sevrer: unknown key; did you mean server?",
        "pipeline.toml: auth.keys[0].key: the environment variable ADA is not set",
        "pipeline.toml: stages[0].use: unknown stage; did you mean model_map?",
        "pipeline.toml: upstreams.b.url: a URL begins with http:// or https://",
    ]


def test_variables_reach_every_depth() -> None:
    """Scalars, lists and tables, typed by the field; stages and their settings too."""
    tree = {
        "server": {"port": Text("1"), "names": Text('["a"]')},
        "upstreams": Text('{ a = { preset = "simulated" } }'),
        "stages": Text('[{ use = "x.y:rules", after = "auth", n = 1 }]'),
        "without": Text('["meter"]'),
        "model_map": {"aliases": Text('{ a = "b" }')},
    }
    config = settle(Layers(tree=tree))
    assert (config.server.port, config.server.names, config.without) == (1, ("a",), ("meter",))
    assert config.upstreams["a"].dialect == "anthropic"
    assert config.stages[0].settings == {"n": 1}
    assert config.settings["model_map"] == {"aliases": '{ a = "b" }'}


def test_a_wrong_variable_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a path in a file that does not have it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = read(environ={"PIPELINE_SERVER__PORT": "8080"})
    assert isinstance(config, Config)
    assert config.layers.places == {("server", "port"): Place("environment", "PIPELINE_SERVER__PORT")}
    assert config.server.port == 8080
    assert config.layers.label(("server", "port")) == "environment: PIPELINE_SERVER__PORT"
