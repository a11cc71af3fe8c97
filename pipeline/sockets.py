"""Sockets: those that a gateway listens on, wherever they come from, and who of several processes accepts from which.

    whoever started us ── LISTEN_FDS, as sd_listen_fds(3) has it ──┐
    the one that runs ── --take-over, see ``handover`` ────────────┼──▶ sockets that are bound and listen
    nobody ── bound here, where [server] says ─────────────────────┘

A socket that is handed on never closes: whoever connects while nobody accepts waits in its queue, and is not refused.

Of several workers each has a socket of its own at the same address (SO_REUSEPORT), among which the kernel deals
connections out evenly.  From one that all share, whoever wakes first takes all that come together: of fifty streams
that began at once one of two processes got forty-six (``bench.lives``).  What its owner leaves lying, because it is
busy or has died, the others take after a moment (``Spare``): the sockets are the parent's, and outlive their owners.
"""

import os
import socket
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

import structlog
import trio

from pipeline.config import Config
from pipeline.problems import ConfigError
from transports import listen

FIRST = 3  # the descriptor of the first one that is passed on
BACKLOG = 65_535  # the kernel takes as many as it allows
LATE = 0.05  # seconds that a connection waits for the process whose socket it came to
MOMENT = 0.001  # seconds to take one that is there

log = structlog.get_logger("pipeline")


def passed(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The sockets that whoever started this process passed to it; asked once, since *environ* forgets them.

    Raises ConfigError for one that is nothing to listen on.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    found = []
    for number in range(FIRST, FIRST + int(count)):
        os.set_inheritable(number, False)
        one = socket.socket(fileno=number)
        if one.family not in (socket.AF_INET, socket.AF_INET6) or not one.getsockopt(
            socket.SOL_SOCKET, socket.SO_ACCEPTCONN
        ):
            raise ConfigError([f"LISTEN_FDS: descriptor {number} is no TCP socket that listens"])
        found.append(one)
    return found


async def listening(config: Config, *, several: bool = False) -> list[trio.SocketListener]:
    """Listeners where *config* says; a name with several addresses gives several.  Raises ConfigError.

    *several*: there can be more of them at the same address (``spread``); but nobody else's may be there already.
    """
    server = config.server
    try:
        listeners = await listen.open_listeners([listen.Address(server.host, server.port)])
        if not several:
            return listeners
        places = [(each.socket.family, each.socket.getsockname()) for each in listeners]
        for each in listeners:  # nobody else is there
            each.socket.close()
        return [listener(beside(*place)) for place in places]
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        place = config.layers.label(("server", "port"))
        raise ConfigError([f"{place}: can't listen on {server.host}, port {server.port}: {why}"]) from error


def beside(family: int, address: Any) -> socket.socket:
    """A socket that listens at *address*, beside others of the same user that do.  Raises OSError."""
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.listen(BACKLOG)
    except OSError:
        one.close()
        raise
    return one


def listener(bound: socket.socket) -> trio.SocketListener:
    """A listener on *bound*, a socket that listens."""
    bound.setblocking(False)
    return trio.SocketListener(trio.socket.from_stdlib_socket(bound))


# -- several processes ------------------------------------------------------------------------------------------------


def by_address(listeners: Iterable[trio.SocketListener]) -> dict[Any, list[trio.SocketListener]]:
    """*listeners*, by where they listen."""
    found: dict[Any, list[trio.SocketListener]] = {}
    for each in listeners:
        found.setdefault(each.socket.getsockname(), []).append(each)
    return found


def spread(listeners: Sequence[trio.SocketListener], count: int) -> list[trio.SocketListener]:
    """*listeners*, and more at each of their addresses, so that there is one for each of *count* processes.

    Where others bound them so that there can be one only, there is one, and all accept from it.
    """
    found = list(listeners)
    for address, there in by_address(listeners).items():
        try:
            found += [listener(beside(there[0].socket.family, address)) for _ in range(count - len(there))]
        except OSError as error:
            log.info("all workers accept from one socket", address=str(address), why=error.strerror)
    return found


class Spare(trio.abc.Listener[trio.SocketStream]):
    """A listener that another process accepts from: this one takes what that leaves for ``LATE`` seconds."""

    def __init__(self, owned: trio.SocketListener) -> None:
        self.socket, self._owned = owned.socket, owned

    async def accept(self) -> trio.SocketStream:
        """The next connection that its owner has left."""
        while True:
            await trio.lowlevel.wait_readable(self.socket)
            await trio.sleep(LATE)
            with trio.move_on_after(MOMENT):
                return await self._owned.accept()

    async def aclose(self) -> None:
        """Close it, here."""
        await self._owned.aclose()


Listener = trio.SocketListener | Spare


def shared(listeners: Sequence[trio.SocketListener], number: int, count: int) -> list[Listener]:
    """What process *number* of *count* accepts from: its own, and, a little later, from what the others leave."""
    doors: list[Listener] = []
    for there in by_address(listeners).values():
        for place, each in enumerate(there):
            own = len(there) < count or place % count == number - 1
            doors.append(each if own else Spare(each))
    return doors
