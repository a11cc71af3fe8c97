"""Handing over: a gateway that runs gives its sockets to one that takes its place; nobody is refused in between.

    the new one                          the one that runs
    take() ──────connects───────────────▶ give(): is it the same user?
           ◀──listening sockets, pid file─
    opens, begins to accept on them       goes on accepting on them
    ready() ────────"ready"─────────────▶ drains: what it has begun it ends
           ◀────────"yours"──────────────  does not listen here any more

The sockets are the same ones in both, so there is one queue of connections, which is never closed: with SO_REUSEPORT
there would be two, and whoever waits in the old one's when it closes is reset.  The two meet at a socket whose name is
host and port, in the same space of names as those (unix(7), abstract), so that it needs no file, and nobody has to say
where.  If the new one fails before it is ready, nothing has happened.
"""

import os
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

import attrs
import structlog
import trio

from pipeline.problems import ConfigError

READY, YOURS = b"ready\n", b"yours\n"
MOST = 253  # descriptors: SCM_MAX_FD of the kernel
FULL = 1.0  # seconds before another look, where no descriptor is left to accept with (accept(2): EMFILE, ENFILE)
PATIENCE = 10.0  # seconds for the other side to say its word, where that needs no work
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: ucred of unix(7)

log = structlog.get_logger("pipeline")


def name(host: str, port: int) -> str:
    """Where whoever listens at *host* and *port* is asked for it."""
    return f"\0pipeline {host} {port}"


def ours(peer: socket.socket | trio.socket.SocketType) -> bool:
    """Whether *peer* is a process of the same user: anybody may use any name."""
    _, user, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return bool(user == os.geteuid())


# -- the new one ------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Taken:
    """What was given: sockets that listen, and the descriptor of the pid file, if there is one."""

    sockets: list[socket.socket]
    pid_file: int | None
    channel: socket.socket

    def ready(self) -> None:
        """Let the other one go; returns when it does not listen any more for whoever would take over from it.

        Should it have died by now, or be too busy for a word: the sockets are ours either way.
        """
        with self.channel, suppress(OSError):
            self.channel.sendall(READY)
            self.channel.recv(len(YOURS))


def take(host: str, port: int) -> Taken | None:
    """What the gateway at *host* and *port* gives; None where there is none.  Raises ConfigError."""
    with ExitStack() as unless_given:
        channel = unless_given.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        channel.settimeout(PATIENCE)
        try:
            channel.connect(name(host, port))
            if not ours(channel):
                raise ConfigError([f"--take-over: who listens at {host}, port {port} is another user's"])
            what, descriptors, _, _ = socket.recv_fds(channel, 64, MOST)
        except ConnectionRefusedError:
            return None
        except OSError as error:
            why = error.strerror or error
            raise ConfigError([f"--take-over: {host}, port {port} is not given away: {why}"]) from error
        if not descriptors:
            raise ConfigError([f"--take-over: who listens at {host}, port {port} gives nothing away"])
        for each in descriptors:
            os.set_inheritable(each, False)
        held = descriptors.pop() if what == b"with a pid file\n" else None
        unless_given.pop_all()
        return Taken([socket.socket(fileno=each) for each in descriptors], held, channel)


# -- the one that runs ------------------------------------------------------------------------------------------------


async def give(where: str, sockets: Sequence[int], gone: Callable[[], None], pid_file: int | None = None) -> None:
    """Task: give *sockets* to the first that asks at *where* and gets ready; then *gone* is called, and this ends.

    Sockets and pid file are descriptors, which stay the caller's.
    """
    with trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        try:
            await door.bind(where)
        except OSError as error:
            log.info("this gateway can't be taken over", why=error.strerror)
            return
        door.listen(1)
        channel = await _given(door, sockets, pid_file)
    gone()
    with channel, suppress(OSError):  # it may have died since, which is no reason not to end well
        await channel.send(YOURS)


async def _asked(door: trio.socket.SocketType) -> trio.socket.SocketType:
    """The channel to who asks.  It waits in the backlog while this process is full; that is no reason to end."""
    told = False
    while True:
        try:
            return (await door.accept())[0]
        except OSError as error:
            if not told:
                log.warning("who is to take over has to wait", why=error.strerror)
            told = True
        await trio.sleep(FULL)


async def _given(door: trio.socket.SocketType, sockets: Sequence[int], pid_file: int | None) -> trio.socket.SocketType:
    """The channel to the one that has the sockets, and is ready."""
    descriptors = [*sockets, *([] if pid_file is None else [pid_file])]
    what = b"sockets\n" if pid_file is None else b"with a pid file\n"
    while True:
        channel = await _asked(door)
        with ExitStack() as unless_ready:
            unless_ready.enter_context(channel)
            try:
                if ours(channel):
                    rights = struct.pack(f"{len(descriptors)}i", *descriptors)
                    await channel.sendmsg([what], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                    if await channel.recv(len(READY)) == READY:
                        unless_ready.pop_all()
                        return channel
                    log.warning("who was to take over did not get ready")
            except OSError as error:
                log.warning("who was to take over has gone", why=error.strerror)
