"""Reloading: another configuration takes the place of the one in force, and requests that run don't notice."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog
import trio
import trustme

from pipeline import opening
from pipeline.problems import ConfigError
from pipeline.reloading import held_back, waiting
from pipeline.serving import Running, serve
from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.e2e.house import Wire
from tests.pipeline.configs import configured

BODY = {"model": "m", "max_tokens": 99, "stream": True}
ENTRY = '[[stages]]\nuse = "tests.pipeline.test_reloading:'
said: list[str] = []


@attrs.frozen
class Counter:
    """A stage with a lifetime and something to remember."""

    label: str
    seen: list[str] = attrs.field(init=False, factory=list, eq=False)

    def __call__(self, exchange: Any) -> None:
        self.seen.append(exchange.id)
        exchange.reply_headers.append((b"x-label", self.label.encode()))

    async def __aenter__(self) -> None:
        said.append(f"open {self.label}")

    async def __aexit__(self, *raised: object) -> None:
        said.append(f"close {self.label}")


class Broken(Counter):
    """One that can't be entered."""

    async def __aenter__(self) -> None:
        raise ZeroDivisionError("no")


@attrs.frozen(eq=False)
class House:
    """A gateway in this process, and its model."""

    at: Path
    model: str
    running: Running

    @property
    def port(self) -> int:
        return int(self.running.urls[0].rpartition(":")[2])

    async def reload(self, more: str = "", **settings: str) -> list[str]:
        return await self.running.reload(configured(text(self.at, self.model, more, **settings)))

    @property
    def counter(self) -> Any:
        return dict(self.running.built.line.stages)["counter"]

    async def ask(self, wire: Wire, script: str) -> None:
        body = json.dumps({**BODY, "messages": [{"role": "user", "content": script}]}).encode()
        await wire.post("/v1/messages", body, content_type="application/json", anthropic_version="2023-06-01")

    async def labels(self) -> str:
        """The label that a request of now meets."""
        async with Wire(self.port) as wire:
            await self.ask(wire, "[[say hello]]")
            return (await wire.answer()).headers["x-label"]


def text(at: Path, model: str, more: str = "", *, server: str = "", upstream: str = "", label: str = "one") -> str:
    return f"""
        [server]
        port = 0
        {server}
        [store]
        file = "{at / "pipeline.db"}"
        [upstreams.up]
        dialect = "anthropic"
        url = "{model}"
        key = "k"
        {upstream}
        [[stages]]
        use = "tests.pipeline.test_reloading:Counter"
        name = "counter"
        after = "auth"
        label = "{label}"
        {more}
    """


@asynccontextmanager
async def house(at: Path, **settings: str) -> AsyncIterator[House]:
    said.clear()
    async with trio.open_nursery() as nursery:
        model = Simulated("anthropic", Settings(remember=100, seed=7))
        url = await nursery.start(partial(serve_model, model=model))
        running = await nursery.start(serve, configured(text(at, url, **settings)))
        yield House(at, url, running)
        nursery.cancel_scope.cancel()


async def until(lines: int) -> None:
    """Returns once so much was said."""
    with trio.fail_after(3):
        while len(said) < lines:  # noqa: ASYNC110  # a stage tells nobody when it is left
            await trio.sleep(0.01)


# -- what survives ----------------------------------------------------------------------------------------------------


async def test_what_is_equal_is_the_same_object(tmp_path: Path) -> None:
    """Stages with what they remember, pools with their connections, wallets, quotas; also beside a change elsewhere."""
    async with house(tmp_path) as home:
        await home.labels()
        (up,), counter, forward = home.running.upstreams, home.counter, home.running.built.line.source
        assert up.pool.idle == 1
        assert await home.reload(upstream="idle = 7", more="[thinking_suffix]") == []
        (again,) = home.running.upstreams
        assert again is not up
        assert again.timers.idle == 7
        assert (again.pool, again.wallet, again.windows, again.condition) == (
            up.pool,
            up.wallet,
            up.windows,
            up.condition,
        )
        assert again.pool.idle == 1
        assert home.counter is counter
        assert home.running.built.line.source is forward
        assert len(counter.seen) == 1
        assert said == ["open one"]


async def test_what_is_different_is_another_object(tmp_path: Path) -> None:
    """A stage of other settings, an upstream of another key; what nobody needs any more is closed."""
    async with house(tmp_path) as home:
        (up,) = home.running.upstreams
        await home.reload(label="two", upstream='keys = ["k2"]')
        assert home.running.upstreams[0].pool is not up.pool
        assert home.running.upstreams[0].wallet is not up.wallet
        assert await home.labels() == "two"
        await until(3)
        assert said == ["open one", "open two", "close one"]
    assert said[3:] == ["close two"]


async def test_a_file_that_a_stage_has_read_counts_as_its_settings(tmp_path: Path) -> None:
    """Prices of another content under the same name: another meter."""
    prices = tmp_path / "prices.toml"

    def priced(dollars: int) -> str:
        prices.write_text(f'[[price]]\nmodels = ["mine"]\ninput = {dollars}\noutput = {dollars}\n')
        return f'[meter]\nprices = "{prices}"'

    async with house(tmp_path, more=priced(1)) as home:
        meter = dict(home.running.built.line.stages)["meter"]
        await home.reload(priced(1))
        assert dict(home.running.built.line.stages)["meter"] is meter
        await home.reload(priced(2))
        assert dict(home.running.built.line.stages)["meter"] is not meter


async def test_a_request_keeps_the_line_it_began_with(tmp_path: Path) -> None:
    """Its stages stay open until its end; requests after the change meet the new ones, on the same connection too."""
    async with house(tmp_path) as home, Wire(home.port) as wire:
        await home.ask(wire, "[[say first]] [[wait 3]] [[say last]]")
        await wire.until(b"first")
        await home.reload(label="two")
        assert await home.labels() == "two"
        assert "close one" not in said
        answer = await wire.answer()
        assert answer.whole
        assert answer.headers["x-label"] == "one"
        assert b"message_stop" in answer.body
        await home.ask(wire, "[[say hello]]")
        assert (await wire.answer()).headers["x-label"] == "two"
        await until(3)
        assert said == ["open one", "open two", "close one"]


async def test_a_request_does_not_hold_an_old_configuration_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while it is cut, visibly, and what it held is closed."""
    monkeypatch.setattr(opening, "LASTS", 0.2)
    async with house(tmp_path) as home, Wire(home.port) as wire:
        await home.ask(wire, "[[say first]] [[wait 60]]")
        await wire.until(b"first")
        await home.reload(label="two")
        assert not (await wire.answer()).whole
        await until(3)
        assert said == ["open one", "open two", "close one"]


async def test_reloads_come_one_after_the_other(tmp_path: Path) -> None:
    """Of those that are asked for at once the last one is in force, and nothing is left of the others."""
    async with house(tmp_path) as home:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(partial(home.reload, label=f"at once {number}"))
        assert await home.labels() == home.counter.label
        await until(11)
    assert sorted(line[5:] for line in said if "open" in line) == sorted(line[6:] for line in said if "close" in line)


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[upstreams.other]\ndialect = "anthropic"', "url: required, but missing"),
        (
            '[[stages]]\nuse = "tests.pipeline.test_reloading:Broken"\nafter = "auth"\nlabel = "x"',
            "ZeroDivisionError: no",
        ),
        ('[[stages]]\nuse = "tests.pipeline.test_reloading:Absent"\nafter = "auth"', "there is no Absent"),
    ],
)
async def test_a_bad_configuration_leaves_the_old_one_running(tmp_path: Path, more: str, problem: str) -> None:
    """It says why, to whoever asked and in the health; the next good one takes that back."""
    async with house(tmp_path) as home:
        counter = home.counter
        with structlog.testing.capture_logs(), pytest.raises(ConfigError) as refused:
            await home.reload(more, label="two")
        assert problem in refused.value.lines[0]
        assert home.running.gateway.loaded.problems == refused.value.lines
        assert await health(home) == {"status", "version", "uptime", "configuration"}
        assert home.counter is counter
        assert await home.labels() == "one"
        assert "close one" not in said
        assert said.count("open two") == said.count("close two")
        await home.reload(label="two")
        assert home.running.gateway.loaded.problems == []
        assert await health(home) == {"status", "version", "uptime"}


async def health(home: House) -> set[str]:
    """What GET /health tells of."""
    async with Wire(home.port) as wire:
        await wire.stream.send_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        return set(json.loads((await wire.answer()).body))


async def test_what_needs_a_restart_is_named_and_stays_as_it_was(tmp_path: Path) -> None:
    """Store and port; everything else of the same file is in force."""
    async with house(tmp_path) as home:
        new = configured(
            text(tmp_path, home.model, "[metrics]\nenabled = false\n[log]\nbodies = true", label="two").replace(
                "port = 0", "port = 1\nping = 3\nmax_body = 5"
            )
        )
        assert await home.running.reload(new) == ["server.port", "server.max_body", "metrics.enabled"]
        config = home.running.built.config
        assert (config.server.port, config.server.ping, config.metrics.enabled) == (0, 3, True)
        assert home.running.gateway.heart.period == 3
        assert home.running.gateway.observer.bodies
        assert home.running.gateway.loaded.waiting == ["server.port", "server.max_body", "metrics.enabled"]
        assert await home.labels() == "two"


def test_a_door_does_not_begin_to_speak_tls() -> None:
    """Another certificate counts at once; whether there is one does not."""
    plain, first, second = (
        configured(f"[server]\n{tls}")
        for tls in ("", 'tls = { certificate = "a", key = "b" }', 'tls = { certificate = "c", key = "d" }')
    )
    assert list(waiting(plain, first)) == list(waiting(first, plain)) == [("server", "tls")]
    assert list(waiting(first, second)) == []
    assert held_back(plain, first, [("server", "tls")]).server.tls is None


async def test_a_certificate_is_renewed_while_it_listens(tmp_path: Path) -> None:
    """Connections to come get the new one."""
    authority, files = trustme.CA(), (tmp_path / "chain.pem", tmp_path / "key.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def issue() -> Any:
        issued = authority.issue_cert("localhost")
        files[0].write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(files[1])

    async def presented(port: int) -> Any:
        stream = await trio.open_ssl_over_tcp_stream("localhost", port, ssl_context=trusting)
        await stream.do_handshake()
        certificate = stream.getpeercert()
        await trio.aclose_forcefully(stream)
        return certificate["serialNumber"]

    issue()
    tls = f'tls = {{ certificate = "{files[0]}", key = "{files[1]}" }}'
    async with house(tmp_path, server=tls) as home:
        first = await presented(home.port)
        assert await presented(home.port) == first
        issue()
        assert await home.reload(server=tls) == []
        assert await presented(home.port) != first
        files[1].write_text("no key")
        with pytest.raises(ConfigError, match=r"server\.tls"):
            await home.reload(server=tls)
        assert await presented(home.port) != first


# -- admin ------------------------------------------------------------------------------------------------------------


async def test_the_admin_lets_in_whom_the_new_configuration_lets_in(tmp_path: Path) -> None:
    """Its password is one of the settings that count at once; what it shows is what runs."""
    async with house(tmp_path, more='[admin]\npassword = "the first one"') as home:
        front = home.running._reloading.front
        assert front is not None
        await home.reload('[admin]\npassword = "the second one"', label="two")
        assert front.desk.built is home.running.built
        assert await front.desk.gate.right("admin", "the second one", "127.0.0.1")
        assert not await front.desk.gate.right("admin", "the first one", "127.0.0.1")
