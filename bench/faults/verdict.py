"""The verdict: whether what a client got is something its protocol has, by the vendors' own types.

    status >= 400                 the protocol's error, as its API tells it
    200, ends well                the protocol's terminal event, once and last; or one whole reply
    200, ends in an error         the protocol's error event, once and last; no success is claimed
    anything else                 wrong

What went from one protocol to another was written here, and must be the vendor's types to the letter.  What stayed in
one may hold whatever the upstream put there: then head, frames and end are looked at.
"""

import json
import re
import zlib
from collections.abc import Callable
from typing import Any

import anthropic.types as messages
from openai.types import chat
from openai.types.responses import Response
from pydantic import ValidationError

from bench.faults.asking import Heard
from stages.dialects.sse import Frames
from tests.dialects import anthropic_oracle, responses_oracle
from tests.dialects.chat_replies import payloads

MOST = 1 << 20  # bytes that an error may inflate to
MARK = re.compile(rb"mark-\d{6}")


class Wrong(Exception):
    """What a client got is not of its protocol; the text says why."""


def ended(heard: Heard, dialect: str, *, stream: bool, translated: bool, mark: str) -> bool:
    """Whether what was *heard* ended well; False: in an error, properly told.  Raises Wrong."""
    if heard.broken or not heard.whole:
        raise Wrong(heard.broken or "the answer did not end as HTTP says")
    if others := {found for found in MARK.findall(heard.body) if found.decode() != mark}:
        raise Wrong(f"the reply to another request: {others}")
    try:
        if heard.status >= 400:
            refused(heard, dialect)
            return False
        if heard.status != 200:
            raise Wrong(f"status {heard.status}")
        if stream:
            return STREAMS[dialect](heard.body, translated)
        WHOLES[dialect](json.loads(heard.body), translated)
    except (ValidationError, ValueError, AssertionError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Wrong(f"{type(error).__name__}: {str(error)[:300]} in {heard.body[-300:]!r}") from error
    return True


# -- errors -----------------------------------------------------------------------------------------------------------


def refused(heard: Heard, dialect: str) -> None:
    """An error as the API tells it: JSON of its shape, and saying something."""
    if not heard.media.startswith("application/json"):
        raise Wrong(f"an error of type {heard.media!r}: {heard.body[:100]!r}")
    told = json.loads(plain(heard))
    error_object(told["error"])
    if dialect == "anthropic":
        assert isinstance(told["error"]["type"], str)  # noqa: S101  # what is not so is Wrong
    if heard.status == 500 and b"internal error" in heard.body:
        raise Wrong("a bug of ours")


def plain(heard: Heard) -> bytes:
    """The body without its content coding, as every client reads it; bounded."""
    return zlib.decompressobj(47).decompress(heard.body, MOST) if heard.coding == "gzip" else heard.body


def error_object(error: Any) -> None:
    """What the three have in common; their kinds of error are an open set, which the vendors' types do not cover."""
    assert isinstance(error["message"], str)  # noqa: S101
    assert isinstance(error.get("type"), str | None)  # noqa: S101
    assert isinstance(error.get("code"), str | int | None)  # noqa: S101


# -- streams ----------------------------------------------------------------------------------------------------------


def messages_stream(body: bytes, translated: bool) -> bool:
    """Messages: message_stop or error, once, last."""
    names = [name for _, name, data in Frames(limit=1 << 30).feed(body) if data]
    ends = [name for name in names if name in (b"message_stop", b"error")]
    if len(ends) != 1 or names[-1] not in ends:
        raise Wrong(f"it ends with {names[-3:]}, {len(ends)} ends")
    if ends == [b"error"]:
        error_object(json.loads(frames_of(body)[-1].partition(b"data: ")[2])["error"])
    if translated:  # but for the error, whose kinds are an open set
        anthropic_oracle.check_stream(body if ends == [b"message_stop"] else b"".join(frames_of(body)[:-1]))
    return ends == [b"message_stop"]


def chat_stream(body: bytes, translated: bool) -> bool:
    """Chat: [DONE] after a reason to end, or an error, last."""
    said = payloads(body) if translated else [loosely(data) for _, _, data in Frames(limit=1 << 30).feed(body) if data]
    failing = [each for each in said if isinstance(each, dict) and each.get("error")]
    if failing:
        if said[-1] == "[DONE]":
            said.pop()
        if said[-1] is not failing[0]:
            raise Wrong(f"it goes on after its error: {said[-1]}")
        error_object(failing[0]["error"])
    elif said[-1] != "[DONE]":
        raise Wrong(f"it ends with {said[-1]}")
    if translated:
        for each in said:
            if each != "[DONE]" and each not in failing:
                chat.ChatCompletionChunk.model_validate(each, strict=True)
    return not failing


def loosely(data: bytes) -> Any:
    """What is in a frame; None for what nobody can read, which the upstream put there."""
    try:
        return "[DONE]" if data == b"[DONE]" else json.loads(data)
    except (ValueError, RecursionError):
        return None


def responses_stream(body: bytes, translated: bool) -> bool:
    """Responses: completed, incomplete, failed or error, once, last."""
    said = [loosely(data) for _, _, data in Frames(limit=1 << 30).feed(body) if data]
    kinds = [each.get("type") if isinstance(each, dict) else None for each in said]
    called = [name.decode() for _, name, data in Frames(limit=1 << 30).feed(body) if data]
    names = [kind if isinstance(kind, str) else name for kind, name in zip(kinds, called, strict=True)]
    good, bad = ("response.completed", "response.incomplete"), ("response.failed", "error")
    ends = [name for name in names if name in good + bad]
    if len(ends) != 1 or names[-1] not in ends:
        raise Wrong(f"it ends with {names[-3:]}, {len(ends)} ends")
    if translated:
        responses_oracle.check_stream(body, gaps=True)
    elif ends[0] in bad:
        responses_oracle.check_stream(frames_of(body)[-1], gaps=True)
    return ends[0] in good


def frames_of(body: bytes) -> list[bytes]:
    """The frames of *body* that hold data, as they came."""
    return [raw for raw, _, data in Frames(limit=1 << 30).feed(body) if data]


# -- whole replies ----------------------------------------------------------------------------------------------------


def messages_whole(body: Any, translated: bool) -> None:
    """One message."""
    assert isinstance(body, dict)  # noqa: S101  # what is not so is Wrong
    assert "error" not in body  # noqa: S101
    if translated:
        messages.Message.model_validate(body, strict=True)


def chat_whole(body: Any, translated: bool) -> None:
    """One completion."""
    assert isinstance(body, dict)  # noqa: S101
    assert not body.get("error")  # noqa: S101
    if translated:
        chat.ChatCompletion.model_validate(body, strict=True)


def responses_whole(body: Any, translated: bool) -> None:
    """One response."""
    assert isinstance(body, dict)  # noqa: S101
    assert not body.get("error")  # noqa: S101
    if translated:
        Response.model_validate(body, strict=True)
        responses_oracle.check_body(body)


STREAMS: dict[str, Callable[[bytes, bool], bool]] = {
    "anthropic": messages_stream,
    "chat": chat_stream,
    "responses": responses_stream,
}
WHOLES: dict[str, Callable[[Any, bool], None]] = {
    "anthropic": messages_whole,
    "chat": chat_whole,
    "responses": responses_whole,
}
