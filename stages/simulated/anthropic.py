"""The Messages API as the simulated model speaks it: frames, whole messages, errors and heads.

    message_start ─▶ (content_block_start ─▶ delta … ─▶ content_block_stop) … ─▶ message_delta ─▶ message_stop

Written from the API's reference, not from the gateway's own encoder, so that each can be held against the other.  Ids,
counts and texts come with the Reply; nothing is decided here but form.
"""

import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from stages.simulated import signature, steps
from stages.simulated.anthropic_body import GUARD
from stages.simulated.play import CUT, Item
from stages.simulated.refusal import Refused, Usual
from stages.simulated.reply import Reply
from stages.simulated.steps import Call, Content, Filler, Redact, Say, Step, Style, Think
from transports.messages import Head, Headers

ORGANISATION = "51a7ed00-0000-4000-8000-000000000001"
DANGER = "rm -rf"  # a call with this in its input is flagged, any other is not
PIECE = 24  # characters of a tool's input in one delta
_encode = msgspec.json.Encoder().encode
_PIECES = re.compile(r"\S+\s*|\s+")

ERRORS = {
    400: Usual("invalid_request_error", "Invalid request."),
    401: Usual("authentication_error", "invalid x-api-key"),
    402: Usual("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: Usual("permission_error", "Your API key does not have permission to use the specified resource."),
    404: Usual("not_found_error", "Not found"),
    408: Usual("timeout_error", "Request timed out."),
    409: Usual("conflict_error", "The request conflicts with the current state of the resource."),
    413: Usual("request_too_large", "Request exceeds the maximum size"),
    429: Usual("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: Usual("api_error", "Internal server error"),
    504: Usual("timeout_error", "Request timed out."),
    529: Usual("overloaded_error", "Overloaded"),
}
SPENT = Usual("rate_limit_error", "You have reached your specified API usage limits.", "enforced_spend_limit_reached")
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
STRANGE = b'event: simulated_unknown\ndata: {"type":"simulated_unknown","note":"made up"}\n\n'


# -- heads and errors -------------------------------------------------------------------------------------------------


def head(status: int, media_type: str, ident: str) -> Head:
    """The start of any answer."""
    headers: Headers = [(b"content-type", media_type.encode()), (b"request-id", b"req_" + ident.encode())]
    if media_type.startswith("text/event-stream"):
        headers.append((b"cache-control", b"no-cache"))
    return Head(status, headers + _limits(int(time.time())))


@lru_cache(maxsize=2)
def _limits(now: int) -> Headers:
    """What is left of the rate limits: always nearly everything."""
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)).encode()
    limits: Headers = [(b"anthropic-organization-id", ORGANISATION.encode())]
    for name, limit in (
        (b"requests", 4000),
        (b"input-tokens", 2_000_000),
        (b"output-tokens", 400_000),
        (b"tokens", 2_400_000),
    ):
        limits.append((b"anthropic-ratelimit-%s-limit" % name, b"%d" % limit))
        limits.append(
            (b"anthropic-ratelimit-%s-remaining" % name, b"%d" % (limit - 1 if name == b"requests" else limit))
        )
        limits.append((b"anthropic-ratelimit-%s-reset" % name, until))
    return limits


def error(refused: Refused, ident: str) -> tuple[Head, bytes]:
    """The answer that tells *refused*."""
    usual = ERRORS.get(refused.status) or ERRORS[500 if refused.status >= 500 else 400]
    told: dict[str, Any] = {"type": refused.kind or usual.kind, "message": refused.message}
    if refused.code:
        told["details"] = {"error_code": refused.code}
    start = head(refused.status, "application/json", ident)
    start.headers.extend((name.encode(), value.encode()) for name, value in refused.headers)
    return start, _encode({"type": "error", "error": told, "request_id": f"req_{ident}"})


# -- counts -----------------------------------------------------------------------------------------------------------


def usage(reply: Reply, output: int | None = None) -> dict[str, Any]:
    """The counts of a reply; *output* while it has only begun."""
    counted = reply.input
    told: dict[str, Any] = {
        "input_tokens": counted.fresh,
        "cache_creation_input_tokens": counted.written,
        "cache_read_input_tokens": counted.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counted.written_5m,
            "ephemeral_1h_input_tokens": counted.written_1h,
        },
        "output_tokens": reply.output if output is None else output,
        "service_tier": "standard",
    }
    if reply.thinking and output is None:
        told["output_tokens_details"] = {"thinking_tokens": reply.thinking}
    return told


def _final(reply: Reply) -> dict[str, Any]:
    """The counts in message_delta: those that may have changed, cumulative."""
    told = usage(reply)
    return {name: value for name, value in told.items() if name not in ("service_tier", "cache_creation")}


def _message(reply: Reply, content: list[Any], counts: dict[str, Any], *, ended: bool) -> dict[str, Any]:
    return {
        "model": reply.asked.model,
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": reply.stop if ended else None,
        "stop_sequence": reply.sequence if ended else None,
        "stop_details": _details(reply) if ended else None,
        "usage": counts,
    }


def _verdicts(reply: Reply, ids: list[str]) -> dict[str, Any]:
    """What a client is told that asked for calls to be judged: *ids* are those of the calls, in their order."""
    if not reply.asked.judges:
        return {}
    calls = [step for step in reply.steps if isinstance(step, Call)]
    told = {
        ident: {"type": "evaluated", "outcome": "flagged" if DANGER in call.arguments else "not_flagged"}
        for ident, call in zip(ids, calls, strict=True)
    }
    return {"safeguard_results": [{"type": GUARD, "status": {"type": "available", "tool_uses": told}}]}


def _details(reply: Reply) -> dict[str, Any] | None:
    if reply.stop != "refusal":
        return None
    return {"type": "refusal", "category": "general_harms", "explanation": "The script says so."}


# -- whole ------------------------------------------------------------------------------------------------------------


def whole(reply: Reply) -> bytes:
    """The reply as one JSON object."""
    content: list[dict[str, Any]] = []
    fresh = True
    for step in reply.steps:
        if isinstance(step, Content):
            block = _block(reply, step, len(content))
            if block["type"] == "text" and not fresh and content and content[-1]["type"] == "text":
                content[-1]["text"] += block["text"]
            else:
                content.append(block)
        fresh = isinstance(step, steps.Split)
    verdicts = _verdicts(reply, [block["id"] for block in content if block["type"] == "tool_use"])
    return _encode(_message(reply, content, usage(reply), ended=True) | verdicts)


def _block(reply: Reply, step: Content, number: int) -> dict[str, Any]:
    match step:
        case Think(text):
            seal = signature.sign(text, reply.asked.prefix)
            return {"type": "thinking", "thinking": text if reply.asked.shows else "", "signature": seal}
        case Redact():
            return {"type": "redacted_thinking", "data": signature.sign("", reply.asked.prefix)}
        case Call(name, arguments):
            return {"type": "tool_use", "id": call_id(reply, number), "name": name, "input": _input(arguments)}
        case Say() | Filler():
            return {"type": "text", "text": step.text}
        case _:
            raise TypeError(step)


def call_id(reply: Reply, number: int) -> str:
    """The id of the call in block *number*."""
    return f"toolu_{reply.id}{number:02d}"


def _input(arguments: str) -> Any:
    """A tool's input; nothing if it was cut off or broken, as a whole reply can only hold an object."""
    try:
        return msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return {}


# -- streamed ---------------------------------------------------------------------------------------------------------


def frame(name: str, fields: dict[str, Any]) -> bytes:
    """One event of a stream."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _encode({"type": name, **fields}))


def _delta(index: int, kind: str, field: str, piece: str) -> bytes:
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":%s}}\n\n'
        % (index, kind.encode(), field.encode(), _encode(piece))
    )


@lru_cache(maxsize=64)
def _period(index: int, piece: int) -> list[bytes]:
    """The frames of a Filler's pieces until they repeat."""
    return [_delta(index, "text_delta", "text", text) for text in Filler(0, piece).period()]


def frames(reply: Reply, _style: Style) -> Iterator[Item]:
    """The reply as frames and silences.  Without message_start if an error is the first thing said."""
    writer = _Writer(reply)
    if not reply.steps or not isinstance(reply.steps[0], steps.Fail):
        yield [frame("message_start", {"message": _message(reply, [], usage(reply, 1), ended=False)})]
    for step in reply.steps:
        if isinstance(step, steps.Wait):
            yield step
        elif isinstance(step, steps.Cut):
            yield CUT
        elif isinstance(step, Filler):
            yield from writer.fill(step)
        else:
            yield writer.play(step)
        if isinstance(step, steps.Ending):
            return
    delta: dict[str, Any] = {
        "stop_reason": reply.stop,
        "stop_sequence": reply.sequence,
        "stop_details": _details(reply),
    }
    delta |= _verdicts(reply, writer.calls)
    yield [*writer.close(), frame("message_delta", {"delta": delta, "usage": _final(reply)}), frame("message_stop", {})]


class _Writer:
    """The blocks of one stream: which is open, and what closes it."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.index = -1
        self.kind = ""  # of the block that is open
        self.seal = ""  # the signature that a thought ends with
        self.calls: list[str] = []  # their ids
        self._table: dict[type[Step], Callable[[Any], list[bytes]]] = {
            Say: self._say,
            steps.Refuse: self._say,
            Think: self._think,
            Redact: self._redact,
            Call: self._call,
            steps.Split: lambda _: self.close(),
            steps.Ping: lambda _: [PING],
            steps.Strange: lambda _: [STRANGE],
            steps.Fail: self._fail,
            steps.Eof: lambda _: [],
        }

    def play(self, step: Step) -> list[bytes]:
        """The frames of *step*."""
        return self._table[type(step)](step)

    def close(self) -> list[bytes]:
        """End the block that is open, if any."""
        if not self.kind:
            return []
        ending = [frame("content_block_stop", {"index": self.index})]
        if self.seal:
            delta = {"type": "signature_delta", "signature": self.seal}
            ending.insert(0, frame("content_block_delta", {"index": self.index, "delta": delta}))
        self.kind = self.seal = ""
        return ending

    def _open(self, kind: str, **fields: Any) -> list[bytes]:
        """Begin a block of *kind*; the first is followed by a ping, as the server does."""
        begun = self.close()
        self.kind, self.index = kind, self.index + 1
        block = {"type": kind, **fields}
        begun.append(frame("content_block_start", {"index": self.index, "content_block": block}))
        return begun if self.index else [*begun, PING]

    def _say(self, step: Say) -> list[bytes]:
        begun = [] if self.kind == "text" else self._open("text", text="")
        return begun + [_delta(self.index, "text_delta", "text", piece) for piece in _PIECES.findall(step.text)]

    def fill(self, step: Filler) -> Iterator[list[bytes]]:
        """The frames of a Filler, some hundreds at a time."""
        if self.kind != "text":
            yield self._open("text", text="")
        period = _period(self.index, step.piece)
        whole, rest = step.split()
        batch = period * (256 // len(period) or 1)
        for _ in range(whole // len(batch)):
            yield batch
        yield batch[: whole % len(batch)]
        if rest:
            yield [_delta(self.index, "text_delta", "text", rest)]

    def _think(self, step: Think) -> list[bytes]:
        begun = self._open("thinking", thinking="", signature="")
        self.seal = signature.sign(step.text, self.reply.asked.prefix)
        pieces = _PIECES.findall(step.text) if self.reply.asked.shows else ()
        return begun + [_delta(self.index, "thinking_delta", "thinking", piece) for piece in pieces]

    def _redact(self, step: Redact) -> list[bytes]:
        return self._open("redacted_thinking", data=signature.sign("", self.reply.asked.prefix))

    def _call(self, step: Call) -> list[bytes]:
        self.calls.append(call_id(self.reply, self.index + 1))
        begun = self._open("tool_use", id=self.calls[-1], name=step.name, input={})
        text = step.arguments
        pieces = ["", *(text[at : at + PIECE] for at in range(0, len(text), PIECE))]
        return begun + [_delta(self.index, "input_json_delta", "partial_json", piece) for piece in pieces]

    def _fail(self, step: steps.Fail) -> list[bytes]:
        usual = next((row for row in ERRORS.values() if row.kind == step.kind), ERRORS[500])
        told = {"type": step.kind, "message": step.message or usual.message}
        return [frame("error", {"error": told, "request_id": f"req_{self.reply.id}"})]
