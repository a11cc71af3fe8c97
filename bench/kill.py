"""What a kill -9 costs: nothing that a client saw.

    python -m bench.kill [--rounds 1000] [--postgres] [--clients 8] [--seed N]

A round: a gateway in a process of its own, a simulated model behind it, clients that stream replies of random length
one after the other; at a random moment, in one round of eight before it even listens, SIGKILL.  The next round's
gateway finds what this one left.  Every request bears a name of its own, as its session, so that the books can be held
against what the clients saw:

    saw the end        one record, ended, with the tokens that the client was told                       else: lost
    saw the beginning  one record, ended, estimated unless the upstream had told its final counts        else: lost
    saw nothing        at most one record                                                                else: doubled
    all of them        sums of hours and days, and what the key has spent of its limit = sums of the records;
                       nothing open, nothing held

The time to start again is from the program's start until it listens, with the last round's remains settled.  Ends with
code 1 if anything is lost, doubled or unbalanced.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import attrs
import click
import trio

from bench.programs import ADDRESS, COMPILED, ROOT, Program, simulated
from pipeline.secret import Secret
from pipeline.store import sql
from pipeline.store.balance import imbalance
from pipeline.store.database import Backend, Database, looking
from pipeline.store.opening import reached
from pipeline.store.record import Flag, Record, State
from pipeline.store.settings import Settings
from tests.postgres import cluster

LONGEST = 1.2  # seconds that a gateway lives
EARLY = 8  # one round in so many ends before the gateway listens
LOOK = 50  # rounds between looks at the books
START = 120.0  # seconds that it may take to listen, on a machine that has other things to do
TOLD = re.compile(rb'"output_tokens": ?(\d+)')


@attrs.define
class Asked:
    """One request, as its client saw it."""

    session: str
    begun: bool = False  # the first event came
    tokens: int | None = None  # of output, as the end told


@attrs.define
class Found:
    """What all rounds came to."""

    rounds: int = 0
    early: int = 0
    ended: int = 0
    cut: int = 0
    unseen: int = 0
    records: int = 0
    estimated: int = 0
    wrong: list[str] = attrs.field(factory=list)
    starts: list[float] = attrs.field(factory=list)  # seconds
    efforts: list[float] = attrs.field(factory=list)  # seconds of CPU, whatever else the machine does

    def told(self) -> str:
        """As a table."""
        starts = sorted(self.starts)
        some = [statistics.median(starts), starts[int(len(starts) * 0.99)], starts[-1], max(self.efforts)]
        rows = {
            "rounds": f"{self.rounds}, {self.early} of them killed before it listened",
            "requests seen to their end": self.ended,
            "requests cut off in the middle": self.cut,
            "requests without an answer": self.unseen,
            "records": f"{self.records}, {self.estimated} of them estimated",
            "started in (median, 99 %, most; CPU)": ", ".join(f"{one:.2f} s" for one in some),
            "lost, doubled or wrong": len(self.wrong),
        }
        return "\n".join([*(f"{name:40}{value}" for name, value in rows.items()), *self.wrong[:20]])


# -- the gateway ------------------------------------------------------------------------------------------------------


@attrs.define
class House:
    """Where everything is, and what was found."""

    folder: Path
    upstream: int
    settings: Settings
    dice: Random
    clients: int = 0
    server: str = "port = 0"  # how the gateway listens
    found: Found = attrs.field(factory=Found)

    def config(self) -> Path:
        """The gateway's configuration."""
        store = self.settings
        where = f'file = "{store.file}"' if store.url is None else f'url = "{store.url.reveal()}"'
        file = self.folder / "gateway.toml"
        file.write_text(
            f"""
[server]
{self.server}
[log]
level = "error"
[upstreams.up]
dialect = "anthropic"
url = "http://127.0.0.1:{self.upstream}"
key = "bench"
[store]
{where}
folder = "{self.folder / "spool"}"
[limits]
limits = [{{ kind = "usd_total", limit = 1_000_000_000_000 }}, {{ kind = "streams", limit = 1000 }}]
"""
        )
        return file

    @contextmanager
    def backend(self) -> Iterator[Backend]:
        """The database, for a look."""
        backend, _ = reached(self.settings, self.settings.file or Path())
        try:
            yield backend
        finally:
            backend.close()


@contextmanager
def gateway(house: House, *flags: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A gateway's process, and where it writes; killed when the block is left, if it still runs."""
    output = house.folder / f"output{'-'.join(flags)}.txt"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "--config", str(house.config()), *flags],
            cwd=house.folder,
            env={**os.environ, **COMPILED, "PYTHONPATH": str(ROOT)},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, output
    finally:
        process.kill()
        process.wait()


def listens(process: "subprocess.Popen[bytes]", output: Path) -> int:
    """The port, once there is one."""
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        if found := ADDRESS.search(output.read_text(errors="replace")):
            return int(found.group(1))
        time.sleep(0.005)
    raise click.ClickException(f"the gateway did not start:\n{output.read_text(errors='replace')}")


# -- a round ----------------------------------------------------------------------------------------------------------


def round_of(house: House, number: int) -> list[Asked]:
    """One life of a gateway; gives what was asked in it."""
    found, asked = house.found, list[Asked]()
    found.rounds += 1
    began = time.monotonic()
    with gateway(house) as (process, output):
        if number % EARLY == EARLY - 1:
            found.early += 1
            time.sleep(house.dice.uniform(0, statistics.median(found.starts)))
        else:
            port = listens(process, output)
            found.starts.append(time.monotonic() - began)
            found.efforts.append(Program("gateway", port, process.pid).cpu())
            trio.run(load, house, port, number, asked, process)
    return asked


async def load(house: House, port: int, number: int, asked: list[Asked], process: "subprocess.Popen[bytes]") -> None:
    """Clients, until the gateway is killed under them."""
    async with trio.open_nursery() as nursery:
        for client in range(house.clients):
            nursery.start_soon(asking, port, f"{number}-{client}", Random(house.dice.random()), asked)  # noqa: S311  # dice
        await trio.sleep(house.dice.uniform(0.01, LONGEST))
        process.send_signal(signal.SIGKILL)
        with trio.move_on_after(2) as patience:
            await trio.to_thread.run_sync(process.wait)
        nursery.cancel_scope.deadline = trio.current_time() + 0.5  # what is on its way still arrives
    if patience.cancelled_caught:
        raise click.ClickException("the gateway can't be killed")


async def asking(port: int, name: str, dice: Random, asked: list[Asked]) -> None:
    """One client: one request after the other, on one connection, until that breaks."""
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            number = 0
            while True:
                number += 1
                one = Asked(f"kill-{name}-{number}")
                asked.append(one)
                await stream.send_all(request(one.session, dice))
                if not await heard(stream, one):
                    return
    except (OSError, trio.BrokenResourceError):
        return


def request(session: str, dice: Random) -> bytes:
    """A streamed request whose reply takes up to half a second."""
    script = f"[[rate {dice.choice([50, 200, 1000])}]] [[tokens {dice.randrange(1, 40)}]]"
    body = json.dumps(
        {
            "model": "claude-opus-4-5",
            "max_tokens": 1000,
            "stream": True,
            "messages": [{"role": "user", "content": script}],
        }
    ).encode()
    head = (
        "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"x-api-key: any\r\nanthropic-version: 2023-06-01\r\nx-claude-code-session-id: {session}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def heard(stream: trio.SocketStream, one: Asked) -> bool:
    """Read one reply into *one*; whether it ended as it should."""
    text = b""
    while not text.endswith(b"0\r\n\r\n"):
        data = await stream.receive_some(65536)
        if not data:
            return False
        text += data
        one.begun = one.begun or b"message_start" in text
        if b"message_stop" in text and one.tokens is None:
            one.tokens = int(TOLD.findall(text)[-1])
        if not text.startswith(b"HTTP/1.1 200"):
            raise click.ClickException(f"the gateway refuses: {text!r}")
    return True


# -- what was put down ------------------------------------------------------------------------------------------------


def check(db: Database, asked: list[Asked], found: Found) -> None:
    """Hold the books against what the clients of a round saw."""
    for one in asked:
        records = sql.records(db, "session = ?", (one.session,))
        found.records += len(records)
        found.estimated += sum(record.flags & Flag.ESTIMATED for record in records)
        if one.tokens is not None:
            found.ended += 1
        elif one.begun:
            found.cut += 1
        else:
            found.unseen += 1
        if why := amiss(one, records):
            found.wrong.append(f"{one.session}: {why}: {one}, {records}")


def amiss(one: Asked, records: list[Record]) -> str:
    """What is wrong with the *records* of one request; "" if nothing is."""
    if len(records) > 1:
        return "doubled"
    if not records:
        return "lost" if one.begun else ""
    (record,) = records
    if record.state == State.OPEN:
        return "still open"
    if one.tokens is not None and (record.output != one.tokens or record.flags & Flag.ESTIMATED):
        return "not what the client was told"
    exact = bool(record.flags & Flag.COMPLETE)
    return "neither exact nor estimated" if exact == bool(record.flags & Flag.ESTIMATED) else ""


def settled(db: Database, found: Found) -> None:
    """Hold sums against records, and see that nothing is left over."""
    found.wrong += [f"sums of {table}: {sums} but rows {rows}" for table, (sums, rows) in imbalance(db).items()]
    left = {
        "leases": "SELECT COUNT(*) FROM leases",
        "held": "SELECT COUNT(*) FROM windows WHERE held <> 0",
        "open": "SELECT COUNT(*) FROM requests WHERE state = 0",
        "limits that nothing counted in": "SELECT CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END FROM windows",
        "windows that are not the sum of what they cost": (
            "SELECT COUNT(*) FROM windows WHERE kind = 'usd_total' AND "
            "spent <> (SELECT COALESCE(SUM(cost), 0) FROM requests WHERE requests.key = windows.key)"
        ),
    }
    found.wrong += [f"{count} {what}" for what, query in left.items() if (count := db.rows(query)[0][0])]


# -- all of it --------------------------------------------------------------------------------------------------------


def rounds(house: House, count: int) -> Found:
    """*count* rounds.  The books are looked at now and then only, since whoever looks also mends the database's log."""
    asked: list[Asked] = []
    for number in range(count):
        asked += round_of(house, number)
        if number % LOOK == LOOK - 1:
            ended(house)
            look(house, asked)
            asked.clear()
            print(f"{number + 1} rounds, {len(house.found.wrong)} wrong", file=sys.stderr, flush=True)
    ended(house)
    look(house, asked)
    return house.found


def look(house: House, asked: list[Asked]) -> None:
    """Hold the books against what was *asked*, and against themselves."""
    with house.backend() as backend:
        looking(backend, lambda db: check(db, asked, house.found))
        looking(backend, lambda db: settled(db, house.found))


def ended(house: House) -> None:
    """One more life: nobody asks, and it ends in order."""
    with gateway(house) as (process, output):
        listens(process, output)
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def place(folder: Path, *, postgres: bool) -> Iterator[Settings]:
    """Where the books are."""
    if not postgres:
        yield Settings(file=folder / "pipeline.db", folder=folder / "spool")
        return
    with cluster() as running:
        if running is None:
            raise click.ClickException("PostgreSQL is not installed (Debian: postgresql)")
        yield Settings(url=Secret(running.database()), folder=folder / "spool")


@click.command(help=__doc__.partition("\n")[0])
@click.option("--rounds", "count", default=1000, show_default=True)
@click.option("--clients", default=8, show_default=True)
@click.option("--postgres", is_flag=True, help="On PostgreSQL, in a throw-away cluster.")
@click.option("--seed", default=1, show_default=True)
def main(count: int, clients: int, seed: int, *, postgres: bool) -> None:
    """Kill, start again, look."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with place(folder, postgres=postgres) as settings, simulated("anthropic") as model:
            dice = Random(seed)  # noqa: S311  # dice
            found = rounds(House(folder, model.port, settings, dice, clients), count)
    print(found.told())
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
