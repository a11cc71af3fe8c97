"""Voices: the dialects a simulated model speaks, by name.

A voice is what the server needs of a dialect.  Another one is another row here, with its own files beside this one.
"""

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from stages.simulated import (
    anthropic,
    anthropic_door,
    anthropic_lists,
    chat,
    chat_door,
    chat_lists,
    responses,
    responses_door,
    responses_lists,
)
from stages.simulated.asked import Asked
from stages.simulated.play import Item
from stages.simulated.question import Question
from stages.simulated.refusal import Refused, Usual
from stages.simulated.reply import Reply
from stages.simulated.steps import Style
from transports.messages import Head, Request

Understand = Callable[[bytes, Request, bool], Asked]


@attrs.frozen(kw_only=True)
class Voice:
    """One dialect."""

    path: str  # where replies are asked for
    understand: Understand  # body, request, strict → what is asked; raises Refused
    answer: Callable[[Question], Any]  # everything else: bytes, or what becomes JSON; raises Refused
    head: Callable[[int, str, str], Head]  # status, media type, id
    frames: Callable[[Reply, Style], Iterator[Item]]
    whole: Callable[[Reply], bytes]
    error: Callable[[Refused, str], tuple[Head, bytes]]
    overflow: Callable[[Asked], Refused]
    usual: dict[int, Usual]  # what a status says
    spent: Usual  # what is said when the money is gone, with 429
    ping: bytes
    nobody: str  # what is said to a caller without a key
    stranger: str  # and to one with another key
    fails: bool = False  # a whole reply may say of itself that it failed


NOBODY = "You didn't provide an API key. You need to provide your API key in an Authorization header."
STRANGER = "Incorrect API key provided."

VOICES = {
    "anthropic": Voice(
        path="/v1/messages",
        understand=anthropic_door.understand,
        answer=anthropic_lists.answer,
        head=anthropic.head,
        frames=anthropic.frames,
        whole=anthropic.whole,
        error=anthropic.error,
        overflow=anthropic_door.overflow,
        usual=anthropic.ERRORS,
        spent=anthropic.SPENT,
        ping=anthropic.PING,
        nobody="x-api-key header is required",
        stranger="invalid x-api-key",
    ),
    "chat": Voice(
        path="/v1/chat/completions",
        understand=chat_door.understand,
        answer=chat_lists.answer,
        head=chat.head,
        frames=chat.frames,
        whole=chat.whole,
        error=chat.error,
        overflow=chat_door.overflow,
        usual=chat.ERRORS,
        spent=chat.SPENT,
        ping=chat.PING,
        nobody=NOBODY,
        stranger=STRANGER,
    ),
    "responses": Voice(
        path="/v1/responses",
        understand=responses_door.understand,
        answer=responses_lists.answer,
        head=responses.head,
        frames=responses.frames,
        whole=responses.whole,
        error=responses.error,
        overflow=responses_door.overflow,
        usual=chat.ERRORS,
        spent=chat.SPENT,
        ping=b"",  # numbered like every event: the frames bring their own
        nobody=NOBODY,
        stranger=STRANGER,
        fails=True,
    ),
}
