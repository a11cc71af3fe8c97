"""The worker: a process that weighs.  Started by ``clerk`` with the first count, gone after minutes without one.

    stdin    length · [[kind, JSON], …]      stdout    length · [weight, …]        lengths: 4 bytes, big-endian

Its own process, because the tokenizer keeps every other thread waiting while it loads, needs as much memory as the rest
of the gateway together, and is other people's native code: it may die without taking anyone along.  It ends when its
stdin does, whatever became of the gateway.
"""

import signal
import sys
from typing import BinaryIO

import msgspec

from stages.tokens.tokenizer import tokenizer
from stages.tokens.weigh import Count, weigh
from stages.tokens.weight import Weight

asked = msgspec.msgpack.Decoder(list[tuple[str, bytes]])
told = msgspec.msgpack.Decoder(list[Weight])
encode = msgspec.msgpack.Encoder().encode


def framed(body: bytes) -> bytes:
    """*body* behind its length."""
    return len(body).to_bytes(4, "big") + body


def work(inlet: BinaryIO, outlet: BinaryIO, count: Count) -> None:
    """Answer what comes in until there is no more."""
    while len(head := inlet.read(4)) == 4:
        weights = weigh(asked.decode(inlet.read(int.from_bytes(head, "big"))), count)
        outlet.write(framed(encode(weights)))
        outlet.flush()


def main() -> None:
    """Work on stdin and stdout.  Exit code 3 where there is no tokenizer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the gateway decides
    count = tokenizer()
    if count is None:
        sys.exit(3)
    work(sys.stdin.buffer, sys.stdout.buffer, count)


if __name__ == "__main__":
    main()
