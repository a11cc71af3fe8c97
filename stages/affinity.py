"""Affinity: which upstream a conversation belongs to.

    soft   session field · prompt_cache_key · metadata.user_id · first turn ──▶ conversation ──rendezvous──▶ preferred
           it may go elsewhere (the preferred one rests, is full): that costs a prompt cache, no more
    hard   previous_response_id · conversation · container · file_id · encrypted reasoning ──▶ the one that has it
           nobody else could answer: it alone is asked

Rendezvous hashing needs no memory and no agreement between processes: everybody finds the same upstream, and one that
comes or goes moves only its own conversations.  Weights are kept (a weight of 2: twice the conversations).

Who holds what is remembered as replies pass, in memory, of the newest OWNED; what is not remembered is looked for where
uploads go: at the first upstream that speaks the caller's dialect.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

import attrs
import msgspec

from pipeline.events import Answer
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from pipeline.upstream import Upstream
from stages.dialects import responses
from stages.fields import AGENT_ID, SESSION

OWNED = 65_536  # names of state whose owner is remembered: some 10 MB
MOST = 64 * 1024  # bytes of an answer that are looked at for the name of what was made
TURNS = 4  # what stands before the first words of a user, and those

_FILE = re.compile(rb'"file_id"\s*:\s*"([^"\\]{1,200})"')


# -- soft -------------------------------------------------------------------------------------------------------------


def conversation(exchange: Exchange, prompt: Prompt) -> bytes:
    """What stands for the conversation that *exchange*, with the client's *prompt*, belongs to: 16 bytes.

    The same in each of its turns, and another for each caller.  Where the client names none, its first turn does.
    """
    named = [exchange.request.header(name) or "" for name in (*SESSION, AGENT_ID)]
    if not any(named):
        named = list(_told(prompt)) or list(_first_turn(prompt))
    caller = exchange.caller.id if exchange.caller else ""
    return blake2b("\n".join([caller, *named]).encode("utf-8", "replace"), digest_size=16).digest()


def _told(prompt: Prompt) -> Iterator[str]:
    """What *prompt* says by itself."""
    for path in (("prompt_cache_key",), ("metadata", "user_id")):
        name = prompt.get(*path)
        if isinstance(name, str) and name:
            yield name
            return


def _first_turn(prompt: Prompt) -> Iterator[str]:
    """Up to the first words of the user: what comes later is not there in the first turn."""
    turns = "input" if prompt.has("input") else "messages"
    if prompt.kind(turns) != "array":
        yield str(prompt.get(turns))
        return
    for number in prompt.keys(turns)[:TURNS]:
        yield msgspec.json.encode(prompt.get(turns, number)).decode()
        if prompt.get(turns, number, "role") == "user":
            return


def ranked(upstreams: Sequence[Upstream], key: bytes, weights: Mapping[str, float]) -> list[Upstream]:
    """*upstreams*, the one that *key* prefers first (weighted rendezvous hashing)."""

    def score(upstream: Upstream) -> float:
        # 48 bits of it: the highest of 64 would be rounded to 1, whose logarithm is 0.
        drawn = int.from_bytes(blake2b(upstream.name.encode(), key=key[:64], digest_size=8).digest()[:6], "big")
        return -weights.get(upstream.name, 1.0) / math.log((drawn + 1) / (2**48 + 1))

    return sorted(upstreams, key=score, reverse=True)


# -- hard -------------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Owners:
    """Which upstream holds what it made."""

    _of: OrderedDict[bytes, str] = attrs.field(factory=OrderedDict)

    def remember(self, name: bytes, upstream: str) -> None:
        """*upstream* has what is called *name*."""
        key = blake2b(name, digest_size=16).digest()
        self._of[key] = upstream
        self._of.move_to_end(key)
        if len(self._of) > OWNED:
            self._of.popitem(last=False)

    def of(self, name: bytes) -> str | None:
        """Who has what is called *name*, if it is remembered."""
        return self._of.get(blake2b(name, digest_size=16).digest())

    def learn(self, answer: Answer, upstream: str) -> None:
        """Take note of what *answer*, to a relayed request, says that *upstream* made."""
        if answer.head.status == 200 and len(answer.body) <= MOST:
            try:
                name = msgspec.json.decode(answer.body, type=_Made).id
            except (msgspec.DecodeError, UnicodeDecodeError):
                return
            if name:
                self.remember(name.encode(), upstream)

    def first(self, exchange: Exchange) -> list[Upstream]:
        """The exchange's upstreams, for a relayed request: who has what its path names comes first."""
        owner = next((own for part in exchange.request.path.split("/") if part and (own := self.of(part.encode()))), "")
        return sorted(exchange.upstreams, key=lambda upstream: upstream.name != owner)

    def holder(self, exchange: Exchange, prompt: Prompt, session: bytes) -> Upstream | None:
        """The one of the exchange's upstreams that alone can answer *prompt*, of *session*; None: any can."""
        among = {upstream.name: upstream for upstream in reversed(exchange.upstreams)}
        for name, certain in states(exchange, prompt):
            owner = among.get(self.of(name) or self.of(session) or "")
            if owner is not None:
                return owner
            if certain:
                home = (up for up in exchange.upstreams if up.dialect.NAME == exchange.dialect.NAME)
                return next(home, None)
        return None


class _Made(msgspec.Struct):
    """What was made."""

    id: str = ""


def states(exchange: Exchange, prompt: Prompt) -> Iterator[tuple[bytes, bool]]:
    """Names of what *prompt* builds on and one upstream alone has; and whether it is certain that one has it.

    Encrypted reasoning says itself where it comes from when it passed a client of another dialect (``envelope``), and a
    client may have dropped it: where its maker is not remembered, anybody may try.
    """
    for path in (("previous_response_id",), ("conversation",), ("conversation", "id"), ("container",)):
        name = prompt.get(*path) if prompt.kind(*path) == "string" else None
        if name:
            yield name.encode(), True
    text = prompt.encode()
    if b'"file_id"' in text:
        yield from ((name, True) for name in dict.fromkeys(_FILE.findall(text)))
    if exchange.dialect.NAME == responses.NAME and b'"encrypted_content"' in text:
        yield b"", False
