"""Thoughts in a conversation's history that Claude's API would not take back.

    signature "EqQB…"          Claude's own                     stays
    signature "Z3cx…" (ours)   Claude's, kept in an envelope    unwrapped
                               another maker's                  the block is dropped, and that is recorded
    signature ""               nobody's: reasoning of a server that does not sign     the same

A signature is worth something only to its maker and a foreign one is a 400 (``envelope``), so a conversation that has
been with another model can go on only without that model's thoughts.  Which ones go depends on the block and the model
alone, so that the history is the same in every turn.
"""

import re
from collections.abc import Iterator
from typing import Any

from pipeline.prompt import Prompt
from stages.dialects.anthropic.blocks import NAME, Fields
from stages.dialects.anthropic.holes import fill
from stages.dialects.anthropic.loop import WHY, decides, ends_bare
from stages.dialects.envelope import MARK, Envelope, unwrap

_SEALED = {"thinking": "signature", "redacted_thinking": "data"}  # where each kind of block keeps what is its maker's
# What must be there for anything to be mended, seen without decoding: calls and results that are not as many, a thought
# with nothing to it, an envelope.  Most histories are looked through once: each look at one of 500 KB takes 0.2 ms.
_TYPES = re.compile(rb'"type"\s*:\s*"(t(?:ool_use|ool_result|hinking)|redacted_thinking)"')
_SIGNED = re.compile(rb'"signature"\s*:\s*"(%b|[^"])' % MARK.encode())
_REDACTED = re.compile(rb'"data"\s*:\s*"' + MARK.encode())

_WHY_DROPPED = "another maker's thoughts: this API would refuse the request"
_WHY_UNWRAPPED = "the API's own signature, taken out of its envelope"

Place = tuple[int, int]  # message, block


def strange(messages: Any, model: str, *, signs: bool = True) -> Iterator[tuple[Place, Fields | None]]:
    """Place of every block of thoughts that can't stay as it is, last first; with what takes its place, if anything.

    *signs*: whether the server signs its thoughts; one that does not wants its unsigned ones back.
    """
    for number, message in reversed(list(enumerate(messages if isinstance(messages, list) else ()))):
        content = message.get("content") if isinstance(message, dict) else None
        for position, block in reversed(list(enumerate(content if isinstance(content, list) else ()))):
            key = _SEALED.get(str(block.get("type"))) if isinstance(block, dict) else None
            if key is None:
                continue
            sealed = block.get(key)
            envelope = unwrap(sealed) if isinstance(sealed, str) else None
            if envelope is not None and envelope.fits(NAME, model):
                yield (number, position), unwrapped(block, envelope)
            elif envelope is not None or (signs and not sealed):
                yield (number, position), None


def unwrapped(block: Fields, envelope: Envelope) -> Fields:
    """*block* as Claude made it."""
    if envelope.kind == "redacted":
        return {"type": "redacted_thinking", "data": envelope.payload}
    return {"type": "thinking", "thinking": block.get("thinking", ""), "signature": envelope.payload}


def mended(body: Fields, prompt: Prompt) -> Fields:
    """*body* without strange thoughts; recorded on *prompt*."""
    messages = list(body.get("messages") or ())
    for (number, position), block in strange(body.get("messages"), str(body.get("model"))):
        record(prompt, number, position, block)
        content = list(messages[number]["content"])
        content[position : position + 1] = [] if block is None else [block]
        messages[number : number + 1] = [{**messages[number], "content": content}] if content else []
    return {**body, "messages": messages}


def mend(prompt: Prompt, *, signs: bool = True) -> None:
    """Take strange thoughts out of a prompt that is in this dialect already, fill its holes (``holes``), and leave all
    other bytes alone.

    Next to nothing where there are none: megabytes of a history are looked through, not decoded.
    """
    raw = prompt.encode()
    types = _TYPES.findall(raw)
    if types.count(b"tool_use") != types.count(b"tool_result"):
        fill(prompt)
    if not suspect(raw, types, signs=signs):
        return
    dropped = False
    for (number, position), block in strange(prompt.get("messages"), prompt.model, signs=signs):
        dropped = dropped or block is None
        path = ("messages", number, "content", position)
        if block is not None:
            prompt.set(*path, to=block, why=_WHY_UNWRAPPED)
        elif len(prompt.keys(*path[:-1])) > 1:
            prompt.drop(*path, why=_WHY_DROPPED, lossy=True)
        else:
            prompt.drop("messages", number, why=f"{_WHY_DROPPED}; there was nothing else in it", lossy=True)
    budget = dropped and signs and prompt.get("thinking", "type") == "enabled" and not decides(prompt.model)
    if budget and ends_bare(prompt.get("messages")):
        prompt.drop("thinking", why=WHY, lossy=True)


def suspect(raw: bytes, types: list[bytes], *, signs: bool) -> bool:
    """Whether there may be strange thoughts in *raw*, whose blocks are of *types*."""
    thoughts = types.count(b"thinking")
    signatures: list[bytes] = _SIGNED.findall(raw) if thoughts else []
    if MARK.encode() in signatures or (signs and thoughts > len(signatures)):
        return True
    return b"redacted_thinking" in types and _REDACTED.search(raw) is not None


def record(prompt: Prompt, number: int, position: int, block: Fields | None) -> None:
    """Record what becomes of one block."""
    path = ("messages", number, "content", position)
    if block is None:
        prompt.record("dropped", path, _WHY_DROPPED, lossy=True)
    else:
        prompt.record("set", path, _WHY_UNWRAPPED)
