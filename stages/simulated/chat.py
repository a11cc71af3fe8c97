"""Chat Completions as the simulated model speaks it: chunks, whole completions, errors and heads.

    role ─▶ reasoning_content … ─▶ content … ─▶ tool_calls … ─▶ finish_reason ─▶ usage if asked for ─▶ [DONE]

Written from the API's reference, not from the gateway's own encoder, so that each can be held against the other.  What
only compatible servers send (``reasoning_content``, ``reasoning_details``) is sent for every model here.
"""

import re
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import attrs
import msgspec

from stages.simulated import signature, steps
from stages.simulated.play import CUT, Item
from stages.simulated.refusal import Refused, Usual
from stages.simulated.reply import Reply
from stages.simulated.steps import Call, Filler, Redact, Refuse, Say, Step, Style, Think
from transports.messages import Head, Headers

PIECE = 24  # characters of a call's arguments in one chunk
FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
    "pause_turn": "stop",
}
DONE = b"data: [DONE]\n\n"
PING = b": keep-alive\n\n"
STRANGE = b'data: {"id":"simulated","object":"simulated.unknown","choices":[],"note":"made up"}\n\n'
_encode = msgspec.json.Encoder().encode
_PIECES = re.compile(r"\S+\s*|\s+")
_REQUEST = "invalid_request_error"

ERRORS = {
    400: Usual(_REQUEST, "Invalid request."),
    401: Usual(_REQUEST, "Incorrect API key provided.", "invalid_api_key"),
    403: Usual(_REQUEST, "You do not have access to this resource.", "permission_denied"),
    404: Usual(_REQUEST, "Not found", "not_found"),
    409: Usual(_REQUEST, "The request conflicts with the current state of the resource."),
    413: Usual(_REQUEST, "The request is too large."),
    422: Usual(_REQUEST, "Unprocessable request."),
    429: Usual("requests", "Rate limit reached for requests. Please try again later.", "rate_limit_exceeded"),
    500: Usual("server_error", "The server had an error while processing your request. Sorry about that!"),
    503: Usual("server_error", "The engine is currently overloaded, please try again later", "server_is_overloaded"),
    504: Usual("server_error", "The request timed out.", "timeout"),
    529: Usual("server_error", "The engine is currently overloaded, please try again later", "server_is_overloaded"),
}
SPENT = Usual(
    "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
)


# -- heads and errors -------------------------------------------------------------------------------------------------

_ALWAYS: Headers = [
    (b"openai-organization", b"simulated"),
    (b"openai-version", b"2020-10-01"),
    (b"openai-processing-ms", b"1"),
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
    (b"x-ratelimit-remaining-tokens", b"1999000"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-reset-tokens", b"1s"),
]


def head(status: int, media_type: str, ident: str) -> Head:
    """The start of any answer."""
    return Head(status, [(b"content-type", media_type.encode()), (b"x-request-id", b"req_" + ident.encode()), *_ALWAYS])


def error(refused: Refused, ident: str) -> tuple[Head, bytes]:
    """The answer that tells *refused*."""
    usual = ERRORS.get(refused.status) or ERRORS[500 if refused.status >= 500 else 400]
    start = head(refused.status, "application/json", ident)
    start.headers.extend((name.encode(), value.encode()) for name, value in refused.headers)
    kind, code = refused.kind or usual.kind, refused.code or None
    return start, _encode({"error": {"message": refused.message, "type": kind, "param": refused.param, "code": code}})


# -- counts -----------------------------------------------------------------------------------------------------------


def usage(reply: Reply) -> dict[str, Any]:
    """The counts of a reply, with everything cached inside ``prompt_tokens``."""
    counted, output = reply.input, reply.output * reply.asked.choices
    return {
        "prompt_tokens": counted.total,
        "completion_tokens": output,
        "total_tokens": counted.total + output,
        "prompt_tokens_details": {
            "cached_tokens": counted.read,
            "cache_write_tokens": counted.written if reply.asked.writes else 0,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": reply.thinking * reply.asked.choices,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _finish(reply: Reply) -> str:
    """Why it ends; a refusal in words stands in a field of its own and is no reason."""
    if reply.stop == "refusal" and any(isinstance(step, Refuse) for step in reply.steps):
        return "stop"
    return FINISH.get(reply.stop, reply.stop)


def call_id(reply: Reply, choice: int, number: int) -> str:
    """The id of call *number* of a choice."""
    return f"call_{reply.id}{choice:02d}{number:02d}"


# -- whole ------------------------------------------------------------------------------------------------------------


def whole(reply: Reply) -> bytes:
    """The reply as one JSON object."""
    choices = [
        {"index": n, "message": _message(reply, n), "logprobs": None, "finish_reason": _finish(reply)}
        for n in range(reply.asked.choices)
    ]
    return _encode(
        {
            "id": f"chatcmpl-{reply.id}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": reply.asked.model,
            "choices": choices,
            "usage": usage(reply),
            "service_tier": "default",
            "system_fingerprint": "fp_simulated",
        }
    )


def _message(reply: Reply, choice: int) -> dict[str, Any]:
    content = reply.content
    refusals = [step.text for step in content if isinstance(step, Refuse)]
    words = [step.text for step in content if isinstance(step, Say | Filler) and not isinstance(step, Think | Refuse)]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(words) if words else None}
    message["refusal"] = "".join(refusals) if refusals else None
    if thoughts := [step.text for step in content if isinstance(step, Think)]:
        message["reasoning_content"] = "".join(thoughts)
    if hidden := [step for step in content if isinstance(step, Redact)]:
        message["reasoning_details"] = [_hidden(n) for n in range(len(hidden))]
    if calls := [step for step in content if isinstance(step, Call)]:
        message["tool_calls"] = [_call(reply, choice, n, step.name, step.arguments) for n, step in enumerate(calls)]
    return message


def _call(reply: Reply, choice: int, number: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id(reply, choice, number), "type": "function", "function": function}


def _hidden(number: int) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": signature.sign(""), "id": f"rs_{number}", "index": number}


# -- streamed ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Braid(Step):
    """Calls whose fragments alternate."""

    calls: tuple[Call, ...]


def _braided(said: list[Step]) -> list[Step]:
    """*said* with neighbouring calls as one step."""
    together: list[Step] = []
    for is_call, group in groupby(said, key=lambda step: isinstance(step, Call)):
        found = list(group)
        together += [_Braid(tuple(step for step in found if isinstance(step, Call)))] if is_call else found
    return together


def frames(reply: Reply, style: Style) -> Iterator[Item]:
    """The reply as frames and silences, one choice after the other.  Without a role if an error is said first."""
    lines = _Lines(reply)
    said = _braided(reply.steps) if style.interleave else reply.steps
    for choice in range(reply.asked.choices):
        speaker = _Speaker(reply, lines, choice)
        if not said or not isinstance(said[0], steps.Fail):
            yield [speaker.role()]
        for step in said:
            if isinstance(step, steps.Wait):
                yield step
            elif isinstance(step, steps.Cut):
                yield CUT
            elif isinstance(step, Filler):
                yield from speaker.fill(step)
            else:
                yield speaker.play(step)
            if isinstance(step, steps.Ending):
                return
        yield [lines.chunk(choice, b"{}", _finish(reply))]
    counts = [lines.counts(usage(reply))] if reply.asked.tells_usage else []
    yield [*counts, DONE]


class _Lines:
    """What every chunk of one stream has in common."""

    def __init__(self, reply: Reply) -> None:
        model = _encode(reply.asked.model)
        self._begin = (
            b'data: {"id":"chatcmpl-%s","object":"chat.completion.chunk","created":%d,"model":%s,'
            b'"service_tier":"default","system_fingerprint":"fp_simulated","choices":['
            % (reply.id.encode(), int(time.time()), model)
        )
        self._end = b'],"usage":null}\n\n' if reply.asked.tells_usage else b"]}\n\n"

    def chunk(self, choice: int, delta: bytes, finish: str | None = None) -> bytes:
        """One chunk with *delta*, a JSON object."""
        reason = _encode(finish)
        middle = b'{"index":%d,"delta":%s,"logprobs":null,"finish_reason":%s}' % (choice, delta, reason)
        return self._begin + middle + self._end

    def counts(self, told: dict[str, Any]) -> bytes:
        """The chunk that has no choices, only usage."""
        return self._begin + b'],"usage":%s}\n\n' % _encode(told)


class _Speaker:
    """One choice of a stream."""

    def __init__(self, reply: Reply, lines: _Lines, choice: int) -> None:
        self.reply = reply
        self.lines = lines
        self.choice = choice
        self.calls = 0
        self.hidden = 0
        self._table: dict[type[Step], Callable[[Any], list[bytes]]] = {
            Say: lambda step: self._text("content", step),
            Think: lambda step: self._text("reasoning_content", step),
            Refuse: lambda step: self._text("refusal", step),
            Redact: self._redact,
            Call: self._call,
            _Braid: self._braid,
            steps.Ping: lambda _: [PING],
            steps.Strange: lambda _: [STRANGE],
            steps.Fail: self._fail,
        }

    def role(self) -> bytes:
        """The first chunk."""
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def play(self, step: Step) -> list[bytes]:
        """The frames of *step*; none for what this dialect has no form for."""
        play = self._table.get(type(step))
        return play(step) if play else []

    def fill(self, step: Filler) -> Iterator[list[bytes]]:
        """The frames of a Filler, some hundreds at a time."""
        period = [self._chunk({"content": text}) for text in step.period()]
        whole, rest = step.split()
        batch = period * (256 // len(period) or 1)
        for _ in range(whole // len(batch)):
            yield batch
        yield batch[: whole % len(batch)]
        if rest:
            yield [self._chunk({"content": rest})]

    def _chunk(self, delta: dict[str, Any]) -> bytes:
        return self.lines.chunk(self.choice, _encode(delta))

    def _text(self, field: str, step: Say) -> list[bytes]:
        return [self._chunk({field: piece}) for piece in _PIECES.findall(step.text)]

    def _redact(self, step: Redact) -> list[bytes]:
        self.hidden += 1
        return [self._chunk({"reasoning_details": [_hidden(self.hidden - 1)]})]

    def _call(self, step: Call) -> list[bytes]:
        number, text = self.calls, step.arguments
        self.calls += 1
        begun = {"index": number, **_call(self.reply, self.choice, number, step.name, "")}
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        more = [{"index": number, "function": {"arguments": piece}} for piece in pieces]
        return [self._chunk({"tool_calls": [fragment]}) for fragment in (begun, *more)]

    def _braid(self, step: _Braid) -> list[bytes]:
        strands = [self._call(call) for call in step.calls]
        longest = max(map(len, strands))
        return [strand[n] for n in range(longest) for strand in strands if n < len(strand)]

    def _fail(self, step: steps.Fail) -> list[bytes]:
        usual = next((row for row in ERRORS.values() if step.kind in (row.kind, row.code)), ERRORS[500])
        told = {"message": step.message or usual.message, "type": step.kind, "param": None, "code": usual.code or None}
        return [b"data: %s\n\n" % _encode({"error": told})]
