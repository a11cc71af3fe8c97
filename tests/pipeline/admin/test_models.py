"""The models that callers may ask for."""

import json
from pathlib import Path
from typing import Any

from tests.pipeline.admin.office import CONFIGURED, Office, office

MAP = f"""{CONFIGURED}
[model_map]
aliases = {{ quick = "claude-haiku-5-5" }}
rules = [{{ match = "big", upstreams = ["up"] }}, {{ match = "x-*" }}]
"""


async def asked(at: Office, model: str) -> int:
    said = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
    return (await at.send("POST", "/v1/messages", json.dumps(said).encode())).status


async def offered(at: Office) -> list[str]:
    return [model["id"] for model in (await at.send("GET", "/v1/models")).json["data"]]


async def listed(at: Office) -> list[Any]:
    return list((await at.ask("GET", "/models")).json["models"])


async def test_a_listed_model_is_offered_and_sent_on_under_its_target(at: Office) -> None:
    """Before all others, in its order; its price is its target's."""
    for name in ("one", "two"):
        said = {"id": name, "target": "claude-haiku-5-5", "upstreams": ["up"]}
        assert (await at.ask("POST", "/models", said)).status == 201
    assert await asked(at, "one") == 200
    assert (await offered(at))[:2] == ["one", "two"]
    first = (await listed(at))[0]
    assert (first["id"], first["target"], first["source"], first["position"]) == ("one", "claude-haiku-5-5", "store", 1)
    assert first["price"]["model"] == "claude-haiku-5-5"


async def test_the_order_is_theirs_too(at: Office) -> None:
    """Those that are not named follow."""
    for name in ("a", "b", "c"):
        await at.ask("POST", "/models", {"id": name})
    assert [each["id"] for each in (await at.ask("PUT", "/models/order", {"ids": ["c", "a"]})).json["models"]] == [
        "c",
        "a",
        "b",
    ]
    assert (await offered(at))[:3] == ["c", "a", "b"]
    assert (await at.ask("PUT", "/models/order", {"ids": ["nothing"]})).status == 409


async def test_a_model_that_is_switched_off_is_one_that_nobody_has(at: Office) -> None:
    """Refused like an unknown one and not offered, although its upstream lists it; and on again."""
    await at.ask("POST", "/models", {"id": "claude-haiku-5-5", "enabled": False})
    assert await asked(at, "claude-haiku-5-5") == 404
    assert await asked(at, "claude-haiku-5-5(high)") == 404
    assert "claude-haiku-5-5" not in await offered(at)
    await at.ask("PATCH", "/models/claude-haiku-5-5", {"enabled": True})
    assert await asked(at, "claude-haiku-5-5") == 200


async def test_names_with_slashes_are_names(at: Office) -> None:
    """As routers have them."""
    await at.ask("POST", "/models", {"id": "org/model:free"})
    assert (await at.ask("PATCH", "/models/org%2Fmodel:free", {"target": "x"})).json["model"]["target"] == "x"
    assert (await at.ask("DELETE", "/models/org%2Fmodel:free")).status == 204
    assert await listed(at) == []


async def test_what_can_not_be(at: Office) -> None:
    """A name twice, an upstream that is none, the one word that has a meaning of its own, what is not there."""
    await at.ask("POST", "/models", {"id": "a"})
    refused = [
        await at.ask("POST", "/models", {"id": "a"}),
        await at.ask("POST", "/models", {"id": "b", "upstreams": ["nobody"]}),
        await at.ask("PATCH", "/models/a", {"upstreams": ["nobody"]}),
        await at.ask("POST", "/models", {"id": "order"}),
    ]
    assert [answer.status for answer in refused] == [409] * 4
    assert (await at.ask("PATCH", "/models/b", {})).status == 404
    assert (await at.ask("DELETE", "/models/b")).status == 404


async def test_what_is_configured_is_shown_beside_and_what_upstreams_have(tmp_path: Path) -> None:
    """Aliases and exact rules, unless the store has the same name; globs are no models."""
    async with office(tmp_path, MAP) as at:
        await at.ask("POST", "/models", {"id": "big"})
        told = (await at.ask("GET", "/models")).json
        assert [(each["id"], each["source"]) for each in told["models"]] == [("big", "store"), ("quick", "config")]
        assert "claude-haiku-5-5" in told["known"]
