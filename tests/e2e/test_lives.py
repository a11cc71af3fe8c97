"""Fifty live streams through the lives of a gateway with two workers; ``python -m bench.lives`` is the long form."""

import base64
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import zip_longest
from pathlib import Path

import pytest
import trio

from bench.kill import House
from bench.lives import HEALTH, HOWS, houses, live, workers_of
from tests.e2e.house import Answer, Wire
from tests.e2e.running import ROOT, Gateway, clean_environment, running
from tests.e2e.test_limits import KEY, holder, limit
from tests.postgres import NEEDED, found

STREAMS = 50


@pytest.fixture(scope="module")
def made() -> Iterator[Callable[[], House]]:
    """What makes houses before one simulated model, each for a gateway with two workers."""
    with houses(workers=2) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("how", HOWS)
def test_every_stream_that_can_come_to_its_end_does(made: Callable[[], House], how: str) -> None:
    """None is cut, no connection is refused, the books are right, and what was to end ended well."""
    life = live(made(), how, STREAMS)
    sys.stdout.write(f"{life.told()}\n")
    assert [stream for stream in life.able if not stream.whole] == []
    assert (life.refused, life.wrong, life.code) == (0, [], 0)
    assert how not in ("reload", "take-over") or life.knocked > 20
    if how == "crash":  # the dead worker's are lost, the other's are not
        assert 0 < len(life.lost) < STREAMS
        assert all(not stream.whole for stream in life.streams if stream.port in life.lost)
        assert min(life.spread) >= STREAMS / 5


@pytest.mark.slow
def test_the_death_of_one_replica_is_settled_by_the_others() -> None:
    """Also before PostgreSQL, where the limits of all of them are counted."""
    if found() is None:
        pytest.skip(NEEDED)
    with houses(workers=2, postgres=True) as made:
        life = live(made(), "crash", 20)
    sys.stdout.write(f"PostgreSQL: {life.told()}\n")
    assert [stream for stream in life.able if not stream.whole] == []
    assert (life.wrong, life.code) == ([], 0)


# -- several workers, one gateway -------------------------------------------------------------------------------------

SLOW = "[[rate 10]] [[tokens 30]]"


def two(at: Path, more: str = "") -> AbstractContextManager[Gateway]:
    """A gateway with two workers."""
    return running(at, server="workers = 2", more=f'{more}\n[store]\nfile = "{at / "pipeline.db"}"')


async def asked(port: int, text: str = SLOW, begun: trio.Event | None = None, **fields: str) -> Answer:
    """What a slow stream comes to; *begun* is set once there is something of it."""
    async with Wire(port) as wire:
        body = {"model": "claude-opus-4-5", "max_tokens": 999, "stream": True}
        await wire.post(
            "/v1/messages", json.dumps({**body, "messages": [{"role": "user", "content": text}]}).encode(), **fields
        )
        if begun is not None:
            await wire.until(b"message_start", 30)
            begun.set()
        return await wire.answer(30)


async def together(port: int, count: int, begun: Sequence[trio.Event] = (), **fields: str) -> list[Answer]:
    """*count* of them at once."""
    answers: list[Answer] = []

    async def one(begun: trio.Event | None) -> None:
        answers.append(await asked(port, begun=begun, **fields))

    async with trio.open_nursery() as nursery:
        for _, each in zip_longest(range(count), begun):
            nursery.start_soon(one, each)
    return answers


@pytest.mark.slow
def test_limits_are_of_all_workers_together(tmp_path: Path) -> None:
    """Of twenty streams at once exactly as many run as the key may have, whichever process they came to."""
    with two(tmp_path, holder(limit("streams", 5))) as gateway:
        answers = trio.run(partial(together, gateway.port, 20, x_api_key=KEY))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 15
    assert all(answer.whole for answer in answers)


@pytest.mark.slow
def test_whichever_worker_is_asked_tells_of_all(tmp_path: Path) -> None:
    """A login holds at each of them, and each knows what runs at the other."""
    told: list[int] = []
    basic = base64.b64encode(b"admin:a long password").decode()

    async def running_at(port: int) -> int:
        """Over a connection of its own: at one worker or the other."""
        async with Wire(port) as wire:
            head = f"GET /admin/api/overview HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Basic {basic}\r\n\r\n"
            await wire.stream.send_all(head.encode())
            count: int = json.loads((await wire.answer()).body)["running"]
            return count

    async def look(port: int) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(partial(asked, port, "[[rate 10]] [[tokens 300]]", x_api_key="any"))
            with trio.fail_after(20):
                while await running_at(port) < 8:  # noqa: ASYNC110  # other processes
                    await trio.sleep(0.05)
            told.extend([await running_at(port) for _ in range(8)])
            nursery.cancel_scope.cancel()

    with two(tmp_path, '[admin]\npassword = "a long password"') as gateway:
        trio.run(look, gateway.port)
    assert told == [8] * 8


@pytest.mark.slow
def test_workers_whose_parent_dies_finish_and_go(tmp_path: Path) -> None:
    """Nobody is cut, and nobody stays behind to hold the port."""

    async def bereaved(gateway: Gateway, workers: list[int]) -> list[Answer]:
        found: list[Answer] = []

        begun = [trio.Event() for _ in range(6)]

        async def ask() -> None:
            found.extend(await together(gateway.port, 6, begun, x_api_key="any"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            for each in begun:
                await each.wait()
            gateway.process.kill()
        with trio.fail_after(10):
            while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers):  # noqa: ASYNC110, ASYNC240  # others'
                await trio.sleep(0.05)
        return found

    with two(tmp_path) as gateway:
        answers = trio.run(bereaved, gateway, workers_of(gateway.process.pid))
    assert [(answer.status, answer.whole) for answer in answers] == [(200, True)] * 6


ACTIVATED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "pipeline", "--config", sys.argv[2]])
"""


@pytest.mark.slow
def test_a_socket_that_outlives_the_gateway_refuses_nobody(tmp_path: Path) -> None:
    """Passed on as systemd does: who connects while none runs waits in its queue, and is answered by the next one."""
    config = tmp_path / "pipeline.toml"
    config.write_text(f'[store]\nfile = "{tmp_path / "pipeline.db"}"\n[server]\nport = 1\n')
    with socket.create_server(("127.0.0.1", 0)) as bound:
        command = [sys.executable, "-c", ACTIVATED, str(bound.fileno()), str(config)]
        for _ in range(2):
            with socket.create_connection(bound.getsockname(), timeout=30) as early:
                early.sendall(HEALTH)
                with subprocess.Popen(
                    command,
                    pass_fds=[bound.fileno()],
                    env=clean_environment(tmp_path, PYTHONPATH=str(ROOT)),
                    stdout=subprocess.DEVNULL,
                ) as process:
                    assert early.recv(4096).startswith(b"HTTP/1.1 200")
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(20) == 0
