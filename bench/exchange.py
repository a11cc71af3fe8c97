"""One exchange, served twice: a request is read to its end and answered with 300 bytes.

    python -m bench.exchange            by our transports alone
    hypercorn bench.exchange_asgi:app   as an ASGI application does it

What servers cost by themselves, in front of nothing: see ``bench.http2``.
"""

import sys
import traceback

import trio

from transports.drain import Drain
from transports.limits import Limits
from transports.listen import Address, open_listeners, serve
from transports.messages import Head, Request, Response

REPLY = b"x" * 300


async def answered(request: Request, response: Response) -> None:
    """Read, then write."""
    while await request.body.receive():
        pass
    await response.start(Head(200, [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(REPLY))]))
    await response.write(REPLY)
    await response.finish()


async def main() -> None:
    """Serve on a port of the system's choice, until killed."""
    listeners = await open_listeners([Address("127.0.0.1", 0)])
    sys.stdout.write(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}\n")
    sys.stdout.flush()
    await serve(answered, listeners=listeners, limits=Limits(), drain=Drain(), on_crash=traceback.print_exception)


if __name__ == "__main__":
    trio.run(main)
