"""Sockets: where those that a gateway listens on come from, and who of several processes accepts from which."""

import os
import select
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import trio

from pipeline.problems import ConfigError
from pipeline.sockets import LATE, Listener, Spare, by_address, listening, passed, shared, spread
from tests.pipeline.configs import configured

ROOT = Path(__file__).parents[2]
CONFIG = configured("[server]\nport = 0")

ACTIVATED = """
import os, socket
from pipeline.sockets import passed
os.environ["LISTEN_PID"] = str(os.getpid())
(one,) = passed(os.environ)
print(one.getsockname()[1], os.get_inheritable(one.fileno()), sorted(n for n in os.environ if n.startswith("LISTEN_")))
"""


def test_sockets_are_passed_as_sd_listen_fds_has_it() -> None:
    """From descriptor 3 on; children of ours do not get them, and do not think that they are theirs."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        program = f"import os; os.dup2({bound.fileno()}, 3)\n{ACTIVATED}"
        done = subprocess.run(
            [sys.executable, "-c", program],
            pass_fds=[bound.fileno()],
            env={**os.environ, "PYTHONPATH": str(ROOT), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"},
            capture_output=True,
            text=True,
        )
        assert done.stdout == f"{bound.getsockname()[1]} False []\n", done.stderr


@pytest.mark.parametrize("environ", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "1"}])
def test_what_was_passed_to_another_is_not_ours(environ: dict[str, str]) -> None:
    """A variable that was inherited means nothing."""
    assert passed(environ) == []
    assert environ == {}


async def test_nobody_else_s_port_is_shared() -> None:
    """Though ours could be: another gateway that was started by mistake is told so."""
    (one,) = await listening(CONFIG, several=True)
    port = one.socket.getsockname()[1]
    async with one:
        with pytest.raises(ConfigError, match=f"server.port: can't listen on 127.0.0.1, port {port}: Address already"):
            await listening(configured(f"[server]\nport = {port}"), several=True)


async def test_each_worker_has_a_socket_and_connections_come_to_all() -> None:
    """At each address; the kernel deals them out."""
    sockets = spread(await listening(CONFIG, several=True), 3)
    ((address, there),) = by_address(sockets).items()
    assert len(there) == 3
    owned = [[door for door in shared(sockets, number, 3) if not isinstance(door, Spare)] for number in (1, 2, 3)]
    assert sorted(map(len, owned)) == [1, 1, 1]
    assert len({id(doors[0]) for doors in owned}) == 3
    counts: Counter[int] = Counter()

    async def accept(number: int) -> None:
        while True:
            await trio.aclose_forcefully(await owned[number][0].accept())
            counts[number] += 1

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(accept, number)
        for _ in range(150):
            await trio.aclose_forcefully(await trio.open_tcp_stream(*address))
        with trio.fail_after(3):
            while counts.total() < 150:  # noqa: ASYNC110  # three tasks count
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    for each in sockets:
        await each.aclose()
    assert min(counts.values()) >= 25  # of 50 on average: one in a million runs is further off


def somebody_waits(door: Listener) -> bool:
    """Whether a connection is in the queue of *door*."""
    return bool(select.select([door.socket], [], [], 0)[0])


async def test_what_an_owner_leaves_another_takes() -> None:
    """After a moment, and not before: as long as its owner lives, the connection is its."""
    sockets = spread(await listening(CONFIG, several=True), 2)
    address = sockets[0].socket.getsockname()
    one, two = shared(sockets, 1, 2), shared(sockets, 2, 2)
    mine, spares = one[0], [door for door in (*one, *two) if isinstance(door, Spare)]
    assert [type(door) for door in one] == [trio.SocketListener, Spare]
    clients = [await trio.open_tcp_stream(*address) for _ in range(20)]
    taken, began = 0, trio.current_time()
    with trio.fail_after(30):
        while somebody_waits(mine):
            await trio.aclose_forcefully(await spares[1].accept())  # worker 2's view of worker 1's socket
            taken += 1
    assert 0 < taken < 20
    assert trio.current_time() - began >= taken * LATE
    for each in (*sockets, *clients):
        await trio.aclose_forcefully(each) if isinstance(each, trio.SocketStream) else await each.aclose()


async def test_one_socket_is_everybodys() -> None:
    """Where whoever bound it lets there be no more of them."""
    (one,) = await listening(CONFIG)
    sockets = spread([one], 4)
    assert sockets == [one]
    assert [shared(sockets, number, 4) for number in (1, 2, 3, 4)] == [[one]] * 4
    await one.aclose()
