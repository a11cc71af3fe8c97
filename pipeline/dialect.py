"""What a dialect must offer.  Documentation in the form of a Protocol: a dialect is a package with these names.

    request bytes ─▶ Prompt ─▶ to_messages ─▶ (Messages shape) ─▶ from_messages ─▶ request bytes upstream
    reply bytes   ◀─ Encoder ◀───────────── events ◀────────────────── Decoder ◀─ reply bytes upstream

The hub for prompts is the Messages shape, the richest in blocks; the hub for replies is ``events``.  Same dialect on
both sides: neither is called.  Dialects are sans-io: bytes in, events out; they import no trio and open nothing.
"""

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from pipeline.document import Path
from pipeline.errors import GatewayError
from pipeline.events import Batch, Event, Kinds
from pipeline.prompt import Prompt
from transports.messages import Head, Headers


@attrs.frozen
class Route:
    """What a path of the dialect means.  *operation*: reply, count_tokens, models, model, usage or relay (as it is)."""

    method: str
    pattern: str  # "/v1/models/{id}": {name} is one segment, a trailing {name...} the rest
    operation: str


@attrs.frozen
class Model:
    """One entry of a model list; what is not known is None."""

    id: str
    name: str | None = None  # for people
    created: int = 0  # seconds since 1970
    owner: str = ""
    context: int | None = None  # tokens in
    output: int | None = None  # tokens out at most
    thinking: frozenset[str] | None = None  # the ways of thinking it takes; empty: it can't
    efforts: tuple[str, ...] | None = None  # the levels of effort it takes; empty: it refuses them
    raw: dict[str, Any] | None = attrs.field(default=None, eq=False)  # as the upstream's dialect had it
    dialect: str = ""  # whose raw it is


class Decoder(Protocol):
    """Turns an upstream's bytes into events.  One per reply."""

    def feed(self, data: bytes) -> Batch:
        """The events complete so far; at most one terminal event, and none after it."""

    def close(self) -> Batch:
        """The upstream has ended: what is left, and the terminal event if it has not come (UpstreamTruncated)."""


class Encoder(Protocol):
    """Turns events into a client's bytes.  One per reply."""

    media_type: str

    def feed(self, events: list[Event]) -> bytes:
        """The bytes of *events*: whole frames, nothing after the terminal event; a folding encoder gives all then."""


class Dialect(Protocol):
    """A wire format of a family, as a module.

    One whose ROUTES are empty is spoken by upstreams only, and leaves out what would answer clients.  One whose
    upstreams are reached otherwise than over HTTP has ``OPENER``: "package.module:name" of an ``upstream.Opener``.
    """

    NAME: str
    ROUTES: tuple[Route, ...]
    MODEL: Path  # where a frame of a stream says the model's name; a whole reply says it as its member ``model``
    MARK: str | None  # a request field (lower case) that only callers of this dialect send; decides shared paths

    def to_messages(self, body: dict[str, Any], prompt: Prompt, towards: str = "") -> dict[str, Any]:
        """My body → Messages shape; losses are recorded on *prompt*.  Raises InvalidRequest or Unsupported.

        *towards*: the upstream's dialect, for which there may be more beside that shape: what both alone understand.
        """

    def from_messages(self, body: dict[str, Any], prompt: Prompt) -> dict[str, Any]:
        """Messages shape → my body; losses are recorded on *prompt*."""

    def restoring(self, body: dict[str, Any]) -> Callable[[Event], list[Event] | None] | None:
        """A transform that gives calls the names that the tools of *body*, the client's, have; None: nothing to do."""

    def mend(self, prompt: Prompt) -> None:
        """Take out of a prompt of this dialect, going to an upstream of it, what was made for another's."""

    def fit(self, prompt: Prompt, effort: str | int | None) -> None:
        """Ask for thinking as *effort* says (a level, a budget in tokens) and the model allows; None: as the prompt
        itself says, which was written for another model."""

    def ask_usage(self, prompt: Prompt) -> bool:
        """See to it that a stream tells its usage; True if the client had not asked (then the decoder hides it)."""

    def stream_decoder(self, kinds: Kinds | None, *, hide_usage: bool = False) -> Decoder:
        """A decoder of a stream.  *kinds*: what will be read; other frames may travel as Runs."""

    def whole_decoder(self) -> Decoder:
        """A decoder of a whole reply: everything at close()."""

    def stream_encoder(self, prompt: Prompt) -> Encoder:
        """An encoder of a stream.  *prompt*: the client's, for what a reply repeats of it (the model's name, tools)."""

    def whole_encoder(self, prompt: Prompt) -> Encoder:
        """An encoder that folds events into one body; *prompt* as in ``stream_encoder``."""

    def encode_error(self, error: GatewayError, request_id: str) -> tuple[Head, bytes]:
        """The answer that tells *error* when nothing was sent yet."""

    def decode_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        """What an upstream of this dialect meant by a status and body (UpstreamRefused, raw parts kept)."""

    def upstream_path(self, operation: str, prompt: Prompt) -> str:
        """Where an operation lives, below the base URL (which includes a version segment such as /v1)."""

    def credentials(self, key: str) -> Headers:
        """The fields that carry an API key."""

    def defaults(self) -> Headers:
        """Fields an upstream demands where the client's request (of another dialect) brings none."""

    def foreign(self, name: bytes) -> bool:
        """Whether a request field belongs to this dialect and must not reach an upstream of another."""

    def count(self, prompt: Prompt) -> int:
        """A local estimate of the prompt's tokens."""

    def encode_count(self, tokens: int) -> bytes:
        """The answer to count_tokens."""

    def encode_models(self, models: list[Model], query: str) -> bytes:
        """The answer to a list of models; *query* is the request's (paging)."""

    def encode_model(self, model: Model) -> bytes:
        """The answer to one model."""

    def decode_models(self, body: bytes) -> list[Model]:
        """The models an upstream lists; UpstreamFailed if it makes no sense."""
