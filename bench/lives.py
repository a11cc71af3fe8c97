"""What the lives of a gateway cost the streams that run through it: nothing, if they can go on.

    python -m bench.lives [--streams 500] [--workers 2] [--how drain|reload|crash|take-over] [--postgres]

A gateway in processes of its own, a simulated model behind it, and clients that all stream at the same time.  When the
last of them has its first event, something happens:

    drain       SIGTERM                              it ends with code 0, after the last stream
    reload      the file is changed, SIGHUP          what began before goes on, what comes after meets the new file
    crash       kill -9 of one worker                the streams of the others go on, and another worker comes
    take-over   another gateway takes the port       this one ends with code 0, after the last stream

All the while somebody opens one connection after the other and asks for /health: none may be refused, unless nobody is
to listen any more.  In the end the books are held against what the clients saw, as in ``bench.kill``.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import attrs
import click
import trio

from bench.kill import Asked, House, check, ended, gateway, heard, listens, place, settled
from bench.programs import free_port, simulated
from pipeline.store.database import looking

HOWS = ("drain", "reload", "crash", "take-over")
LASTS = 5.0  # seconds that a stream lasts, once it has begun
HEALTH = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"


@attrs.define
class Stream(Asked):
    """One stream, as its client saw it."""

    port: int = 0  # its own
    whole: bool = False  # it came to its end


@attrs.define
class Life:
    """What happened to the streams of one life of a gateway."""

    how: str
    streams: list[Stream]
    lost: set[int] = attrs.field(factory=set)  # ports of those whose process was killed
    spread: list[int] = attrs.field(factory=list)  # streams of each process
    knocked: int = 0  # connections beside them
    refused: int = 0
    code: int | None = None  # with which the gateway ended
    wrong: list[str] = attrs.field(factory=list)

    @property
    def able(self) -> list[Stream]:
        """The streams that can come to their end."""
        return [stream for stream in self.streams if stream.port not in self.lost]

    def told(self) -> str:
        """In a line."""
        whole = sum(stream.whole for stream in self.able)
        spread = f" spread {'/'.join(map(str, self.spread))};" if self.spread else ""
        return (
            f"{self.how}: {len(self.streams)} streams,{spread} {len(self.able)} could come to their end,"
            f" {whole} did; {self.knocked} connections beside them, {self.refused} refused;"
            f" exit code {self.code}; {len(self.wrong)} wrong in the books"
        )


# -- who holds which connection ---------------------------------------------------------------------------------------


def workers_of(pid: int) -> list[int]:
    """The processes that process *pid* started."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sorted(int(child) for thread in threads for child in (thread / "children").read_text().split())


def held_by(pid: int, port: int) -> set[int]:
    """The clients' ports of the connections to *port* that process *pid* has."""
    links = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(os.readlink(each))
        except OSError:
            continue  # closed meanwhile
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(row[2].rpartition(":")[2], 16)
        for row in rows
        if row[9] in inodes and int(row[1].rpartition(":")[2], 16) == port and row[3] == "01"
    }


# -- clients ----------------------------------------------------------------------------------------------------------


def request(session: str, tokens: int) -> bytes:
    """A stream of *tokens* events, as long as ``LASTS``; the key's limits count it."""
    body = (
        f'{{"model":"claude-opus-4-5","max_tokens":1000,"stream":true,"messages":[{{"role":"user",'
        f'"content":"[[rate {tokens / LASTS:g}]] [[tokens {tokens}]]"}}]}}'
    ).encode()
    return (
        f"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nx-api-key: any\r\n"
        f"anthropic-version: 2023-06-01\r\nx-claude-code-session-id: {session}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


async def streaming(port: int, one: Stream, tokens: int) -> None:
    """One client, for one stream."""
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            one.port = stream.socket.getsockname()[1]
            await stream.send_all(request(one.session, tokens))
            one.whole = await heard(stream, one) and one.tokens == tokens
    except (OSError, trio.BrokenResourceError):
        return


async def knocking(port: int, life: Life) -> None:
    """Open one connection after the other, and ask for something small."""
    while True:
        life.knocked += 1
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream:
                await stream.send_all(HEALTH)
                answer = await stream.receive_some(4096)
            life.refused += not answer.startswith(b"HTTP/1.1 200")
        except (OSError, trio.BrokenResourceError):
            life.refused += 1


# -- what happens -----------------------------------------------------------------------------------------------------


async def happen(life: Life, house: House, port: int, process: "subprocess.Popen[bytes]", exits: ExitStack) -> None:
    """Do to the gateway what *life* is about."""
    match life.how:
        case "drain":
            process.send_signal(signal.SIGTERM)
        case "reload":
            file = house.folder / "gateway.toml"
            file.write_text(file.read_text() + "[thinking_suffix]\n")  # small, local
            process.send_signal(signal.SIGHUP)
        case "crash":
            workers = workers_of(process.pid)
            life.spread = [len(held_by(pid, port)) for pid in workers]
            life.lost = held_by(workers[0], port)
            os.kill(workers[0], signal.SIGKILL)
        case "take-over":
            other, output = exits.enter_context(gateway(house, "--take-over"))
            await trio.to_thread.run_sync(listens, other, output)


async def lived(life: Life, house: House, port: int, process: "subprocess.Popen[bytes]", exits: ExitStack) -> None:
    """All streams, and what happens while they run."""
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as streams:
            for number, one in enumerate(life.streams):
                streams.start_soon(streaming, port, one, 20 + number % 20)
            with trio.fail_after(60):
                while not all(one.begun for one in life.streams):  # noqa: ASYNC110  # each is told by its own reply
                    await trio.sleep(0.01)
            if life.how in ("reload", "take-over"):
                nursery.start_soon(knocking, port, life)
                await trio.sleep(0.2)
            await happen(life, house, port, process, exits)
        nursery.cancel_scope.cancel()
    if life.how in ("drain", "take-over"):
        with trio.move_on_after(20):
            life.code = await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)


def live(house: House, how: str, streams: int) -> Life:
    """One life of the gateway in *house*, with so many *streams*."""
    life = Life(how, [Stream(f"lives-{how}-{number}") for number in range(streams)])
    with ExitStack() as exits:
        process, output = exits.enter_context(gateway(house))
        trio.run(lived, life, house, listens(process, output), process, exits)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            life.code = process.wait(20)
    ended(house)
    with house.backend() as backend:
        looking(backend, lambda db: check(db, list(life.streams), house.found))
        looking(backend, lambda db: settled(db, house.found))
    life.wrong = house.found.wrong
    return life


@contextmanager
def houses(workers: int, *, postgres: bool = False) -> Iterator[Callable[[], House]]:
    """What makes houses before one model; each is a new one."""
    with ExitStack() as exits:
        model = exits.enter_context(simulated("anthropic"))

        def made() -> House:
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            settings = exits.enter_context(place(folder, postgres=postgres))
            return House(folder, model.port, settings, Random(1), server=f"port = {free_port()}\nworkers = {workers}")  # noqa: S311  # dice

        yield made


@click.command(help=__doc__.partition("\n")[0])
@click.option("--streams", default=500, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--how", type=click.Choice(HOWS), multiple=True, default=HOWS, help="All of them, unless said.")
@click.option("--postgres", is_flag=True, help="On PostgreSQL, in a throw-away cluster.")
def main(streams: int, workers: int, how: tuple[str, ...], *, postgres: bool) -> None:
    """Live, and count."""
    lives = []
    with houses(workers, postgres=postgres) as made:
        for each in how:
            began = time.monotonic()
            life = live(made(), each, streams)
            print(f"{life.told()}; {time.monotonic() - began:.1f} s", *life.wrong[:20], sep="\n  ", flush=True)
            lives.append(life)
    sys.exit(any(life.wrong or life.refused or not all(one.whole for one in life.able) for life in lives))


if __name__ == "__main__":
    main()
