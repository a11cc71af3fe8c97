"""Loading: what is named is found by one door, constructed, and checked before anything is opened."""

from pathlib import Path
from typing import Any

import pytest
import trustme

from pipeline.config import Config, Entry, Upstream
from pipeline.credentials.wallet import Wallet
from pipeline.loading import build, on_loopback
from pipeline.naming import LoadFailed, built_in, dialects, load
from pipeline.problems import ConfigError
from pipeline.secret import Secret
from pipeline.way import Reached
from tests.pipeline.configs import built, refused

MINE = '''
import attrs


def rules(exchange):
    """House rules."""


def typewriter(exchange):
    async def transform(batches, out):
        async for batch in batches:
            await out.send(batch)

    return transform


@attrs.frozen
class Queue:
    """Let *limit* through at a time."""

    limit: int = 100

    def __call__(self, exchange):
        yield

    async def __aenter__(self):
        return self

    async def __aexit__(self, *raised):
        pass


@attrs.frozen
class Router:
    to: str

    def __call__(self, exchange):
        pass

    def check(self, upstreams):
        if self.to not in upstreams:
            yield f"to: there is no upstream {self.to}"


class Shout:
    def __init__(self, exchange):
        pass

    def __call__(self, event):
        pass


class Pool:
    def __call__(self, exchange):
        pass


def rule(exchange, limit):
    pass


nothing = 5
'''


@pytest.fixture
def mine(place_of_modules: Path) -> str:
    """A module of stages in the working directory; its name."""
    (place_of_modules / "my_stages.py").write_text(MINE)
    (place_of_modules / "my_broken.py").write_text("import there_is_no_such_module")
    return "my_stages"


# -- by name ----------------------------------------------------------------------------------------------------------


def test_a_bare_name_is_a_built_in_stage() -> None:
    """stages.NAME:stage, and nothing else."""
    from_module = load("stages.auth:stage")
    assert load("auth") is from_module
    assert {"auth", "model_map", "thinking_suffix", "meter", "translate"} <= set(built_in())


@pytest.mark.parametrize(
    ("use", "text"),
    [
        ("metre", "unknown stage; did you mean meter?"),
        ("my_stages:nowhere", "there is no nowhere in my_stages"),
        ("no.such:thing", "there is no module no.such"),
        ("my_broken:thing", "my_broken can't be imported: No module named 'there_is_no_such_module'"),
        ("my_stages", "unknown stage; known: "),
        ("my.stages", 'expected the name of a built-in stage, or "package.module:name"'),
        ("../x:y", 'expected the name of a built-in stage, or "package.module:name"'),
    ],
)
def test_what_can_not_be_loaded(mine: str, use: str, text: str) -> None:
    """One sentence; an import that fails inside the module is not taken for a missing one."""
    with pytest.raises(LoadFailed) as caught:
        load(use)
    assert str(caught.value).startswith(text)


def test_the_dialects_are_found_by_name() -> None:
    """Those that clients may speak."""
    assert {"anthropic", "chat"} <= set(dialects())


# -- stages -----------------------------------------------------------------------------------------------------------


def test_a_stage_of_the_working_directory_is_in_the_line(mine: str) -> None:
    """A plain callable as it is; an attrs class made of its entry and its table."""
    made = built(
        """
        [[stages]]
        use = "my_stages:rules"
        after = "auth"
        [[stages]]
        use = "my_stages:Queue"
        name = "queue"
        before = "meter"
        limit = 7
        """
    )
    stages = dict(made.line.stages)
    assert list(stages) == ["auth", "rules", "model_map", "thinking_suffix", "limits", "queue", "meter"]
    assert stages["queue"].limit == 7  # type: ignore[attr-defined]  # a class of the working directory
    assert id(stages["queue"]) in map(id, made.lifetimes)


def test_settings_come_from_the_table_and_the_entry(mine: str) -> None:
    """The entry wins."""
    entry = '[[stages]]\nuse = "my_stages:Queue"\nname = "queue"\nbefore = "meter"\n'
    stages = dict(built(f"{entry}[queue]\nlimit = 5").line.stages)
    assert stages["queue"].limit == 5  # type: ignore[attr-defined]  # the same
    stages = dict(built(f"{entry}limit = 6\n[queue]\nlimit = 5").line.stages)
    assert stages["queue"].limit == 6  # type: ignore[attr-defined]  # the same


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('use = "my_stages:Queue"\nafter = "auth"\nlimit = "x"', 'stages[0].limit: expected a whole number, got "x"'),
        ('use = "my_stages:Queue"\nafter = "auth"\nlimmit = 1', "stages[0].limmit: unknown key; did you mean limit?"),
        ('use = "my_stages:Queue"\nafter = "auth"\n[Queue]\nlimmit = 1', "Queue.limmit: unknown key; did you mean"),
        ('use = "my_stages:rules"\nafter = "auth"\nx = 1', "stages[0].x: unknown key; rules has no settings"),
        ('use = "my_stages:nothing"\nafter = "auth"', "stages[0].use: this is nothing that can be called"),
        ('use = "my_stages:rule"\nafter = "auth"', "stages[0].use: this is nothing that can be called"),
        (
            'use = "my_stages:Pool"\nafter = "auth"',
            "stages[0].use: this is nothing that can be called with an exchange; a class of which one is made at start",
        ),
        ('use = "my_stages:Router"\nafter = "auth"\nto = "x"', "stages[0]: to: there is no upstream x"),
        ('use = "my_stages:Router"\nafter = "auth"', "stages[0].to: required, but missing"),
        ('use = "my_stages:typewriter"\nafter = "translate"', "stages[0]: typewriter waits on the way down"),
    ],
)
def test_stages_that_can_not_be_made(mine: str, text: str, line: str) -> None:
    """At the entry, or at the table, where the setting stands."""
    assert refused(f"[[stages]]\n{text}")[0].startswith(f"pipeline.toml: {line}")


def test_a_class_may_be_the_stage_and_its_object_the_transform(mine: str) -> None:
    """It is made anew for every exchange, of nothing but that."""
    assert "Shout" in dict(built('[[stages]]\nuse = "my_stages:Shout"\nafter = "auth"').line.stages)


def test_an_upstream_s_stage_must_not_wait(mine: str) -> None:
    """A typed error at start that names the stage."""
    text = '[upstreams.a]\npreset = "simulated"\nstages = [{ use = "my_stages:typewriter" }]'
    (line,) = refused(text)
    assert line.startswith("pipeline.toml: upstreams.a.stages[0]: typewriter waits on the way down")


def test_upstreams_share_the_default_stages_of_an_attempt() -> None:
    """One object; those with stages of their own have their own."""
    made = built(
        """
        [upstreams.a]
        preset = "simulated"
        [upstreams.b]
        preset = "simulated"
        [upstreams.c]
        preset = "simulated"
        stages = [{ use = "cache_breakpoints", ttl = "1h" }]
        [upstreams.d]
        preset = "simulated"
        stages = []
        """
    )
    first, second, third, fourth = (dict(plan.stages) for plan in made.plans)
    assert first["cache_breakpoints"] is second["cache_breakpoints"]
    assert third["cache_breakpoints"].ttl == "1h"  # type: ignore[attr-defined]  # its own setting
    assert list(fourth) == ["translate"]


def test_a_config_made_in_code_can_be_built() -> None:
    """Tests and the bench need no file."""
    upstream = Upstream(dialect="anthropic", url="http://127.0.0.1:1", key=Secret("k"))
    made = build(Config(upstreams={"a": upstream}, stages=(Entry(use="auth"), Entry(use="meter"))))
    assert [name for name, _ in made.line.stages] == ["auth", "meter"]
    with pytest.raises(ConfigError, match=r"configuration: upstreams\.a\.url: a URL begins with"):
        build(Config(upstreams={"a": Upstream(dialect="anthropic", url="x")}))


# -- upstreams --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('dialect = "chta"\nurl = "http://h"', "a.dialect: unknown dialect; did you mean chat?"),
        ('dialect = "chat"', "a.url: required, but missing; a preset would supply it"),
        ('preset = "azure"\nkey = "k"', "a.url: required, but missing; preset azure has none, it is your own"),
        ('dialect = "chat"\nurl = "https://h/?a=b"', "a.url: a base URL has no query and no fragment"),
        (
            'dialect = "chat"\nurl = "http://h"\nkey = "k"\nclient_key = true',
            "a.client_key: the caller's credential or",
        ),
        ('dialect = "chat"\nurl = "http://h"\nkey = "a b"', "a.key: is no key"),
        ('dialect = "chat"\nurl = "http://h"\nheaders = { "a b" = "c" }', 'a.headers."a b": is no name of a header'),
        ('dialect = "chat"\nurl = "http://h"\nheaders = { a = "b\\n" }', "a.headers.a: is no value of a header field"),
        ('dialect = "chat"\nurl = "http://h"\nheaders = { Host = "b" }', "a.headers.Host: belongs to the connection"),
        ('dialect = "chat"\nurl = "http://h"\nproxy = "socks5://p"', "a.proxy: a proxy is reached over http or https"),
        (
            'dialect = "chat"\nurl = "http://h"\nca = "none.pem"',
            "a.ca: none.pem can't be used: No such file or directory",
        ),
        (
            'dialect = "chat"\nurl = "http://h"\nsettings = { a = 1 }',
            "a.settings: these are for a server that is started",
        ),
        ('dialect = "chat"\nserve = "no.such:thing"', "a.serve: there is no module no.such"),
        ('dialect = "chat"\nserve = "stages.simulated:serve"\nurl = "http://h"', "a.serve: a url, or a server that is"),
        ('preset = "simulated"\nsettings = { sede = 5 }', "a.settings.sede: unknown key; did you mean seed?"),
    ],
)
def test_upstreams_that_can_not_be(text: str, line: str) -> None:
    """Each at its key."""
    lines = refused(f"[upstreams.a]\n{text}")
    assert len(lines) == 1
    assert lines[0].startswith(f"pipeline.toml: upstreams.{line}")


def test_a_plan_knows_all_but_the_connections() -> None:
    """Origin, base, fields, proxy."""
    text = """
        [upstreams.a]
        dialect = "chat"
        url = "https://host/api/v2/chat/completions"
        headers = { X-Team = "ä", x-key = { env = "K" } }
        proxy = "http://proxy:3128"
        idle = 7
        models = ["gpt-*"]
    """
    (plan,) = built(text, {"K": "secret"}).plans
    nowhere: Any = None  # nothing is asked here
    upstream = plan.upstream(Reached(nowhere, Wallet.of(plan.name, plan.way.keys)))
    assert (str(upstream.origin), upstream.base, upstream.timers.idle) == ("https://host", "/api/v2", 7.0)
    assert upstream.headers == [(b"x-team", "ä".encode("latin-1")), (b"x-key", b"secret")]
    assert upstream.has("gpt-6")
    assert not upstream.has("claude")
    assert plan.way.connector.environ == {"ALL_PROXY": "http://proxy:3128"}


def test_authorities_are_read_once_a_file(tmp_path: Path) -> None:
    """Upstreams without a file share the system's."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    text = "".join(f'[upstreams.{name}]\ndialect = "chat"\nurl = "http://h"\n' for name in "ab")
    text += f'[upstreams.c]\ndialect = "chat"\nurl = "http://h"\nca = "{tmp_path / "ca.pem"}"'
    first, second, third = (plan.way.connector.tls for plan in built(text).plans)
    assert first is second
    assert third is not first


# -- our own door -----------------------------------------------------------------------------------------------------


def test_other_machines_need_a_key() -> None:
    """Unless it is the upstreams' affair, all of them; who leaves out auth is reached from this machine only."""
    text = '[server]\nhost = "0.0.0.0"\n'
    key = '[auth]\nkeys = [{ name = "ada", key = "k" }]'
    theirs = '[upstreams.a]\npreset = "anthropic"\nclient_key = true'
    (line,) = refused(text)
    assert line.startswith("pipeline.toml: server.host: 0.0.0.0 can be reached from elsewhere, and there is no key")
    for enough in (text + key, text + "[auth]\nrequired = true", text + theirs):
        assert built(enough).line.stages
    mixed = '\n[upstreams.b]\ndialect = "chat"\nurl = "http://h"\nkey = "k"'
    assert refused(text + theirs + mixed) == [line]
    (line,) = refused('without = ["auth"]\n' + text)
    assert "can be reached from elsewhere, and the line has no auth" in line
    assert built('without = ["auth"]').line.stages


def test_a_key_has_one_holder() -> None:
    """Two would share what each may use, and the books would know the second only; one may have several keys."""
    text = '[auth]\nkeys = [{ name = "ada", key = "k" }, { name = "bob", key = "k" }]'
    assert refused(text) == [
        "pipeline.toml: auth.keys: ada and bob have the same key: nobody could tell who asks",
    ]
    assert built('[auth]\nkeys = [{ name = "ada", key = "k" }, { name = "ada", key = "l" }]').line.stages


def test_what_is_loopback() -> None:
    """A name may lead anywhere, but for localhost."""
    assert all(map(on_loopback, ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"]))
    assert not any(map(on_loopback, ["", "0.0.0.0", "::", "10.0.0.1", "gateway.lan"]))  # noqa: S104  # looked at only


def test_our_certificate_is_loaded(tmp_path: Path) -> None:
    """And a pair that does not fit is told."""
    authority = trustme.CA()
    for name in ("one", "two"):
        issued = authority.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    text = '[server]\ntls = {{ certificate = "{0}/one.pem", key = "{0}/{1}.key" }}'
    assert built(text.format(tmp_path, "one")).tls is not None
    (line,) = refused(text.format(tmp_path, "two"))
    assert line.startswith("pipeline.toml: server.tls: ")
    (line,) = refused(text.format(tmp_path, "three"))
    assert line.endswith("can't be used: No such file or directory")
