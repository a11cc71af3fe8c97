"""What an imitation of the vendor's server does not know it goes without, after one refusal."""

from typing import Any

import attrs
import msgspec
import pytest

from pipeline.events import Failed, Finished
from pipeline.exchange import Exchange
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from stages.dialects import anthropic
from stages.forward import Forward
from stages.lacking import HOLDS, MOST, TRIES
from stages.translate import Translate
from tests.doubles import Kept, Recorder, ScriptedReply, exchange, upstream
from transports.upstream import Origin

CONTEXT, GUARD = "context-management-2025-06-27", "dangerous-tool-use-2026-09-03"
GOOD = [
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"m","usage":{}}}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


class Ignorant:
    """A pool before a server that refuses, one after the other, the fields it does not know."""

    def __init__(self, *unknown: str, status: int = 400) -> None:
        self.unknown, self.status = unknown, status
        self.bodies: list[dict[str, Any]] = []
        self.betas: list[bytes | None] = []

    def send(self, origin: Any, call: Any, timers: Any) -> Any:
        return self._sent(call)

    def _sent(self, call: Any) -> "Lent":
        body = msgspec.json.decode(call.body)
        self.bodies.append(body)
        self.betas.append(next((value for name, value in call.headers if name == b"anthropic-beta"), None))
        wrong = next((field for field in self.unknown if field in body), None)
        if wrong is None:
            return Lent(ScriptedReply(200, GOOD))
        said = {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": f"{wrong}: Extra inputs are not permitted"},
        }
        return Lent(ScriptedReply(self.status, [msgspec.json.encode(said)]))


@attrs.frozen
class Lent:
    """A reply, for as long as somebody reads it."""

    reply: ScriptedReply

    async def __aenter__(self) -> ScriptedReply:
        return self.reply

    async def __aexit__(self, *raised: object) -> None:
        pass


def at(pool: Any, host: str = "imitation.test", name: str = "up") -> Any:
    up = upstream(name, pool, dialect=anthropic, stages=(("translate", Translate()),))
    return attrs.evolve(up, origin=Origin("https", host, 443))


async def ask(forward: Forward, *ups: Any, **fields: Any) -> tuple[Any, Exchange]:
    """Send one prompt with two betas and their fields; the last event, and the exchange."""
    body = {"model": "m", "max_tokens": 9, "messages": [], "context_management": {}, "safeguards": [], **fields}
    x = exchange(msgspec.json.encode(body), dialect=anthropic, upstreams=list(ups))
    x.request.headers.append((b"anthropic-beta", f"{CONTEXT}, {GUARD},claude-code-20250219".encode()))
    kept = Kept()
    await conduct(x, Line((), forward, lambda exchange, response: kept), Recorder(), Heart(10))
    return kept.events[-1], x


async def test_a_refused_field_is_left_out_with_its_beta_and_the_same_upstream_asked_again() -> None:
    """The client sees the answer; the record shows both tries and what was lost."""
    pool = Ignorant("context_management")
    end, x = await ask(Forward(), at(pool))
    assert isinstance(end, Finished)
    assert ["context_management" in body for body in pool.bodies] == [True, False]
    assert pool.betas[1] == f"{GUARD},claude-code-20250219".encode()
    assert [(attempt.upstream, attempt.status) for attempt in x.attempts] == [("up", 400), ("up", 200)]
    (edit,) = x.attempts[-1].edits
    assert (edit.stage, edit.path, edit.lossy) == ("forward", "context_management", True)


async def test_it_is_remembered_for_the_next_request() -> None:
    """Of this upstream, and of no other."""
    forward, pool, other = Forward(), Ignorant("context_management"), Ignorant()
    for _ in range(2):
        await ask(forward, at(pool))
    await ask(forward, at(other, name="other"))
    assert ["context_management" in body for body in pool.bodies] == [True, False, False]
    assert "context_management" in other.bodies[0]


async def test_it_is_tried_again_after_a_while(autojump_clock: Any) -> None:
    """A server may be brought up to date."""
    forward, pool = Forward(), Ignorant("context_management")
    await ask(forward, at(pool))
    autojump_clock.jump(HOLDS + 1)
    pool.unknown = ()
    await ask(forward, at(pool))
    assert "context_management" in pool.bodies[-1]


async def test_one_thing_after_the_other_comes_to_light() -> None:
    """As long as each refusal names another."""
    pool = Ignorant("context_management", "safeguards", status=422)
    end, x = await ask(Forward(), at(pool))
    assert isinstance(end, Finished)
    assert len(x.attempts) == 3
    assert pool.betas[-1] == b"claude-code-20250219"


async def test_the_tries_have_an_end() -> None:
    """A server that refuses whatever comes is not asked for ever."""
    fields = [f"new_field_{number}" for number in range(TRIES + 5)]
    pool = Ignorant(*fields)
    end, _ = await ask(Forward(), at(pool), **dict.fromkeys(fields, 1))
    assert isinstance(end, Failed)
    assert len(pool.bodies) == TRIES + 1


async def test_the_vendors_refusals_are_passed_on() -> None:
    """Clients know how to mend what it means."""
    pool = Ignorant("context_management")
    end, _ = await ask(Forward(), at(pool, "api.anthropic.com"))
    assert isinstance(end, Failed)
    assert len(pool.bodies) == 1


async def test_a_strict_caller_is_told_instead() -> None:
    """The refusal that names what would be lost."""
    pool = Ignorant("context_management")
    end, _ = await ask(Forward(fidelity="strict"), at(pool))
    assert isinstance(end, Failed)
    assert "context_management" in end.error.message
    assert len(pool.bodies) == 1


@pytest.mark.parametrize("count", [MOST + 8])
async def test_what_is_remembered_is_bounded(count: int) -> None:
    """The oldest is forgotten first."""
    forward = Forward()
    for number in range(count):
        pool = Ignorant(f"new_field_{number}")
        await ask(forward, at(pool), **{f"new_field_{number}": 1})
    assert len(forward._lacking._known["up"]) == MOST
