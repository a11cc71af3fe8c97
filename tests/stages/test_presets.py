"""Presets: each file is an upstream, but for what is the user's."""

from typing import Any

import attrs
import pytest

from pipeline.address import locate
from pipeline.config import Upstream
from pipeline.credentials.wallet import Wallet
from pipeline.layers import Layers
from pipeline.loading import build
from pipeline.naming import dialects
from pipeline.prompt import Prompt
from pipeline.reading import settle
from pipeline.way import Reached
from stages.presets.reading import names, read
from stages.simulated.voices import VOICES
from tests.doubles import ScriptedPool
from tests.pipeline.configs import built, refused

OWN_PLACES = {"azure"}  # each customer has an address
PROGRAMS = {"claude_cli"}  # they have none: they run here


def test_there_are_those_of_the_readme() -> None:
    """Providers afar, servers on this machine, and the built-in model."""
    afar = {"anthropic", "azure", "dashscope", "deepseek", "fireworks", "gemini", "groq", "minimax", "mistral",
            "moonshot", "openai", "openai_responses", "openrouter", "together", "xai", "zai"}  # fmt: skip
    here = {"llamacpp", "lmstudio", "ollama", "sglang", "vllm"}
    assert {*afar, *here, *PROGRAMS, "simulated"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_a_preset_holds_keys_of_an_upstream(name: str) -> None:
    """And says which protocol it speaks, and where it is, unless everyone has a place of his own there."""
    preset = read(name)
    assert set(preset) <= {field.name for field in attrs.fields(Upstream)} - {"preset"}
    assert "dialect" in preset
    assert (("url" in preset) != ("serve" in preset)) == (name not in OWN_PLACES | PROGRAMS)


@pytest.mark.parametrize("name", sorted({*names()} - OWN_PLACES))
def test_a_preset_and_a_key_are_enough(name: str) -> None:
    """``--upstream NAME`` with the key, if there is one, in the environment."""
    key = read(name).get("key")
    environ = {key["env"]: "sk"} if isinstance(key, dict) else {}
    (plan,) = build(settle(Layers(environ=environ), name)).plans
    assert plan.name == name


def test_a_place_of_ones_own() -> None:
    """Without an address such a preset is not enough, and says what is missing; with one it is."""
    environ = {"AZURE_OPENAI_API_KEY": "k"}
    upstream = '[upstreams.work]\npreset = "azure"\n'
    assert any("upstreams.work.url" in line for line in refused(upstream, environ))
    (plan,) = built(f'{upstream}url = "https://mine.openai.azure.com/openai/v1"', environ).plans
    assert plan.place is not None
    assert plan.place[1] == "/openai/v1"
    assert plan.dialect.credentials("k") == [(b"api-key", b"k")]


def test_a_place_for_each_deployment() -> None:
    """The older form of the same: the end of the address is where deployments are, and a version goes with it."""
    lines = """
        [upstreams.work]
        preset = "azure"
        provider = "azure_deployments"
        url = "https://mine.openai.azure.com/openai/deployments"
        query = { api-version = "2024-10-21" }
    """
    (plan,) = built(lines, {"AZURE_OPENAI_API_KEY": "k"}).plans
    pool: Any = ScriptedPool(200)
    upstream = plan.upstream(Reached(pool, Wallet.of(plan.name, plan.way.keys)))
    assert (upstream.base, upstream.query) == ("/openai", "api-version=2024-10-21")
    asked = Prompt("chat", b'{"model":"mine"}')
    assert upstream.dialect.upstream_path("reply", asked) == "/deployments/mine/chat/completions"


def test_a_program_of_this_machine() -> None:
    """No address and no key; short names, dated ids and the prefix of other gateways are its models, others are not."""
    (plan,) = build(settle(Layers(environ={}), "claude_cli")).plans
    pool: Any = ScriptedPool(200)
    upstream = plan.upstream(Reached(pool, Wallet.of(plan.name, plan.way.keys)))
    assert (str(upstream.origin), upstream.program) == ("program://claude", True)
    for name in ("opus", "sonnet", "haiku", "sonnet[1m]", "claude-sonnet-4-5-20250929", "claude-code-cli/opus"):
        assert upstream.has(name)
    assert not upstream.has("gpt-5")


def test_a_provider_that_nobody_knows() -> None:
    """It is told with the nearest one."""
    lines = '[upstreams.up]\ndialect = "chat"\nurl = "http://up.test"\nprovider = "deepsek"'
    assert refused(lines) == ["pipeline.toml: upstreams.up.provider: unknown provider; did you mean deepseek?"]


@pytest.mark.parametrize("dialect", [name for name, dialect in dialects().items() if dialect.ROUTES])
def test_the_built_in_model_speaks_every_dialect(dialect: str) -> None:
    """``preset = "simulated"`` with any of them is an upstream."""
    (plan,) = built(f'[upstreams.up]\npreset = "simulated"\ndialect = "{dialect}"').plans
    assert dialect == plan.dialect.NAME
    assert dialect in VOICES


@pytest.mark.parametrize("name", ["nobody", "../presets/openai", ""])
def test_there_are_no_others(name: str) -> None:
    """A name is no path."""
    with pytest.raises(LookupError):
        read(name)


@pytest.mark.parametrize("name", [name for name in names() if "url" in read(name)])
def test_an_address_may_lack_its_version_or_be_a_whole_endpoint(name: str) -> None:
    """As people paste them: all lead to the same place."""
    url, dialect = read(name)["url"].rstrip("/"), read(name)["dialect"]
    whole = {"anthropic": "/messages", "chat": "/chat/completions", "responses": "/responses"}[dialect]
    versioned = url if any(map(str.isdigit, url.partition("//")[2].partition("/")[2])) else f"{url}/v1"
    spellings = {url, f"{url}/", versioned, versioned.removesuffix("/v1"), versioned + whole}
    places = {locate(each, dialects()[dialect], dialects().values()) for each in spellings}
    assert len(places) == 1


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("openai", "https://api.openai.com/v1/messages"),
        ("anthropic", "https://h/v1/chat/completions"),
        ("xai", "api.x.ai"),
    ],
)
def test_an_address_that_can_not_be_right_is_named(name: str, url: str) -> None:
    """At start, with its place."""
    (line,) = refused(f'[upstreams.work]\npreset = "{name}"\nkey = "k"\nurl = "{url}"')
    assert "upstreams.work.url: " in line
