"""What the holder of a key is told."""

from tests.pipeline.admin.office import Office
from tests.pipeline.admin.test_keys import MINUTE, PROMPT, made
from tests.pipeline.admin.test_prices import used


async def test_a_key_holder_sees_what_the_key_used_and_may(at: Office) -> None:
    """And nobody else's."""
    one, other = await made(at, models=["claude-*"], limits=[MINUTE]), await made(at)
    await at.send("POST", "/v1/messages", PROMPT, x_api_key=one["secret"])
    await made(at)
    with_key = await at.send("GET", "/v1/usage", authorization=f"Bearer {one['secret']}")
    while not with_key.json["totals"]["24h"]["requests"]:
        with_key = await at.send("GET", "/v1/usage", x_api_key=one["secret"])
    told = with_key.json
    assert told["key"] == {"name": "ada", "models": ["claude-*"], "expires": 0}
    assert [(window["kind"], window["limit"], window["spent"]) for window in told["windows"]] == [
        ("requests_minute", 9, 1)
    ]
    assert [row["id"] for row in told["by_model"]] == ["claude-simulated"]
    assert told["totals"].keys() == {"24h", "7d", "30d"}
    nothing = (await at.send("GET", "/v1/usage", x_api_key=other["secret"])).json
    assert (nothing["totals"]["30d"]["requests"], nothing["by_model"]) == (0, [])


async def test_without_a_key_there_is_no_statement(at: Office) -> None:
    """Where keys are needed, this needs one; where none is, whoever is local sees what was used locally."""
    await used(at)
    assert (await at.send("GET", "/v1/usage")).json["totals"]["24h"]["requests"] == 1
    await made(at)
    assert (await at.send("GET", "/v1/usage")).status == 401
    assert (await at.send("GET", "/v1/usage", x_api_key="sk-proxy-guessed")).status == 401
    assert (await at.send("POST", "/v1/usage")).status in (404, 405)
