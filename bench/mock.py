"""The upstream of measurements: says what it is told to, in three protocols, and costs next to nothing.

    POST /v1/messages · /v1/chat/completions · /v1/responses      the body names the manner, in the last user's words:
        [[say]]             a whole reply, or a stream of one word
        [[burst N]]         a stream of N words as fast as they are read
        [[paced N R]]       a stream of N words, R a second; each carries the nanosecond at which it was written
        [[silent]]          a stream that begins and says no more

Replies are made when it starts; of a request it reads where it ends and the words above.  It is no model of a model:
``stages.simulated`` is that, strict, and ten times as dear.  ``python -m bench.mock`` prints the address.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MANNER = re.compile(rb"\[\[(say|burst|paced|silent)(?: (\d+))?(?: (\d+))?\]\]")
STREAM = re.compile(rb'"stream": ?true')

Said = tuple[str, str, str]  # what comes before the words, one word with a place for its text, what comes after


def said(*events: dict[str, Any], named: bool = True) -> str:
    """Server-sent events, named by their type where a protocol does that."""
    return "".join((f"event: {event['type']}\n" if named else "") + f"data: {compact(event)}\n\n" for event in events)


def compact(value: Any) -> str:
    """*value* as JSON without blanks."""
    return json.dumps(value, separators=(",", ":"))


def messages() -> tuple[Said, bytes]:
    """The Messages API: a stream, and a whole reply."""
    usage = {"input_tokens": 25, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
    empty: dict[str, Any] = {"id": "msg_bench", "type": "message", "role": "assistant", "model": "claude-opus-4-5",
             "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
    opening = said(
        {"type": "message_start", "message": empty},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    )
    delta = said({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "%s"}})
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    ending = said(
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    whole = empty | ended | {"content": [{"type": "text", "text": "ok"}]}
    return (opening, delta, ending), compact(whole).encode()


def chat() -> tuple[Said, bytes]:
    """Chat Completions."""
    usage = {"usage": {"prompt_tokens": 25, "completion_tokens": 9, "total_tokens": 34}}

    def reply(kind: str, *choices: dict[str, Any]) -> dict[str, Any]:
        return {"id": "chatcmpl-bench", "object": kind, "created": 1_700_000_000, "model": "gpt-test",
                "choices": [{"index": 0, "finish_reason": None, **choice} for choice in choices]}  # fmt: skip

    def chunk(*choices: dict[str, Any]) -> dict[str, Any]:
        return reply("chat.completion.chunk", *choices)

    opening = said(chunk({"delta": {"role": "assistant", "content": ""}}), named=False)
    delta = said(chunk({"delta": {"content": "%s"}}), named=False)
    ending = said(chunk({"delta": {}, "finish_reason": "stop"}), chunk() | usage, named=False) + "data: [DONE]\n\n"
    message = {"message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    return (opening, delta, ending), compact(reply("chat.completion", message) | usage).encode()


def responses() -> tuple[Said, bytes]:
    """The Responses API."""
    usage = {"input_tokens": 25, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 9,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 34}  # fmt: skip
    begun = {"id": "resp_bench", "object": "response", "created_at": 1_700_000_000, "status": "in_progress",
             "error": None, "incomplete_details": None, "instructions": None, "model": "gpt-test", "output": [],
             "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": None}  # fmt: skip
    part = {"type": "output_text", "text": "", "annotations": []}
    item = {"id": "msg_bench", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    full = part | {"text": "ok"}
    done = item | {"status": "completed", "content": [full]}
    whole = begun | {"status": "completed", "output": [done], "usage": usage}
    at = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
    numbers = itertools.count()

    def event(name: str, **more: Any) -> dict[str, Any]:
        return {"type": f"response.{name}", **more, "sequence_number": next(numbers)}

    opening = said(
        event("created", response=begun),
        event("output_item.added", output_index=0, item=item),
        event("content_part.added", **at, part=part),
    )
    delta = said(event("output_text.delta", **at, delta="%s", logprobs=[]))
    ending = said(
        event("output_text.done", **at, text="ok", logprobs=[]),
        event("content_part.done", **at, part=full),
        event("output_item.done", output_index=0, item=done),
        event("completed", response=whole),
    )
    return (opening, delta, ending), compact(whole).encode()


REPLIES = {b"/v1/messages": messages(), b"/v1/chat/completions": chat(), b"/v1/responses": responses()}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: "
BURST = 50  # words in one write


class Upstream(asyncio.Protocol):
    """One connection of a client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a TCP connection's
        self._transport, self._held, self._need = transport, bytearray(), 0
        self._resume: Callable[[], None] = _nothing
        self._full = False

    def pause_writing(self) -> None:
        """The client reads no more for now."""
        self._full = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._full = False
        self._resume()

    def data_received(self, data: bytes) -> None:
        """Collect a request; answer when it is whole."""
        self._held += data
        if not self._need:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            length = LENGTH.search(self._held, 0, end + 2)
            self._need = end + 4 + (int(length[1]) if length else 0)
        if len(self._held) >= self._need:
            request, self._held, self._need = bytes(self._held[: self._need]), self._held[self._need :], 0
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        path = request.split(b" ", 2)[1].partition(b"?")[0]
        reply = REPLIES.get(path)
        if reply is None:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        (opening, delta, ending), whole = reply
        told = [match.groups() for match in MANNER.finditer(request)]
        manner, count, rate = told[-1] if told else (b"say", None, None)
        if not STREAM.search(request):
            self._transport.write(b"%bapplication/json\r\ncontent-length: %d\r\n\r\n%b" % (HEAD, len(whole), whole))
            return
        self._transport.write(b"%btext/event-stream\r\ntransfer-encoding: chunked\r\n\r\n%b" % (HEAD, chunked(opening)))
        if manner == b"silent":
            self._transport.write(chunked(delta % "a"))
        elif manner == b"paced":
            self._paced(delta, ending, int(count or 100), 1 / int(rate or 25))
        else:
            self._burst(delta, ending, int(count or 1))

    def _burst(self, delta: str, ending: str, left: int) -> None:
        """*left* words, as fast as they are read; each another, since some gateways cut off who repeats himself."""
        while left and not self._full:
            size = min(BURST, left)
            self._transport.write(chunked("".join([delta % f"word {n} " for n in range(left - size, left)])))
            left -= size
        if left:
            self._resume = lambda: self._burst(delta, ending, left)
            return
        self._resume = _nothing
        self._transport.write(chunked(ending) + b"0\r\n\r\n")

    def _paced(self, delta: str, ending: str, left: int, pause: float) -> None:
        if self._transport.is_closing():
            return
        if not left:
            self._transport.write(chunked(ending) + b"0\r\n\r\n")
            return
        self._transport.write(chunked(delta % f"t={time.monotonic_ns()} "))
        asyncio.get_running_loop().call_later(pause, self._paced, delta, ending, left - 1, pause)


def _nothing() -> None:
    """Nobody waits to write."""


def chunked(text: str) -> bytes:
    """*text* as one chunk."""
    data = text.encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


async def main() -> None:
    """Serve on a port of the system's choice, until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=8192)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
