"""A worker that speaks the link and does what its folder says: ``fake_worker.py FOLDER LINK``."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

from pipeline.link import greeted


def main(folder: Path, descriptor: int) -> None:
    """Say that we listen, then answer what is asked; a file ``fail`` says to end at once with that code."""
    end = socket.socket(fileno=descriptor)
    number, count, sockets = greeted(end)
    lives = folder / f"lives-{number}"
    lives.write_text(lives.read_text() + "x" if lives.exists() else "x")
    if (folder / "fail").exists():
        sys.exit(int((folder / "fail").read_text()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(int((folder / "code").read_text())))
    stream = end.makefile("rw")

    def say(**said: object) -> None:
        stream.write(json.dumps(said) + "\n")
        stream.flush()

    say(listens=["http://here"], text=f"worker {number} of {count}, process {os.getpid()}\nmore\n")
    for line in stream:
        match json.loads(line):
            case {"reload": True}:
                say(loaded=[["wrong"], []] if (folder / f"refuse-{number}").exists() else [[], ["server.port"]])
            case {"tell": name, "what": what}:
                say(told=name, answer=f"{what} of {number}, {len(sockets)} sockets")
            case {"answers": _, "said": said}:
                (folder / f"answers-{number}").write_text(json.dumps(said))
            case _:
                sys.exit(9)


main(Path(sys.argv[1]), int(sys.argv[2]))
