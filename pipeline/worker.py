"""Worker: one of several processes on one port, as it looks from inside; ``workers`` starts it.

    link ──▶ our number, the sockets · reload · a question of another's          ◀── we listen · loaded · an answer
    the link closes: the process that started us has gone; what runs is finished, and nobody is let in any more

How requests are answered is ``serving``'s; here is what a worker has beside it.
"""

import socket
from collections.abc import Awaitable, Callable

import structlog
import trio

from pipeline.alone import Alone
from pipeline.link import Link, greeted
from pipeline.peers import Peers
from pipeline.sockets import Listener, listener, shared

Answer = Callable[..., Awaitable[None]]  # ``alone.answer``, but for its listeners


def joined(descriptor: int) -> tuple[Link, list[Listener]]:
    """The link behind *descriptor*, and what we are to listen on; from now on each line of the log bears our number."""
    end = socket.socket(fileno=descriptor)
    number, count, sockets = greeted(end)
    structlog.contextvars.bind_contextvars(worker=number)
    return Link(end), shared([listener(each) for each in sockets], number, count)


async def work(link: Link, answer: Answer, *, task_status: trio.TaskStatus[Alone]) -> None:
    """Task: *answer*, under the orders of whoever is behind *link*, until drained.  Reports an Alone."""
    async with trio.open_nursery() as nursery:

        async def through(*, task_status: trio.TaskStatus[Alone]) -> None:
            await answer(task_status=task_status)
            nursery.cancel_scope.cancel()

        alone: Alone = await nursery.start(through)
        alone.running.gateway.peers = peers = Peers(link)
        nursery.start_soon(listen, link, alone, peers)
        await link.send({"listens": alone.urls, "text": alone.text})
        task_status.started(alone)
    await link.aclose()


async def listen(link: Link, alone: Alone, peers: Peers) -> None:
    """Task: do what is said over *link*; when it closes, end."""
    while (said := await link.receive()) is not None:
        match said:
            case {"reload": True}:
                outcome = await alone.reload()
                await link.send({"loaded": [outcome.problems, outcome.waiting]})
            case {"tell": name, "what": what}:
                tell = alone.running.gateway.tells.get(what)
                await link.send({"told": name, "answer": None if tell is None else tell()})
            case {"answers": number, "said": answers}:
                peers.answered(number, answers)
    alone.end(at_once=False)
