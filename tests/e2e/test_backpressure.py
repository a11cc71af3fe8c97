"""Backpressure over real sockets: a reader that sleeps stops the upstream, and memory stays where it was."""

import json
import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.programs import started
from tests.e2e.running import running

MEGABYTE = 1024 * 1024
PATHS = {"anthropic": "/v1/messages", "chat": "/v1/chat/completions"}


def resident(pid: int) -> int:
    """Resident memory of process *pid*, in bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(("asks", "answers"), [("anthropic", "anthropic"), ("chat", "anthropic")])
def test_two_hundred_megabytes_for_a_client_that_sleeps(tmp_path: Path, asks: str, answers: str) -> None:
    """Four streams of 200 MB each: what piles up in the gateway is bounded, and the bytes still come when asked for."""
    script = "[[size 50000000]] " * 4
    body = {"model": "m", "max_tokens": 100_000_000, "stream": True, "messages": [{"role": "user", "content": script}]}
    sent = json.dumps(body).encode()
    mark = "anthropic-version: 2023-06-01\r\n" if asks == "anthropic" else ""
    head = f"POST {PATHS[asks]} HTTP/1.1\r\nhost: localhost\r\n{mark}content-length: {len(sent)}\r\n\r\n"
    model = started("model", [sys.executable, "-m", "stages.simulated", "--dialect", answers, "--lenient"])
    with model as upstream:
        up = f'[upstreams.big]\ndialect = "{answers}"\nurl = "http://127.0.0.1:{upstream.port}"\nkey = "k"\n'
        text = f'[server]\nport = 0\n{up}[meter]\nledger = "{tmp_path}/usage.jsonl"\n'
        with running(tmp_path, text=text) as gateway:
            with socket.create_connection(("127.0.0.1", gateway.port)) as warm:
                warm.sendall(head.encode() + sent)
                assert warm.recv(65536)
            time.sleep(0.3)
            before = resident(gateway.process.pid)
            with ExitStack() as exits:
                clients = [exits.enter_context(socket.create_connection(("127.0.0.1", gateway.port))) for _ in range(4)]
                for client in clients:
                    client.sendall(head.encode() + sent)
                    assert client.recv(1000).startswith(b"HTTP/1.1 200")
                time.sleep(2)
                held = resident(gateway.process.pid) - before
                assert held < 4 * MEGABYTE, f"{held / MEGABYTE:.1f} MB held for four streams"
                taken = 0
                clients[0].settimeout(10)
                while taken < 60 * MEGABYTE:
                    data = clients[0].recv(MEGABYTE)
                    assert data
                    taken += len(data)
                # What has passed has not stayed; a few MB are the allocator's, which was asked for 60 in pieces.
                assert resident(gateway.process.pid) - before < 12 * MEGABYTE
            assert len(gateway.records(wait_for=5)) == 5
