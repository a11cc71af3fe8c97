"""Envelopes: how reasoning travels through clients of another protocol, tagged with who made it.

    OpenAI's encrypted_content ──wrap──▶ "Z3cx…"  a Claude client's thinking.signature  ──unwrap──▶ for OpenAI again
    Claude's signature         ──wrap──▶ "Z3cx…"  a Responses client's encrypted_content ─unwrap──▶ for Claude again

What is signed or encrypted is worth something only to its maker, and harm to anyone else: a foreign signature is a 400.
So it goes to clients of another protocol in an envelope that names its origin, comes back with the history, and is
opened only for that origin; for another it is dropped and the loss recorded.  In the hub, the Messages shape, a bare
signature is Claude's own, anything else is in an envelope; a native one is never wrapped towards its own dialect.

    base64url( "gw1" · checksum, 6 bytes · MessagePack [dialect, origin, kind, ref, payload, coded] )

A pure function of its arguments, so that a history is the same in every turn.  The checksum guards against texts that
were cut or edited on their way, not against forgery: a client may as well send the payload itself.
"""

import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import blake2b
from typing import Literal

import attrs
import msgspec

Kind = Literal["signature", "redacted", "block"]  # block: a whole block as JSON, which its maker wants back

_MAGIC = b"gw1"
MARK = urlsafe_b64encode(_MAGIC).decode()  # how each begins: three bytes are four characters, whatever follows
_DIGEST = 6

# Makers whose models go by several names; of any other, the first word of the name is its family.
_FAMILIES = (("gpt", re.compile(r"(?:^|[/.:])(?:gpt|o\d|chatgpt|codex|computer-use)")),)
_CLOUDS = re.compile(r"^(?:us|eu|apac|global|anthropic|openai|models?)[./]")
_WORD = re.compile(r"[a-z]+")


@attrs.frozen
class Envelope:
    """What was wrapped: *payload* of *kind*, made by *origin* (a family of models), as *dialect* has it.

    *ref*: the name that the payload's carrier had there (the id of a reasoning item), if any.
    """

    dialect: str
    origin: str
    payload: str
    kind: Kind = "signature"
    ref: str = ""

    def fits(self, dialect: str, model: str) -> bool:
        """Whether *model*, reached in *dialect*, made it, as far as names can tell; what is not known fits."""
        there = family(model)
        return self.dialect == dialect and (not self.origin or not there or self.origin == there)


class _Wire(msgspec.Struct, array_like=True):
    dialect: str
    origin: str
    kind: Kind
    ref: str
    payload: bytes
    coded: bool  # the payload was base64 and is kept as the bytes it stood for


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Wire)


def wrap(dialect: str, origin: str, payload: str, *, kind: Kind = "signature", ref: str = "") -> str:
    """The envelope around *payload*; see ``Envelope`` for the words."""
    plain = _uncoded(payload)
    kept = payload.encode("utf-8", "surrogatepass") if plain is None else plain
    body = _ENCODER.encode(_Wire(dialect, origin, kind, ref, kept, plain is not None))
    return urlsafe_b64encode(_MAGIC + _checksum(body) + body).decode().rstrip("=")


def unwrap(text: str) -> Envelope | None:
    """What is in *text*; None if it is no envelope, or a broken one."""
    if not text.startswith(MARK):
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        body = raw[len(_MAGIC) + _DIGEST :]
        if raw[len(_MAGIC) : len(_MAGIC) + _DIGEST] != _checksum(body):
            return None
        wire = _DECODER.decode(body)
        payload = b64encode(wire.payload).decode() if wire.coded else wire.payload.decode("utf-8", "surrogatepass")
    except (Error, ValueError):  # msgspec's errors and those of text codings are ValueErrors
        return None
    return Envelope(wire.dialect, wire.origin, payload, wire.kind, wire.ref)


def family(model: str) -> str:
    """The family of models that can read one another's reasoning, as far as *model*'s name tells; "" if it does not.

    Finer differences (accounts, generations) are the upstream's: it drops, or says, what it can't read.
    """
    name = model.lower()
    for known, pattern in _FAMILIES:
        if pattern.search(name):
            return known
    while match := _CLOUDS.match(name):
        name = name[match.end() :]
    word = _WORD.match(name.rpartition("/")[2])
    return word.group() if word else ""


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST).digest()


def _uncoded(payload: str) -> bytes | None:
    """The bytes that *payload* stands for, if it is base64 in its one canonical spelling: coded twice it would grow."""
    try:
        plain = b64decode(payload, validate=True)
    except (Error, ValueError):
        return None
    return plain if b64encode(plain).decode() == payload else None
