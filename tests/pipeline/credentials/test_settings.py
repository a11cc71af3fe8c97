"""The table [upstreams.NAME.oauth], and what does not go with it."""

import pytest

from pipeline.credentials.settings import OAuth
from tests.pipeline.configs import configured, refused

HEAD = '[upstreams.up]\ndialect = "chat"\nurl = "https://models.test"\n'
TABLE = """
[upstreams.up.oauth]
authorize = "https://login.test/authorize"
token = "https://login.test/token"
client_id = "ours"
redirect = "https://here.test"
"""


def test_a_client_of_the_operators_own() -> None:
    """Endpoints, id and redirect are all it takes: nothing comes with us."""
    assert configured(HEAD + TABLE).upstreams["up"].oauth == OAuth(
        authorize="https://login.test/authorize",
        token="https://login.test/token",
        client_id="ours",
        redirect="https://here.test",
    )


@pytest.mark.parametrize(
    ("found", "put", "line"),
    [
        ('"https://login.test/token"', '"http://login.test/token"', "oauth.token: expected https://"),
        ('"https://login.test/authorize"', '"login.test"', "oauth.authorize: a URL begins with"),
        ('"https://login.test/token"', '"https://login.test/token#x"', "oauth.token: an endpoint has no fragment"),
        ('"ours"', '""', "oauth.client_id: expected a text that is not empty"),
        ('client_id = "ours"', "", "oauth.client_id: required, but missing"),
        (
            "[upstreams.up.oauth]",
            "client_key = true\n[upstreams.up.oauth]",
            "client_key: the caller's credential or one",
        ),
    ],
)
def test_what_can_not_be_right_is_told_at_its_place(found: str, put: str, line: str) -> None:
    """Tokens do not travel in the clear, but on loopback."""
    assert f"upstreams.up.{line}" in refused((HEAD + TABLE).replace(found, put))[0]
    assert configured((HEAD + TABLE).replace("https://login.test", "http://127.0.0.1:1")).upstreams["up"].oauth


def test_keys_in_place_of_a_presets_variable() -> None:
    """Who says where the keys are is not asked for the preset's variable: also where all are in the store."""
    for said in ('keys = ["one", "two"]', "keys = []", TABLE):
        upstream = configured(f'[upstreams.up]\npreset = "openai"\n{said}').upstreams["up"]
        assert upstream.key is None
    assert "OPENAI_API_KEY" in refused('[upstreams.up]\npreset = "openai"')[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('keys = ["one", "t wo"]', "upstreams.up.keys[1]: is no key"),
        ('keys = [{ env = "NO" }]', "upstreams.up.keys[0]: the environment variable NO is not set"),
        ('preface = "x"', 'upstreams.up.preface: goes with client_identity = "always"'),
        ('client_identity = "sometimes"', 'upstreams.up.client_identity: expected one of "always", "never", "auto"'),
    ],
)
def test_what_else_is_wrong_with_credentials(text: str, line: str) -> None:
    """Each at its place."""
    assert line in refused(HEAD + text)[0]


@pytest.mark.parametrize("key", ['secret_key = "short"', 'old_secret_keys = ["short"]', 'secret_key = ""'])
def test_a_sealing_key_that_can_be_guessed_is_none(key: str) -> None:
    """Empty, or a few letters: it does not start."""
    assert "store." in refused(f"[store]\n{key}")[0]
