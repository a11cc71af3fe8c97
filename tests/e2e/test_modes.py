"""Whose key an upstream sees: the operator's, the caller's own, or each where it belongs; with real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from pipeline.reading import read
from pipeline.serving import serve
from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.e2e.house import Answer, House, Wire, house
from tests.e2e.test_flow import PATHS, body

OWN = "sk-ant-my-very-own-key-0001"


def shown(model: Simulated) -> list[tuple[str | None, str | None]]:
    """What each request showed, as x-api-key and as Authorization."""
    found = []
    for seen in model.seen:
        fields = {name: value.decode() for name, value in seen.headers}
        found.append((fields.get(b"x-api-key"), fields.get(b"authorization")))
    return found


async def ask(h: House, asks: str, **fields: str) -> Answer:
    async with Wire(h.port) as wire:
        await wire.post(PATHS[asks], body("[[say hi]]", asks), **fields)
        return await wire.answer()


@pytest.mark.parametrize("dialect", PATHS)
async def test_with_a_fixed_key_the_upstream_sees_the_operators(tmp_path: Path, dialect: str) -> None:
    """And nothing of what the client showed."""
    async with house(tmp_path, dialect) as h:
        await ask(h, dialect, authorization=f"Bearer {OWN}", anthropic_version="2023-06-01")
        ((key, bearer),) = shown(h.model)
        assert (key or bearer or "").endswith("upstream-key")
        assert OWN not in f"{key} {bearer}"


@asynccontextmanager
async def passing(at: Path, dialect: str, *, key: str | None = None, more: str = "") -> AsyncIterator[House]:
    """A gateway whose upstream takes the caller's own key; with *key*, a second one, called other, has that."""
    model, ledger, config = Simulated(dialect, Settings(remember=100, seed=7)), at / "usage.jsonl", at / "pipeline.toml"
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve_model, model=model))
        text = f'[upstreams.up]\ndialect = "{dialect}"\nurl = "{url}"\nclient_key = true\nmodels = ["claude-*"]\n'
        if key is not None:
            text += f'[upstreams.other]\ndialect = "{dialect}"\nurl = "{url}"\nkey = "{key}"\nmodels = ["gpt-*"]\n'
        text += f'[server]\nport = 0\n[store]\nfile = "{at / "pipeline.db"}"\n[meter]\nledger = "{ledger}"\n{more}'
        config.write_text(text)  # small, local
        running = await nursery.start(partial(serve, read(config, environ={})))
        yield House(model, running, ledger)
        nursery.cancel_scope.cancel()


def written(at: Path) -> list[bytes]:
    """What is in the files below *at*."""
    return [file.read_bytes() for file in at.rglob("*") if file.is_file()]


@pytest.mark.parametrize("dialect", PATHS)
async def test_passed_through_the_callers_own_key_goes_up_and_stays_nowhere(tmp_path: Path, dialect: str) -> None:
    """Books and limits know its keyed hash; neither database, ledger nor any other file has the key."""
    async with passing(tmp_path, dialect) as h:
        for key in (OWN, OWN, "sk-another"):
            await ask(h, dialect, authorization=f"Bearer {key}", anthropic_version="2023-06-01")
        assert [bearer for _, bearer in shown(h.model)] == [f"Bearer {OWN}"] * 2 + ["Bearer sk-another"]
        callers = [record["caller"] for record in await h.records(3)]
        assert callers[0] == callers[1] != callers[2]
        assert all(caller.startswith("key-") for caller in callers)
    files = written(tmp_path)
    assert len(files) > 2
    assert not any(OWN.encode() in data for data in files)


async def test_limits_hold_for_each_key_that_is_passed_through(tmp_path: Path) -> None:
    """One caller's minute is not another's."""
    limits = '[limits]\nlimits = [{ kind = "requests_minute", limit = 2 }]'
    async with passing(tmp_path, "anthropic", more=limits) as h:
        marks = {"anthropic_version": "2023-06-01"}
        statuses = [(await ask(h, "anthropic", x_api_key=key, **marks)).status for key in ("a", "a", "a", "b")]
        assert statuses == [200, 200, 429, 200]


async def test_mixed_each_upstream_sees_what_is_meant_for_it(tmp_path: Path) -> None:
    """The caller's own key goes where it is taken, the operator's elsewhere, and the gateway's to neither."""
    gateway = '[auth]\nkeys = [{ name = "ada", key = "gateway-key" }]'
    async with passing(tmp_path, "chat", key="operators-key", more=gateway) as h:
        for model in ("claude-opus-4-5", "gpt-4.1"):
            async with Wire(h.port) as wire:
                sent = body("[[say hi]]", "chat").replace(b"claude-opus-4-5", model.encode())
                await wire.post(PATHS["chat"], sent, x_api_key="gateway-key", authorization=f"Bearer {OWN}")
                assert (await wire.answer()).status == 200
        assert shown(h.model) == [(None, f"Bearer {OWN}"), (None, "Bearer operators-key")]
        assert [record["caller"] for record in await h.records(2)] == ["ada", "ada"]
        assert (await ask(h, "chat", authorization=f"Bearer {OWN}")).status == 401


async def test_a_caller_whose_own_key_is_refused_gets_nothing_on_the_operators(tmp_path: Path) -> None:
    """The next upstream of the chain is not asked, though its key is good."""
    rules = '[model_map]\nrules = [{ match = "*", upstreams = ["up", "other"] }]'
    async with passing(tmp_path, "anthropic", key="operators-key", more=rules) as h:
        async with Wire(h.port) as wire:
            sent = body("[[fault 401]]", "anthropic")
            await wire.post(PATHS["anthropic"], sent, x_api_key=OWN, anthropic_version="2023-06-01")
            assert (await wire.answer()).status == 401
        assert [key for key, _ in shown(h.model)] == [OWN]
