"""Keys with limits, before an upstream with several credentials, one of them OAuth's: all through a running gateway."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import trio

from tests.e2e.consent import REDIRECT, client
from tests.e2e.house import Answer, House, Wire, house
from tests.pipeline.credentials.authority import Authority, authority

MODEL = "claude-opus-4-5"  # $5 and $25 per million tokens
PASSWORD = "a long password"
ADMIN = f'[admin]\npassword = "{PASSWORD}"\n'


async def admin(home: House, method: str, path: str, **said: Any) -> Any:
    """What the API answers, if it is well."""
    basic = b64encode(f"admin:{PASSWORD}".encode()).decode()
    body = json.dumps(said).encode() if method != "GET" else b""
    head = (
        f"{method} /admin/api{path} HTTP/1.1\r\nhost: 127.0.0.1:{home.port}\r\nauthorization: Basic {basic}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    async with Wire(home.port) as wire:
        await wire.stream.send_all(head.encode() + body)
        answer = await wire.answer()
    assert answer.status < 300, answer.body
    return json.loads(answer.body)


async def ask(home: House, secret: str, session: str, text: str = "[[say ok]]") -> Answer:
    """What *text* brings the holder of *secret*, in one conversation."""
    body = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
    fields = {"x_api_key": secret, "x_claude_code_session_id": session, "anthropic_version": "2023-06-01"}
    async with Wire(home.port) as wire:
        await wire.post("/v1/messages", json.dumps(body).encode(), **fields)
        return await wire.answer()


async def signed_in(home: House, provider: Authority) -> None:
    """Sign in at the upstream, as an admin does."""
    begun = await admin(home, "POST", "/upstreams/up/oauth/start")
    code, state = provider.agree(begun["url"])
    await admin(home, "POST", "/upstreams/up/oauth/finish", answer=f"{REDIRECT}?code={code}&state={state}")


async def booked(home: House, count: int) -> list[dict[str, Any]]:
    """All requests, as the admin sees them, once there are *count* and nothing is held."""
    with trio.fail_after(5):
        while True:
            requests = (await admin(home, "GET", "/requests"))["requests"]
            keys = (await admin(home, "GET", "/keys"))["keys"]
            if len(requests) == count and not any(window["held"] for key in keys for window in key["windows"]):
                return [await admin(home, "GET", f"/requests/{each['id']}") for each in requests]
            await trio.sleep(0.05)


def shown(home: House) -> list[tuple[str, str]]:
    """Of each request at the model its session, and what it was shown."""
    found = []
    for seen in home.model.seen:
        said = {name.decode(): value.decode() for name, value in seen.headers}
        found.append((said["x-claude-code-session-id"], said.get("x-api-key") or said["authorization"]))
    return found


async def test_every_key_has_its_limits_whatever_is_shown(tmp_path: Path) -> None:
    """Conversations spread over four credentials and keep to theirs; each key is billed and stopped by itself."""
    async with authority() as provider:
        upstream = f'keys = ["second"]\n[upstreams.up.oauth]{client(provider)}'
        async with house(tmp_path, upstream=upstream, more=ADMIN) as home:
            await admin(home, "POST", "/upstreams/up/credentials", name="stored", key="third-key")
            await signed_in(home, provider)
            few = await admin(
                home, "POST", "/keys", name="few", limits=[{"kind": "requests_minute", "limit": 2, "models": "*"}]
            )
            paid = await admin(
                home, "POST", "/keys", name="paid", limits=[{"kind": "usd_5h", "limit": 10**6, "models": "*"}]
            )
            usage = "[[say ok]] [[usage input=100 output=20]]"
            for number in range(46):  # so many conversations that it can't be chance if one credential gets none
                assert (await ask(home, paid["secret"], f"s{number % 44}", usage)).status == 200
            answers = [await ask(home, few["secret"], "another") for _ in range(3)]
            assert [answer.status for answer in answers] == [200, 200, 429]
            requests = await booked(home, 48)
            keys = {key["name"]: key for key in (await admin(home, "GET", "/keys"))["keys"]}
    by_session: dict[str, set[str]] = {}
    for session, credential in shown(home):
        by_session.setdefault(session, set()).add(credential)
    assert {len(credentials) for credentials in by_session.values()} == {1}
    assert {"upstream-key", "second", "third-key", f"Bearer {provider.valid[0]}"} == set.union(*by_session.values())
    assert {each["credential"] for each in requests} >= {"config-1", "config-2", "stored"}
    assert all("key" not in each["credential"] and provider.valid[0] not in str(each) for each in requests)
    assert keys["paid"]["windows"][0]["spent"] == 46 * (100 * 5 + 20 * 25)
    assert keys["few"]["windows"][0]["spent"] == 2


async def test_a_token_that_is_refused_is_renewed_and_paid_for_once(tmp_path: Path) -> None:
    """One refresh, one more try with the new one; the key holds and spends what one request costs."""
    async with (
        authority() as provider,
        house(tmp_path, upstream=f"[upstreams.up.oauth]{client(provider)}", more=ADMIN) as home,
    ):
        await signed_in(home, provider)
        (configured,) = home.running.upstreams[0].wallet.configured
        home.running.upstreams[0].wallet.configured = ()  # the token alone is left
        limits = [{"kind": "usd_total", "limit": 10**6, "models": "*"}]
        key = await admin(home, "POST", "/keys", name="ada", limits=limits)
        script = "[[fault 401 times=1]] [[say ok]] [[usage input=100 output=20]]"
        assert (await ask(home, key["secret"], "s", script)).status == 200
        (request,) = await booked(home, 1)
        (window,) = (await admin(home, "GET", f"/keys/{key['key']['id']}"))["key"]["windows"]
    assert [credential for _, credential in shown(home)] == [f"Bearer {token}" for token in provider.valid]
    assert [form["grant_type"] for form in provider.asked] == ["authorization_code", "refresh_token"]
    assert [attempt["status"] for attempt in request["attempts"]] == [401, 200]
    assert len({attempt["credential"] for attempt in request["attempts"]}) == 1
    assert configured.secret.reveal() not in str(shown(home))
    assert (window["spent"], window["held"]) == (100 * 5 + 20 * 25, 0)
