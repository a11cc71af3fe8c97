"""Notify: tell the service manager how far we are (sd_notify(3)), where one listens.

READY=1 when requests are answered, RELOADING=1 while the configuration is read anew, STOPPING=1 when the drain begins.
"""

import os
import socket
import time


def notify(*said: str) -> None:
    """Send *said* to the manager that started this process; nothing happens where there is none."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto("\n".join(said).encode(), address)
        except OSError:
            return  # a manager that has gone has nothing to learn


def reloading() -> None:
    """Say that a reload has begun; ``notify("READY=1")`` ends it (Type=notify-reload asks for the moment)."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
