"""The server: a simulated model on a socket, like any upstream.

    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve, dialect="anthropic"))      "http://127.0.0.1:40123"

It belongs to whoever started it and runs until cancelled.
"""

import logging
from functools import partial

import trio

from stages.simulated.model import Settings, Simulated
from transports.drain import Drain
from transports.limits import Limits
from transports.listen import Address, Crash, open_listeners
from transports.listen import serve as serve_on

LIMITS = Limits(body=64 * 1024 * 1024)  # a gateway's own limit is to be met first


def told(error: BaseException) -> None:
    """A bug of ours: said where it can be seen, while the model goes on."""
    logging.getLogger("simulated").error("a request crashed", exc_info=error)


async def serve(
    *,
    dialect: str = "anthropic",
    host: str = "127.0.0.1",
    port: int = 0,
    settings: Settings | None = None,
    model: Simulated | None = None,
    on_crash: Crash = told,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a simulated model until cancelled; ``started`` tells its base URL, without a path.

    *model*: one that is made already, to look at what it has seen; else one of *dialect* with *settings*.  *port* 0
    lets the system choose.  *on_crash* is told what a bug raised.  Raises OSError if the address can't be had.
    """
    model = model or Simulated(dialect, settings)
    listeners = await open_listeners([Address(host, port)])
    bound = listeners[0].socket.getsockname()
    async with trio.open_nursery() as nursery:
        await nursery.start(
            partial(serve_on, model, listeners=listeners, limits=LIMITS, drain=Drain(), on_crash=on_crash)
        )
        task_status.started(f"http://{f'[{bound[0]}]' if ':' in bound[0] else bound[0]}:{bound[1]}")
