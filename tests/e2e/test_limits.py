"""Limits, over sockets: what a key may use, how it is told, and that nothing is held for ever."""

import json
import sqlite3
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import trio

from pipeline.store import keys
from pipeline.store.keys import Key
from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.e2e.house import Answer, House, Wire, house
from tests.e2e.running import running
from tests.pipeline.store.conftest import Place, place, postgres

__all__ = ["place", "postgres"]  # fixtures

KEY = "ada's key"
MODEL = "claude-opus-4-5"  # $5 and $25 per million tokens


def holder(*limits: str, more: str = "") -> str:
    """The settings of a gateway whose only key has *limits*."""
    options = f"{{ limits = {{ limits = [{', '.join(limits)}]{more} }} }}"
    return f"""
            [auth]
            keys = [{{ name = "ada", key = "{KEY}", options = {options} }}]
    """


def limit(kind: str, most: int, models: str = "*") -> str:
    return f'{{ kind = "{kind}", limit = {most}, models = "{models}" }}'


async def ask(home: House, text: str, *, chat: bool = False, stream: bool = False, tokens: int = 1000) -> Answer:
    """What *text* brings."""
    body = {"model": MODEL, "max_tokens": tokens, "stream": stream, "messages": [{"role": "user", "content": text}]}
    path = "/v1/chat/completions" if chat else "/v1/messages"
    async with Wire(home.port) as wire:
        await wire.post(path, json.dumps(body).encode(), authorization=f"Bearer {KEY}")
        return await wire.answer(30)


async def usage(home: House, **fields: str) -> Any:
    """What GET /v1/usage tells."""
    async with Wire(home.port) as wire:
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        await wire.stream.send_all(f"GET /v1/usage HTTP/1.1\r\nhost: 127.0.0.1\r\n{extra}\r\n".encode())
        answer = await wire.answer()
    return json.loads(answer.body) if answer.status == 200 else answer


async def settled(home: House) -> Any:
    """The windows, once nothing is held."""
    with trio.fail_after(5):
        while True:
            told = await usage(home, x_api_key=KEY)
            if not any(window["held"] for window in told["windows"]):
                return told["windows"]
            await trio.sleep(0.05)


async def test_when_the_money_is_spent_claude_code_is_told_in_its_own_terms(tmp_path: Path) -> None:
    """The next request is refused with 429, billing_error, not to be repeated, and when it may be."""
    async with house(tmp_path, more=holder(limit("usd_5h", 10_000))) as home:
        first = await ask(home, "[[say ok]] [[usage input=100 output=380]]", tokens=100)
        assert first.status == 200
        (window,) = await settled(home)
        assert (window["kind"], window["spent"]) == ("usd_5h", 10_000)
        refused = await ask(home, "[[say ok]]", tokens=100)
        told = json.loads(refused.body)["error"]
        assert (refused.status, told["type"]) == (429, "billing_error")
        assert told["message"].startswith(
            "$0.01 in five hours is the limit of this key; $0.01 is spent. It begins anew"
        )
        assert refused.headers["x-should-retry"] == "false"
        assert 17_900 < int(refused.headers["retry-after"]) <= 18_000
        chat = await ask(home, "[[say ok]]", chat=True, tokens=100)
        assert (chat.status, json.loads(chat.body)["error"]["code"]) == (429, "insufficient_quota")
        assert len(home.model.seen) == 1


async def test_how_a_key_stands_is_in_the_head(tmp_path: Path) -> None:
    """As Claude Code reads it, with a warning from three quarters on."""
    limits = holder(limit("usd_5h", 100_000), limit("usd_week", 1_000_000), limit("requests_minute", 60))
    async with house(tmp_path, more=limits) as home:
        fresh = (await ask(home, "[[say ok]] [[usage input=100 output=3100]]", stream=True)).headers
        assert fresh["anthropic-ratelimit-unified-status"] == "allowed"
        assert fresh["anthropic-ratelimit-unified-5h-utilization"] == "0"
        assert fresh["anthropic-ratelimit-requests-remaining"] == "59"
        await settled(home)
        told = (await ask(home, "[[say ok]]", tokens=100)).headers
        assert told["anthropic-ratelimit-unified-status"] == "allowed_warning"
        assert told["anthropic-ratelimit-unified-representative-claim"] == "five_hour"
        assert told["anthropic-ratelimit-unified-5h-utilization"] == "0.78"
        assert told["anthropic-ratelimit-unified-5h-surpassed-threshold"] == "0.75"
        assert told["anthropic-ratelimit-unified-7d-status"] == "allowed"
        assert told["anthropic-ratelimit-unified-reset"] == told["anthropic-ratelimit-unified-5h-reset"]


async def test_requests_a_minute(tmp_path: Path) -> None:
    """Refused with what is left and when, in the words of each family."""
    async with house(tmp_path, more=holder(limit("requests_minute", 2))) as home:
        first = await ask(home, "[[say ok]]", chat=True)
        assert first.headers["x-ratelimit-remaining-requests"] == "1"
        assert (await ask(home, "[[say ok]]")).status == 200
        refused, chat = await ask(home, "[[say ok]]"), await ask(home, "[[say ok]]", chat=True)
        assert (refused.status, json.loads(refused.body)["error"]["type"]) == (429, "rate_limit_error")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert "x-should-retry" not in refused.headers
        assert json.loads(chat.body)["error"]["code"] == "rate_limit_exceeded"
        assert chat.headers["x-ratelimit-reset-requests"].endswith("s")


async def test_a_stream_is_cut_when_the_money_ends(tmp_path: Path) -> None:
    """Properly, within the bound that is stated, and the upstream is not read any further."""
    more = ', when_spent = "cut"'
    async with house(tmp_path, more=holder(limit("usd_5h", 50_000), more=more)) as home:
        cut = await ask(home, "[[rate 4000]] [[tokens 30000]]", stream=True, tokens=60_000)
        assert (cut.status, cut.whole) == (200, True)
        assert b'"stop_reason":"max_tokens"' in cut.body
        assert cut.body.rstrip().endswith(b'{"type":"message_stop"}')
        (window,) = await settled(home)
        most = 50_000 + 16_640 * 25
        assert 50_000 <= window["spent"] < most
        (record,) = await home.records()
        assert (record["stop"], record["error"], record["estimated"]) == ("max_tokens", None, True)
        refused = await ask(home, "[[say ok]]")
        assert json.loads(refused.body)["error"]["type"] == "billing_error"


async def test_a_stream_may_finish_when_the_money_ends(tmp_path: Path) -> None:
    """The default: it ends as its model ends it, and the next one is refused."""
    async with house(tmp_path, more=holder(limit("usd_5h", 50_000))) as home:
        whole = await ask(
            home, "[[rate 9000]] [[tokens 3000]] [[usage input=10 output=3000]]", stream=True, tokens=60_000
        )
        assert b'"stop_reason":"end_turn"' in whole.body
        (window,) = await settled(home)
        assert window["spent"] == 10 * 5 + 3000 * 25
        assert (await ask(home, "[[say ok]]")).status == 429


async def test_nothing_stays_held(tmp_path: Path) -> None:
    """Whatever became of requests: good, refused, faulty upstream, client gone."""
    limits = holder(limit("usd_total", 10**9), limit("streams", 50), limit("tokens_minute", 10**9))
    async with house(tmp_path, more=limits) as home:
        async with trio.open_nursery() as nursery:
            for text in (
                "[[say ok]]",
                "[[fault 400]]",
                "[[fault 529]]",
                "[[reset]]",
                "[[cut]]",
                "[[say a]] [[error x]]",
            ):
                nursery.start_soon(ask, home, text)
        async with Wire(home.port) as gone:
            body = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "[[hang]]"}]}
            await gone.post("/v1/messages", json.dumps(body).encode(), x_api_key=KEY)
            await trio.sleep(0.2)
        windows = {window["kind"]: window for window in await settled(home)}
        assert windows["streams"]["held"] == 0
        with closing(sqlite3.connect(tmp_path / "pipeline.db")) as db:
            assert db.execute("SELECT COUNT(*) FROM leases").fetchone() == (0,)
            total = db.execute("SELECT SUM(cost) FROM requests").fetchone()[0]
        assert windows["usd_total"]["spent"] == total


async def test_what_was_refused_upstream_costs_nothing(tmp_path: Path) -> None:
    """A vendor does not charge for its own errors, so neither does a limit."""
    async with house(tmp_path, more=holder(limit("usd_total", 10**9))) as home:
        assert (await ask(home, "[[fault 529]]")).status == 529
        (window,) = await settled(home)
        assert window["spent"] == 0


async def test_the_holder_of_a_key_sees_what_it_used(tmp_path: Path) -> None:
    """In either family's way of showing a key; nobody else's."""
    async with house(tmp_path, more=holder(limit("usd_week", 10**6))) as home:
        await ask(home, "[[say ok]] [[usage input=100 output=20]]")
        await settled(home)
        one, two = await usage(home, x_api_key=KEY), await usage(home, authorization=f"Bearer {KEY}")
        assert one == two
        assert one["key"] == {"name": "ada", "models": ["*"], "expires": 0}
        assert {name: sums["requests"] for name, sums in one["totals"].items()} == {"24h": 1, "7d": 1, "30d": 1}
        assert [(row["id"], row["cost"]) for row in one["by_model"]] == [(MODEL, 1000)]
        assert (await usage(home, anthropic_version="2023-06-01")).status == 401


async def test_a_plan_that_is_used_up_stops_keys_without_extra_usage(tmp_path: Path) -> None:
    """Until the moment that its upstream told."""
    told = "anthropic-ratelimit-unified-5h-utilization=1.0 anthropic-ratelimit-unified-5h-reset=4000000000"
    async with house(tmp_path, more=holder()) as home:
        assert (await ask(home, f"[[fault 429 {told}]]")).status == 429
        refused = await ask(home, "[[say ok]]")
        assert (refused.status, refused.headers["x-should-retry"]) == (429, "false")
        assert b"The 5h window of up is used up" in refused.body
        assert home.running.upstreams[0].windows["5h"].utilisation == 1.0
        assert len(home.model.seen) == 1
    (tmp_path / "extra").mkdir()
    async with house(tmp_path / "extra", more=holder(more=", allow_extra_usage = true")) as home:
        await ask(home, f"[[fault 429 {told}]]")
        assert (await ask(home, "[[say ok]]")).status == 200


async def test_a_revoked_key_lets_running_streams_end(tmp_path: Path) -> None:
    """And nothing new begin: at once in this process, within a second of another's doing."""
    async with house(tmp_path) as home:
        store = home.running.store
        key, secret = await store.write(lambda db: keys.create(db, store.keys.pepper, Key("", "eve"), 0))
        body = json.dumps({
            "model": MODEL, "max_tokens": 99, "stream": True,
            "messages": [{"role": "user", "content": "[[say a]] [[wait 1]] [[say b]]"}],
        }).encode()  # fmt: skip
        async with Wire(home.port) as wire, Wire(home.port) as other:
            await wire.post("/v1/messages", body, x_api_key=secret)
            await wire.until(b"text_delta")
            with closing(sqlite3.connect(tmp_path / "pipeline.db", isolation_level=None)) as db:  # as another process
                db.execute("UPDATE keys SET enabled = 0 WHERE id = ?", (key.id,))
                db.execute("UPDATE facts SET value = value + 1 WHERE name = 'keys'")
            await trio.sleep(1)
            await other.post("/v1/messages", body, x_api_key=secret)
            assert (await other.answer()).status == 401
            assert b'{"type":"message_stop"}' in await wire.until(b"message_stop")


async def test_without_its_database_nobody_is_told_of_a_limit(tmp_path: Path) -> None:
    """It is 503 then, and no 429 that would be taken for one; nothing is sent, and afterwards nothing is held."""
    async with house(tmp_path, more=holder(limit("usd_5h", 10**6)), store="patience = 0.3") as home:
        with closing(sqlite3.connect(tmp_path / "pipeline.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = await ask(home, "[[say ok]]")
            other.execute("ROLLBACK")
        assert (refused.status, json.loads(refused.body)["error"]["type"]) == (503, "api_error")
        await settled(home)
        assert not home.model.seen


# -- several gateways before one database -----------------------------------------------------------------------------

SHARED = """
[server]
port = 0
[upstreams.up]
dialect = "anthropic"
url = "{url}"
key = "upstream-key"
[store]
{store}
pepper = "a pepper for tests"
{more}
"""


async def statuses(port: int, count: int, found: list[int]) -> None:
    """What *count* requests at one time bring; each is *found* as it comes."""
    body = {"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": "[[wait 5]] [[say ok]]"}]}

    async def one() -> None:
        async with Wire(port) as wire:
            await wire.post("/v1/messages", json.dumps(body).encode(), x_api_key=KEY)
            found.append((await wire.answer(60)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)


async def told(port: int) -> Any:
    """The windows, as GET /v1/usage tells them."""
    async with Wire(port) as wire:
        await wire.stream.send_all(f"GET /v1/usage HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {KEY}\r\n\r\n".encode())
        answer = await wire.answer()
    assert answer.status == 200, answer
    return {window["kind"]: window for window in json.loads(answer.body)["windows"]}


async def test_two_gateways_admit_exactly_what_fits(place: Place, tmp_path: Path) -> None:
    """Two hundred requests at once: as many as there is money for, not one more and not one less; then all is free."""
    model = Simulated("anthropic", Settings(remember=500))
    store = f'file = "{tmp_path / "pipeline.db"}"' if place.url is None else f'url = "{place.url}"'
    limits = holder(limit("usd_5h", 1_000_000), limit("usd_week", 10**9), limit("streams", 150))
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve_model, model=model))
        with ExitStack() as exits:
            ports = []
            for name in ("a", "b"):
                folder = "" if place.url is None else f'\nfolder = "{tmp_path / name}/spool"'
                text = SHARED.format(url=url, store=store + folder, more=limits)
                start = partial(exits.enter_context, running(tmp_path / name, text=text))
                ports.append((await trio.to_thread.run_sync(start)).port)
            found: list[int] = []
            during = {}
            async with trio.open_nursery() as asking:
                for port in ports:
                    asking.start_soon(statuses, port, 100, found)
                with trio.fail_after(5):  # all have been let in or sent away, and none has come to its end
                    while len(found) + len(model.seen) < 200:  # noqa: ASYNC110  # another process sees to it
                        await trio.sleep(0.1)
                during = await told(ports[0])
            admitted = found.count(200)
            held = during["usd_5h"]["held"]
            assert (len(found), found.count(429)) == (200, 200 - admitted)
            assert len(model.seen) == admitted == during["streams"]["held"]
            assert held % admitted == 0
            assert held <= 1_000_000 < held + held // admitted
            with trio.fail_after(5):
                while (await told(ports[1]))["streams"]["held"]:  # noqa: ASYNC110  # another process sees to it
                    await trio.sleep(0.1)
            spent = (await told(ports[1]))["usd_5h"]["spent"]
            assert 0 < spent <= 1_000_000
            assert (await told(ports[1]))["usd_5h"]["held"] == 0
        nursery.cancel_scope.cancel()
