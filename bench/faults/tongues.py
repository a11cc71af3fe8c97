"""Tongues: the little that a fault must know of a dialect to spoil what is said in it.

Which frame holds a word, which one ends the reply, how an error is told in the middle of a stream, and what the fields
are called.  One row for each dialect; written from the vendors' references, not from the gateway's decoders.
"""

import json
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Tongue:
    """One dialect."""

    word: bytes  # in every frame that holds a piece of the text
    ending: tuple[bytes, ...]  # one of them is in each frame that ends a reply
    text: tuple[str, ...]  # the fields that hold words, in streams and whole replies
    blocks: tuple[str, ...]  # the fields that hold the list of what was said
    stops: tuple[str, ...]  # the fields that say why a reply ended
    failing: bytes  # the frame of an error in the stream
    failed: Any  # a whole body, of status 200, that is an error
    ping: bytes  # a frame that only shows that there is more to come
    thought: bytes  # the text of a frame that holds a thought; ``{}`` in place of its words

    def ends(self, part: bytes) -> bool:
        """Whether *part* belongs to the end of a reply."""
        return any(mark in part for mark in self.ending)


def frame(name: str, value: Any) -> bytes:
    """A frame called *name* (or ``""``) with the JSON of *value*."""
    event = f"event: {name}\n" if name else ""
    return f"{event}data: {json.dumps(value)}\n\n".encode()


_OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
_SERVER = {"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": "500"}}
_FAILED = {"type": "error", "code": "server_error", "message": "It failed", "param": None, "sequence_number": 3}

TONGUES = {
    "anthropic": Tongue(
        word=b"text_delta",
        ending=(b"event: message_delta", b"event: message_stop"),
        text=("text",),
        blocks=("content",),
        stops=("stop_reason",),
        failing=frame("error", _OVERLOADED),
        failed=_OVERLOADED,
        ping=frame("ping", {"type": "ping"}),
        thought=frame(
            "content_block_delta",
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm "}},
        ),
    ),
    "chat": Tongue(
        word=b'"delta":{"content":"',
        ending=(b'"finish_reason":"', b'"choices":[],"usage":{', b"data: [DONE]"),
        text=("content",),
        blocks=("choices",),
        stops=("finish_reason",),
        failing=frame("", _SERVER),
        failed=_SERVER,
        ping=b": keep-alive\n\n",
        thought=frame(
            "",
            {
                "id": "chatcmpl-0123456789abcdef01234567",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "delta": {"reasoning_content": "hm "}, "finish_reason": None}],
            },
        ),
    ),
    "responses": Tongue(
        word=b"response.output_text.delta",
        ending=(b"event: response.completed",),
        text=("delta", "text"),
        blocks=("output", "content"),
        stops=("status",),
        failing=frame("error", _FAILED),
        failed=_SERVER,
        ping=frame("keepalive", {"type": "keepalive", "sequence_number": 3}),
        thought=frame(
            "response.reasoning_summary_text.delta",
            {
                "type": "response.reasoning_summary_text.delta",
                "sequence_number": 5,
                "item_id": "rs_0123456789abcdef0123456700",
                "output_index": 0,
                "summary_index": 0,
                "delta": "hm ",
            },
        ),
    ),
}
