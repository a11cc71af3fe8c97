"""The Responses API as the simulated model speaks it: events, whole responses, and how they end.

    response.created ─▶ in_progress ─▶ (output_item.added ─▶ parts ─▶ deltas ─▶ output_item.done) … ─▶ completed

Written from the API's reference, not from the gateway's own encoder, so that each can be held against the other.  Both
forms come from the same items: a whole response is what a stream has gathered by its end.  Every event bears the next
number.  Heads and errors with a status are those of Chat Completions: it is the same server.
"""

import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any

import msgspec

from stages.simulated import chat, families, steps
from stages.simulated.play import CUT, Item
from stages.simulated.reply import Reply
from stages.simulated.responses_body import Wanted
from stages.simulated.responses_items import Braid, Event, Fields, Items, Manners
from stages.simulated.steps import Call, Filler, Refuse, Step, Style

COMPLETED = ("end_turn", "tool_use", "stop_sequence", "pause_turn")
REASONS = {  # why a response is incomplete, by the stop in the words of the Messages API; others as they are
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}
_encode = msgspec.json.Encoder().encode

head, error = chat.head, chat.error


# -- the response -----------------------------------------------------------------------------------------------------


def usage(reply: Reply) -> Fields:
    """The counts of a reply, with everything cached inside ``input_tokens``."""
    counted, writes = reply.input, reply.asked.writes
    details: Fields = {"cached_tokens": counted.read, "cache_write_tokens": counted.written if writes else 0}
    if writes and counted.written:
        lives = {"ttl_30m_tokens": counted.written_5m, "ttl_12h_tokens": counted.written_1h}
        details["cache_write_tokens_details"] = lives
    return {
        "input_tokens": counted.total,
        "input_tokens_details": details,
        "output_tokens": reply.output,
        "output_tokens_details": {"reasoning_tokens": reply.thinking},
        "total_tokens": counted.total + reply.output,
    }


def _incomplete(reply: Reply) -> str | None:
    """Why the response is incomplete, if it is; a refusal in words is a good end."""
    if reply.stop in COMPLETED or (reply.stop == "refusal" and any(isinstance(step, Refuse) for step in reply.steps)):
        return None
    return REASONS.get(reply.stop, reply.stop)


class _Account:
    """One response: its items, and what is said of it as a whole, the same from its first event to its last."""

    def __init__(self, reply: Reply, *, quiet: bool = False) -> None:
        assert isinstance(reply.asked, Wanted)  # noqa: S101  # this dialect's door makes no other
        self.reply, self.wanted = reply, reply.asked
        self.reason = _incomplete(reply)
        content = reply.content
        phases, calls = families.chat(reply.asked.model).phases, any(isinstance(step, Call) for step in content)
        self.items = Items(
            Manners(
                ident=reply.id,
                offered=self.wanted.offered,
                prefix=self.wanted.prefix,
                shows=self.wanted.shows,
                phase=("commentary" if calls else "final_answer") if phases else None,
                cut=content[-1] if content and self.reason == "max_output_tokens" else None,
                quiet=quiet,
            )
        )
        self._created = int(time.time())

    def told(self, status: str, **known: Any) -> Fields:
        """The response with what is *known* by now."""
        told = {
            "id": f"resp_{self.reply.id}",
            "object": "response",
            "created_at": self._created,
            "status": status,
            "completed_at": self._created if status == "completed" else None,
            "error": None,
            "incomplete_details": None,
            "model": self.wanted.model,
            "output": [],
            "service_tier": "auto" if status == "in_progress" else "default",
            "usage": None,
            **self.wanted.echo,
            **known,
        }
        if self.wanted.removed:
            told["input_transformations"] = [
                {"type": "reasoning", "id": ident, "action": "removed", "reason": "prefix_mismatch"}
                for ident in self.wanted.removed
            ]
        return told

    def ended(self) -> Fields:
        """The response at its end; nothing may be open any more."""
        known = {"output": self.items.done, "usage": usage(self.reply)}
        if self.reason is None:
            return self.told("completed", **known)
        return self.told("incomplete", incomplete_details={"reason": self.reason}, **known)

    def failed(self, step: steps.Fail) -> Fields:
        """The response that *step* ends."""
        return self.told("failed", output=self.items.done, error={"code": step.kind, "message": _words(step)})

    def close(self) -> list[Event]:
        """End the item that is open, if any, as a response of this kind ends."""
        return self.items.close("completed" if self.reason is None else "incomplete")


def _words(step: steps.Fail) -> str:
    """What an error says: what the script has it say, or what the server usually does."""
    usual = next((row for row in chat.ERRORS.values() if step.kind in (row.kind, row.code)), chat.ERRORS[500])
    return step.message or usual.message


def whole(reply: Reply) -> bytes:
    """The reply as one JSON object, whose status may be that it failed."""
    account = _Account(reply, quiet=True)
    for step in reply.steps:
        if isinstance(step, steps.Fail):
            return _encode(account.failed(step))
        account.items.play(step)
    account.close()
    return _encode(account.ended())


# -- streamed ---------------------------------------------------------------------------------------------------------


def _braided(said: list[Step]) -> list[Step]:
    """*said* with neighbouring calls as one step."""
    together: list[Step] = []
    for is_call, group in groupby(said, key=lambda step: isinstance(step, Call)):
        found = list(group)
        together += [Braid(tuple(step for step in found if isinstance(step, Call)))] if is_call else found
    return together


def frames(reply: Reply, style: Style) -> Iterator[Item]:
    """The reply as frames and silences.  Without response.created if an error event is the first thing said."""
    writer = _Writer(_Account(reply))
    first = reply.steps[0] if reply.steps else None
    if not isinstance(first, steps.Fail) or first.form == "failed":
        yield writer.begin()
    for step in _braided(reply.steps) if style.interleave else reply.steps:
        if isinstance(step, steps.Wait):
            yield from writer.rest(step)
        elif isinstance(step, steps.Cut):
            yield CUT
        elif isinstance(step, Filler):
            yield from writer.fill(step)
        else:
            yield writer.play(step)
        if isinstance(step, steps.Ending):
            return
    yield from ([frame] for frame in writer.end())  # each may hold all that was said


@lru_cache(maxsize=64)
def _start(name: str) -> bytes:
    return b'event: %s\ndata: {"type":"%s","sequence_number":' % (name.encode(), name.encode())


class _Writer:
    """The events of one response as frames, each with its number."""

    def __init__(self, account: _Account) -> None:
        self.account = account
        self.items = account.items
        self.number = 0  # of the next event

    def _stamp(self, events: list[Event]) -> list[bytes]:
        done = []
        for name, fields in events:
            rest = b"," + _encode(fields)[1:] if fields else b"}"
            done.append(b"%s%d%s\n\n" % (_start(name), self.number, rest))
            self.number += 1
        return done

    def begin(self) -> list[bytes]:
        """The first two frames."""
        begun = {"response": self.account.told("in_progress")}
        return self._stamp([("response.created", begun), ("response.in_progress", begun)])

    def play(self, step: Step) -> list[bytes]:
        """The frames of *step*."""
        if isinstance(step, steps.Ping):  # as the API itself shows that it is alive, though its reference does not say
            return self._stamp([("keepalive", {})])
        if isinstance(step, steps.Strange):
            return self._stamp([("response.simulated_unknown", {"note": "made up"})])
        if isinstance(step, steps.Fail):
            return self._stamp([self._failed(step)])
        return self._stamp(self.items.play(step))

    def fill(self, step: Filler) -> Iterator[list[bytes]]:
        """The frames of a Filler, some hundreds at a time."""
        yield self._stamp(self.items.begin("output_text"))
        self.items.filled(step.text)
        place, start = self.items.place(), _start("response.output_text.delta")
        tails = [_encode({**place, "delta": text, "logprobs": []})[1:] for text in step.period()]
        count, rest = step.split()
        for at in range(0, count, 256):
            batch = range(at, min(at + 256, count))
            first = self.number - at
            yield [b"%s%d,%s\n\n" % (start, first + n, tails[n % len(tails)]) for n in batch]
            self.number += len(batch)
        if rest:
            yield self._stamp([("response.output_text.delta", {**place, "delta": rest, "logprobs": []})])

    def rest(self, wait: steps.Wait) -> Iterator[Item]:
        """*wait*, with the pings it wants."""
        passed = 0.0
        while wait.every and passed + wait.every < wait.seconds:
            passed += wait.every
            yield steps.Wait(wait.every)
            yield self.play(steps.Ping())
        yield steps.Wait(wait.seconds - passed)

    def end(self) -> list[bytes]:
        """What closes the items, and the last event of all."""
        closing = self._stamp(self.account.close())
        response = self.account.ended()
        return closing + self._stamp([(f"response.{response['status']}", {"response": response})])

    def _failed(self, step: steps.Fail) -> Event:
        """Once something was said the response fails; before, an event of its own tells the error."""
        if step.form == "failed" or (not step.form and self.number):
            return "response.failed", {"response": self.account.failed(step)}
        told = {"code": step.kind, "message": _words(step), "param": None}
        return "error", {"error": {"type": "server_error", **told}} if step.form == "nested" else told
