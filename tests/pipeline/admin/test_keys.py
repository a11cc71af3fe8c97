"""Keys, as an admin makes and changes them."""

from typing import Any

import pytest

from pipeline.store import sql, transact
from pipeline.store.record import Claim, Granted, Lease
from pipeline.store.windows import opened
from tests.pipeline.admin.office import Office

WEEK = {"kind": "usd_week", "models": "*", "limit": 25_000_000}
MINUTE = {"kind": "requests_minute", "models": "*", "limit": 9}
THINKS = {"thinking_suffix": {"default": "high"}}
PROMPT = b'{"model":"claude-simulated","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}'


async def made(at: Office, **said: Any) -> Any:
    answer = await at.ask("POST", "/keys", {"name": "ada", **said})
    assert answer.status == 201, answer.body
    return answer.json


async def lets_in(at: Office, secret: str) -> bool:
    answer = await at.send("POST", "/v1/messages", PROMPT, x_api_key=secret)
    assert answer.status in (200, 401)
    return answer.status == 200


async def test_a_key_is_made_and_its_secret_seen_once(at: Office) -> None:
    """With all that was asked; what to paste bears the secret; no later answer does."""
    told = await made(at, models=["claude-*"], limits=[MINUTE], options=THINKS, when_spent="cut")
    key, secret = told["key"], told["secret"]
    assert secret.startswith("sk-proxy-")
    assert (key["name"], key["models"], key["limits"], key["when_spent"]) == ("ada", ["claude-*"], [MINUTE], "cut")
    assert (key["enabled"], key["expires"], key["options"]) == (True, 0, THINKS)
    assert key["shown"] == [secret[:13]]
    assert {paste["client"] for paste in told["paste"]} >= {"Claude Code", "Codex", "curl"}
    assert all(secret in paste["text"] and "127.0.0.1:4096" in paste["text"] for paste in told["paste"])
    for path in ("/keys", f"/keys/{key['id']}", "/audit", "/settings"):
        assert secret.encode() not in (await at.ask("GET", path)).body
    assert await lets_in(at, secret)


async def test_what_a_stage_reads_of_limits_is_what_was_said(at: Office) -> None:
    """Under the name of the stage, in the key's options; other options stand beside."""
    told = await made(at, limits=[WEEK], allow_extra_usage=True, options=THINKS)
    (key, _) = next(iter(at.gateway.store.keys.snapshot.secrets.values()))  # type: ignore[union-attr]  # there is one
    assert key.options == {
        **THINKS,
        "limits": {"limits": [WEEK], "allow_extra_usage": True, "when_spent": "finish"},
    }
    assert told["key"]["options"] == THINKS


async def test_a_key_does_not_begin_when_it_has_ended(at: Office) -> None:
    """A moment that is past is a slip, or seconds for milliseconds; of an expired key the rest can be changed."""
    now = at.front.desk.gate.now()
    for past in (1, now // 1000, now):
        answer = await at.ask("POST", "/keys", {"name": "ada", "expires": past})
        assert answer.status == 409
        assert answer.json["error"]["fields"][0]["path"] == "expires"
    key = (await made(at, expires=now + 60_000))["key"]
    assert (await at.ask("PATCH", f"/keys/{key['id']}", {"expires": now - 1})).status == 409
    await at.gateway.store.write(  # type: ignore[union-attr]  # there is one
        lambda db: db.run("UPDATE keys SET expires = ? WHERE id = ?", (now - 1, key["id"]))
    )
    answer = await at.ask("PATCH", f"/keys/{key['id']}", {"name": "bob", "expires": now - 1})
    assert (answer.status, answer.json["key"]["name"]) == (200, "bob")
    assert (await at.ask("PATCH", f"/keys/{key['id']}", {"expires": 0})).status == 200


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "a", "models": [1]}, "models[0]"),
        ({"name": "a", "limits": [{"kind": "usd_day", "limit": 1}]}, "limits[0].kind"),
        ({"name": "a", "limits": [{"kind": "streams", "limit": -1}]}, "limits[0].limit"),
        ({"name": "a", "secret": "mine"}, "secret"),
        ({}, ""),
    ],
)
async def test_what_is_wrong_is_told_with_its_place(at: Office, said: Any, path: str) -> None:
    """422, and nothing was made."""
    answer = await at.ask("POST", "/keys", said)
    assert answer.status == 422
    assert [field["path"] for field in answer.json["error"]["fields"]] == [path]
    assert (await at.ask("GET", "/keys")).json == {"keys": []}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"name": "a\nb"}, "name: Expected one line, without invisible characters, and without spaces at its ends"),
        ({"name": "a", "options": {"a b": {}}}, "options: Expected one word, without spaces and invisible characters"),
    ],
)
async def test_a_text_of_the_wrong_form_is_told_in_words(at: Office, said: Any, message: str) -> None:
    """Nobody has to read a pattern."""
    assert (await at.ask("POST", "/keys", said)).json["error"]["message"] == message


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"cache_breakpoints": {"ttl": "2h"}}, {"options.cache_breakpoints.ttl"}),
        ({"thinking": {}}, {"options.thinking"}),
        ({"meter": {"prices": "x"}}, {"options.meter"}),
        (
            {**THINKS, "forward": {"fidelity": "lossy", "first": 1}},
            {"options.forward.fidelity", "options.forward.first"},
        ),
    ],
)
async def test_options_are_held_against_the_line(at: Office, options: Any, wrong: set[str]) -> None:
    """When a key is made and when it is changed: a value, a stage, or a setting that is no key's to change."""
    key = (await made(at))["key"]
    for answer in (
        await at.ask("POST", "/keys", {"name": "bob", "options": options}),
        await at.ask("PATCH", f"/keys/{key['id']}", {"options": options}),
    ):
        assert answer.status == 422
        assert {field["path"] for field in answer.json["error"]["fields"]} == wrong
    assert (await at.ask("GET", "/keys")).json["keys"] == [key]


@pytest.mark.parametrize("said", [{"limits": [WEEK, WEEK]}, {"options": {"limits": {}}}])
async def test_what_does_not_go_together_is_a_conflict(at: Office, said: Any) -> None:
    """Two limits of one kind for the same models; limits among the options."""
    assert (await at.ask("POST", "/keys", {"name": "ada", **said})).status == 409


async def test_names_are_normal(at: Office) -> None:
    """Two ways to write one name are one name (NFC)."""
    assert (await made(at, name="Ame\u0301lie"))["key"]["name"] == "Am\u00e9lie"


async def test_what_is_not_said_stays(at: Office) -> None:
    """A change names what is to be different."""
    key = (await made(at, models=["a*"], limits=[WEEK], when_spent="cut"))["key"]
    changed = (await at.ask("PATCH", f"/keys/{key['id']}", {"name": "bob"})).json["key"]
    assert changed == {**key, "name": "bob"}
    changed = (await at.ask("PATCH", f"/keys/{key['id']}", {"limits": []})).json["key"]
    assert (changed["limits"], changed["when_spent"], changed["models"]) == ([], "cut", ["a*"])


async def test_a_key_that_is_switched_off_lets_nobody_in(at: Office) -> None:
    """At once, in this process; and on again."""
    told = await made(at)
    for enabled in (False, True):
        await at.ask("PATCH", f"/keys/{told['key']['id']}", {"enabled": enabled})
        assert await lets_in(at, told["secret"]) is enabled


async def test_rotating_lets_the_old_secret_work_for_a_while(at: Office) -> None:
    """With an overlap both do; without, the new one alone."""
    told = await made(at)
    path, first = f"/keys/{told['key']['id']}/rotate", told["secret"]
    second = (await at.ask("POST", path, {"overlap": 3600})).json["secret"]
    assert await lets_in(at, first)
    assert await lets_in(at, second)
    third = (await at.ask("POST", path, {})).json["secret"]
    assert [await lets_in(at, secret) for secret in (first, second, third)] == [False, False, True]


async def test_the_list_shows_the_secrets_that_work(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one until its overlap is over."""
    key = (await made(at))["key"]
    rotated = (await at.ask("POST", f"/keys/{key['id']}/rotate", {"overlap": 60})).json["key"]
    assert len(rotated["shown"]) == 2
    later = at.front.desk.gate.now() + 61_000
    monkeypatch.setattr(type(at.front.desk.gate), "now", lambda self: later)
    (listed,) = (await at.ask("GET", "/keys")).json["keys"]
    one = (await at.ask("GET", f"/keys/{key['id']}")).json["key"]
    assert listed["shown"] == one["shown"] == [each for each in rotated["shown"] if each != key["shown"][0]]


async def test_a_removed_key_is_gone(at: Office) -> None:
    """And asked for again it is 404, whatever is asked."""
    told = await made(at)
    await made(at)  # with no key at all, nobody would need one
    path = f"/keys/{told['key']['id']}"
    assert (await at.ask("DELETE", path)).status == 204
    assert not await lets_in(at, told["secret"])
    for method, where, body in (
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/rotate", {}),
        ("POST", "/reset", {}),
        ("GET", "/holds", None),
    ):
        assert (await at.ask(method, path + where, body)).status == 404


async def test_a_window_shows_what_was_spent_and_begins_anew(at: Office) -> None:
    """Reset takes what was spent, not what is held; only of the kinds and models that are named."""
    key = (await made(at, limits=[WEEK, MINUTE]))["key"]["id"]
    now = at.front.desk.gate.now()
    spent = [opened(key, "*", "usd_week", now, spent=7), opened(key, "*", "requests_minute", now, spent=3)]
    spent[0].held = 2
    await at.front.desk.store.write(lambda db: sql.put_windows(db, spent))
    windows = (await at.ask("GET", f"/keys/{key}")).json["key"]["windows"]
    assert [(each["spent"], each["held"]) for each in windows] == [(7, 2), (3, 0)]
    after = (await at.ask("POST", f"/keys/{key}/reset", {"kinds": ["usd_week"]})).json["key"]["windows"]
    assert [(each["spent"], each["held"]) for each in after] == [(0, 2), (3, 0)]
    after = (await at.ask("POST", f"/keys/{key}/reset", {"models": "*"})).json["key"]["windows"]
    assert [each["spent"] for each in after] == [0, 0]


async def test_a_total_that_begins_anew_does_not_count_what_was_before(at: Office) -> None:
    """Although a total that is asked for the first time counts all that the key ever spent."""
    total = {"kind": "usd_total", "models": "*", "limit": 100}
    key = (await made(at, limits=[total]))["key"]["id"]
    await at.ask("POST", f"/keys/{key}/reset", {})
    windows = await at.front.desk.store.read(lambda db: sql.windows(db, [key]))
    assert [(window.kind, window.spent) for window in windows] == [("usd_total", 0)]


async def test_what_is_held_is_shown_by_request(at: Office) -> None:
    """So that one sees what a limit waits for."""
    key, now = (await made(at))["key"]["id"], at.front.desk.gate.now()
    store = at.front.desk.store
    lease = Lease(id="req_1", instance=store.instance, at=now, key=key)
    asked = transact.Reserve(lease, [Claim("usd_5h", 100, 40)])
    await store.write(lambda db: transact.transact(db, transact.Batch(reserves=[asked]), now))
    assert isinstance(asked.answer, Granted)
    held = (await at.ask("GET", f"/keys/{key}/holds")).json["holds"]
    assert held == [{"id": "req_1", "at": now, "amounts": [{"kind": "usd_5h", "models": "*", "amount": 40}]}]


async def test_every_change_is_in_the_audit(at: Office) -> None:
    """Who, what, to which, and to what it was changed."""
    key = (await made(at))["key"]["id"]
    await at.ask("PATCH", f"/keys/{key}", {"name": "bob"})
    await at.ask("POST", f"/keys/{key}/rotate", {"overlap": 5})
    await at.ask("DELETE", f"/keys/{key}")
    entries = (await at.ask("GET", "/audit")).json["entries"]
    assert [(entry["who"], entry["what"], entry["target"]) for entry in entries] == [
        ("admin", what, key) for what in ("key.remove", "key.rotate", "key.change", "key.create")
    ]
    assert entries[2]["detail"] == {"name": "bob"}
