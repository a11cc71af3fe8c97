"""The worker: answers what comes in on stdin, ends with it."""

import io
import subprocess
import sys

import pytest

from stages.tokens.clerk import COMMAND, ROOT
from stages.tokens.weight import Weight
from stages.tokens.worker import encode, framed, told, work


def characters(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


def answers(data: bytes) -> list[list[Weight]]:
    """The answers in what a worker wrote."""
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        found.append(told.decode(data[4 : 4 + size]))
        data = data[4 + size :]
    return found


def test_each_job_has_its_answer() -> None:
    """In order, a weight for each unit; an empty job too."""
    jobs = [[("turn", b'"four"'), ("text", b'"x"')], [], [("turn", b"not JSON")]]
    outlet = io.BytesIO()
    work(io.BytesIO(b"".join(framed(encode(job)) for job in jobs)), outlet, characters)
    assert answers(outlet.getvalue()) == [
        [Weight(words=4, asks=True), Weight(words=1)],
        [],
        [Weight(words=8)],
    ]


@pytest.mark.parametrize("cut", [1, 3])
def test_it_ends_when_its_stdin_does(cut: int) -> None:
    """Also in the middle of a length."""
    outlet = io.BytesIO()
    work(io.BytesIO(framed(b"")[:cut]), outlet, characters)
    assert outlet.getvalue() == b""


def test_the_program_weighs() -> None:
    """The real one: started, asked, ended by the end of its stdin."""
    pytest.importorskip("toktok")
    given = framed(encode([("turn", b'{"role":"user","content":"hello world"}')]))
    done = subprocess.run(COMMAND, cwd=ROOT, input=given, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert answers(done.stdout) == [[Weight(words=2, asks=True)]]


def test_without_a_tokenizer_it_ends_at_once() -> None:
    """With an exit code of its own."""
    program = "import sys; sys.modules['toktok'] = None; from stages.tokens.worker import main; main()"
    assert (
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, stdin=subprocess.DEVNULL).returncode == 3
    )
