"""What is picked from the list of models reaches who lists it, with two upstreams of which the file says no models."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from pipeline.commands.route import Wanted, rehearsed
from pipeline.reading import read
from pipeline.serving import serve
from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model
from tests.e2e.house import Answer, Wire
from tests.e2e.test_routing import MARKS, PATHS, body

CLAUDE, GPT = "claude-opus-4-5", "gpt-4.1"


@attrs.define
class Both:
    """A gateway before two models, of which one lists Claudes and the other GPTs."""

    port: int
    config: Path
    claudes: Simulated
    gpts: Simulated

    async def get(self, path: str) -> Any:
        """The answer to a GET of *path*."""
        async with Wire(self.port) as wire:
            await wire.stream.send_all(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
            return json.loads((await wire.answer()).body)

    async def ask(self, asks: str, model: str) -> Answer:
        """Ask *model* in the protocol *asks*."""
        async with Wire(self.port) as wire:
            await wire.post(PATHS[asks], body(asks, model), **MARKS[asks])
            return await wire.answer()

    def answered(self) -> list[tuple[str, str]]:
        """Who was asked for a reply, and for which model."""
        return [
            (name, json.loads(seen.body)["model"])
            for name, model in (("claudes", self.claudes), ("gpts", self.gpts))
            for seen in model.seen
            if seen.method == "POST"
        ]


@asynccontextmanager
async def both(at: Path, more: str = "") -> AsyncIterator[Both]:
    """Both of them and the gateway, until the block is left."""
    claudes = Simulated("anthropic", Settings(remember=100, seed=7))
    gpts = Simulated("chat", Settings(remember=100, seed=7))
    async with trio.open_nursery() as nursery:
        urls = [await nursery.start(partial(serve_model, model=model)) for model in (claudes, gpts)]
        config = at / "pipeline.toml"
        config.write_text(  # small, local
            f"""
            [server]
            port = 0
            [upstreams.claudes]
            dialect = "anthropic"
            url = "{urls[0]}"
            key = "one"
            [upstreams.gpts]
            dialect = "chat"
            url = "{urls[1]}"
            key = "two"
            [store]
            file = "{at / "pipeline.db"}"
            {more}
            """
        )
        running = await nursery.start(partial(serve, read(config, environ={})))
        yield Both(int(running.urls[0].rsplit(":", 1)[1]), config, claudes, gpts)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("asks", list(PATHS))
async def test_each_model_of_the_list_reaches_who_lists_it(tmp_path: Path, asks: str) -> None:
    """In each protocol, whether or not anybody has looked at the list before."""
    async with both(tmp_path) as places:
        assert (await places.ask(asks, GPT)).status == 200
        assert places.answered() == [("gpts", GPT)]
        offered = {model["id"] for model in (await places.get("/v1/models?limit=1000"))["data"]}
        assert offered >= {CLAUDE, GPT}
        for model in (CLAUDE, "somebody-elses"):
            await places.ask(asks, model)
        assert places.answered() == [("claudes", CLAUDE), ("claudes", "somebody-elses"), ("gpts", GPT)]
        assert [seen.method for model in (places.claudes, places.gpts) for seen in model.seen].count("GET") == 2


async def test_aliases_lead_to_who_lists_their_target_and_rules_come_first(tmp_path: Path) -> None:
    """An alias names no upstream; a rule that does is what holds."""
    more = f"""
        [model_map]
        aliases = {{ fast = "{GPT}" }}
        rules = [{{ match = "deepseek-*", upstreams = ["claudes"] }}]
    """
    async with both(tmp_path, more) as places:
        for model in ("fast", "deepseek-v4-pro"):
            await places.ask("anthropic", model)
        assert places.answered() == [("claudes", "deepseek-v4-pro"), ("gpts", GPT)]


@pytest.mark.parametrize("path", ["maker/model-1:free", "maker%2Fmodel-1%3Afree"])
async def test_a_name_with_a_slash_is_found(tmp_path: Path, path: str) -> None:
    """As OpenRouter's names have one: however a client writes it, the SDKs quoted, people plainly."""
    async with both(tmp_path, f'[model_map]\naliases = {{ "maker/model-1:free" = "{GPT}" }}') as places:
        assert (await places.get(f"/v1/models/{path}"))["id"] == "maker/model-1:free"
        assert "no model 'maker/other'" in (await places.get("/v1/models/maker%2Fother"))["error"]["message"]


async def test_an_alias_has_the_sizes_of_its_target(tmp_path: Path) -> None:
    """Clients compact their conversations by what the list says; the target's suffix is no part of its name."""
    async with both(tmp_path, f'[model_map]\naliases = {{ big = "{CLAUDE}(high)", quick = "{GPT}" }}') as places:
        offered = {model["id"]: model for model in (await places.get("/v1/models"))["data"]}
        for alias, target in (("big", CLAUDE), ("quick", GPT)):
            for size in ("context_window", "max_output_tokens"):
                assert offered[alias].get(size) == offered[target].get(size)
        assert offered["big"]["context_window"] == 200_000


async def test_route_says_the_same(tmp_path: Path) -> None:
    """From a terminal, without a gateway that has seen the lists; and no model is asked."""
    async with both(tmp_path) as places:
        for model, at in ((GPT, "gpts"), (CLAUDE, "claudes"), ("somebody-elses", "claudes")):
            wanted = Wanted(model, None, "", (), None)
            exchange, error = await rehearsed(read(places.config, environ={}), wanted)
            assert (error, [upstream.name for upstream in exchange.upstreams]) == (None, [at])
        assert places.answered() == []
