"""Drafts: what is said of each setting, and what older words mean."""

import pytest

from pipeline.layers import Place, Text
from stages.legacy.draft import Draft, directed, leveled, preset_at
from stages.legacy.variables import Variables


def draft(**variables: str) -> Draft:
    return Draft("it", Variables((("environment", variables),)))


def test_a_setting_is_put_with_its_place_and_told() -> None:
    """A secret that stands in a file is not shown."""
    made = draft()
    made.put(("server", "port"), 3000, Place(".env", "PORT"))
    made.put(("upstreams", "a", "key"), "hunter2", Place("its.toml", "api_key"), why="as it was")
    made.put(("auth", "required"), True)
    assert made.tree == {"server": {"port": 3000}, "upstreams": {"a": {"key": "hunter2"}}, "auth": {"required": True}}
    assert list(made.became.values()) == [
        "PORT → server.port = 3000",
        'api_key → upstreams.a.key = "***"; as it was',
        "its default → auth.required = true",
    ]
    assert made.places["auth", "required"] == Place("it", "its default")


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("7.5", "7.5"), ("seven", "seven"), ("-7", "-7")])
def test_a_number_is_typed_where_it_is_one(text: str, value: object) -> None:
    """Anything else is left to the field it is for."""
    made = draft(N=text)
    made.number("N", ("server", "port"))
    put = made.tree["server"]["port"]
    assert put == value
    assert isinstance(put, int | Text)


@pytest.mark.parametrize(
    ("directives", "level"),
    [
        ("info", "info"),
        ("WARN", "warning"),
        ("trace", "debug"),
        ("off", "error"),
        ("info,mine=debug", "debug"),
        ("mine[span]=debug,info", "debug"),
        ("other=debug", None),
        ("mine=nonsense", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_directives_have_a_level_for_a_crate(directives: str, level: str | None) -> None:
    """Its own before the general one."""
    assert directed(directives, "mine") == level


def test_levels_of_other_programs() -> None:
    """In our words, or none."""
    assert [leveled(word) for word in ("INFO", "critical", "x")] == ["info", "error", None]


@pytest.mark.parametrize(
    ("url", "preset"),
    [
        ("https://openrouter.ai/api", "openrouter"),
        ("https://API.openai.com/v1/chat/completions", "openai"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://127.0.0.1:11434", "ollama"),
        ("http://127.0.0.1:9", None),
        ("https://api.openai.com.example.com", None),
        ("nonsense", None),
    ],
)
def test_who_lives_at_a_url_is_known_by_its_host(url: str, preset: str | None) -> None:
    """And by the port; by nothing else."""
    assert preset_at(url) == preset
