"""An upstream over HTTP/2: the same answers, one connection, and nobody writes for a client that has gone."""

import json
from pathlib import Path

import trio

from tests.e2e.house import Wire, house


def asked(text: str, *, stream: bool) -> bytes:
    message = {"role": "user", "content": text}
    return json.dumps({"model": "m", "max_tokens": 1000, "stream": stream, "messages": [message]}).encode()


async def test_replies_come_as_they_do_over_http1(tmp_path: Path) -> None:
    """Whole and streamed, many at once."""
    async with house(tmp_path, upstream="http2 = true") as found:

        async def ask(number: int) -> None:
            async with Wire(found.port) as wire:
                await wire.post("/v1/messages", asked(f"[[say word{number}]]", stream=number % 2 == 0))
                answer = await wire.answer()
                assert answer.status == 200
                assert answer.whole
                assert f"word{number}".encode() in answer.body

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ask, number)
        assert {seen.version for seen in found.model.seen} == {"2"}
        assert len(await found.records(20)) == 20


async def test_a_client_that_leaves_takes_its_stream_along(tmp_path: Path) -> None:
    """The upstream learns of it at once, and the others go on."""
    async with house(tmp_path, upstream="http2 = true") as found, Wire(found.port) as stays:
        await stays.post("/v1/messages", asked("[[say early]] [[wait 0.5]] [[say tardy]]", stream=True))
        async with Wire(found.port) as leaves:
            await leaves.post("/v1/messages", asked("[[say early]] [[wait 30]] [[say never]]", stream=True))
            await leaves.until(b"early")
        with trio.fail_after(1):
            await found.model.seen[1].over.wait()
        assert found.model.seen[1].ended == "left"
        answer = await stays.answer()
        assert answer.whole
        assert b"tardy" in answer.body
