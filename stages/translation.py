"""Translation as a library: a request and the reply to it, without a server, a task or a socket.

    asked = translate_request(body, source="anthropic", target="chat")       source: the client's dialect
    asked.body, asked.path   ─▶  the upstream of *target*                     asked.edits: what was changed, and lost
    reply = asked.stream()                                                    or whole(), for a reply that is not
    reply.feed(b"…")         ─▶  bytes for the client                         whatever pieces they come in
    reply.close()            ─▶  the rest: every reply ends exactly once

The same code that the stage ``translate`` and both ends of the line run; only what needs the other stages (judges,
what a server was found to lack) is left out.  Nothing here waits or opens anything, and no state is kept between
requests, but in a Memory that a caller brings.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from pipeline.dialect import Decoder, Dialect, Encoder
from pipeline.errors import GatewayError
from pipeline.events import Batch, Failed, Finished, Started, Stop, Usage
from pipeline.line import replaced
from pipeline.naming import dialects
from pipeline.prompt import Edit, Prompt
from stages.contract import strip
from stages.dialects import providers
from stages.dialects.anthropic.blocks import NAME
from stages.fidelity import Mode, refuse
from stages.memory import Memory
from stages.notes import STOPS, TOLD
from stages.stops import watching
from stages.translate import Step, asked_for, in_a_row, telling, translate

# Those that clients speak, found by their folders as the gateway finds them.
DIALECTS: Mapping[str, Dialect] = {name: known for name, known in dialects().items() if known.ROUTES}


def translate_request(
    body: bytes | dict[str, Any],
    *,
    source: str,
    target: str,
    provider: str | None = None,
    model: str | None = None,
    effort: str | int | None = None,
    fidelity: Mode = "report",
    memory: Memory | None = None,
) -> "Translation":
    """*body*, a request in the dialect *source* (anthropic, chat, responses), as *target* has it.

    *provider*: whose way of speaking *target* (deepseek, openrouter …); *model*: ask for this one instead; *effort*: a
    level or a budget in tokens in place of what the request says of thinking; *fidelity*: lossless to lose nothing,
    strict to mend nothing either; *memory*: of earlier turns.  Raises InvalidRequest for a body that is none of
    *source*, Unsupported for what *target* can't say or *fidelity* forbids; both name the field (``param``).
    LookupError for an unknown dialect or provider.
    """
    client, upstream = DIALECTS[source], DIALECTS[target]
    if provider is not None:
        upstream = providers.spoken(upstream, provider)
    prompt = Prompt.parse(source, body) if isinstance(body, bytes) else Prompt.of(source, body)
    prompt.author = "translate"
    asked = prompt.fork()
    other = model is not None and model != prompt.get("model")
    if other:
        prompt.set("model", to=model, why="asked for in its stead")
    restoring = None
    if source != target:
        if source == NAME:
            strip(prompt)
        restoring = translate(prompt, client, upstream, asked_for(effort), memory)
    else:
        upstream.mend(prompt)
        if effort is not None or other:
            upstream.fit(prompt, effort)
    refuse(prompt.edits, fidelity)
    hide = prompt.get("stream", default=False) is True and upstream.ask_usage(prompt)
    return Translation(client, upstream, asked, prompt, restoring, hide)


@attrs.frozen(eq=False)
class Translation:
    """A request that was translated, and what that asks of its reply."""

    _client: Dialect
    _upstream: Dialect
    _asked: Prompt
    _prompt: Prompt
    _restoring: Step | None
    _hide_usage: bool

    @property
    def body(self) -> bytes:
        """What to send; the client's own bytes where nothing had to change."""
        return self._prompt.encode()

    @property
    def path(self) -> str:
        """Where to send it, below the upstream's base URL (which has the version: ``https://…/v1``)."""
        return self._upstream.upstream_path("reply", self._prompt)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What was changed: where, why, and whether something that was asked for is gone (``lossy``)."""
        return tuple(self._prompt.edits)

    def stream(self) -> "Reply":
        """For the upstream's stream: gives the client's, frame by frame."""
        same = self._client.NAME == self._upstream.NAME
        kinds: frozenset[Any] | None = frozenset() if same and not self._prompt.notes.noted(STOPS) else None
        decoder = self._upstream.stream_decoder(kinds, hide_usage=self._hide_usage)
        return Reply(decoder, self._client.stream_encoder(self._asked), self, streams=True)

    def whole(self) -> "Reply":
        """For a reply that is one JSON object: gives the client's at ``close``."""
        return Reply(self._upstream.whole_decoder(), self._client.whole_encoder(self._asked), self, streams=False)

    def step(self, reply: "Reply") -> Step | None:
        """What is done to the events of *reply* on their way to the client."""
        stops, told = self._prompt.notes.noted(STOPS), self._prompt.notes.noted(TOLD)
        return in_a_row(self._restoring, watching(reply, stops) if stops else None, telling(told) if told else None)


class Reply:
    """One reply on its way: bytes of the upstream in, bytes for the client out."""

    def __init__(self, decoder: Decoder, encoder: Encoder, translation: Translation, *, streams: bool) -> None:
        self.usage: Usage | None = None  # what the upstream told so far
        self.error: GatewayError | None = None  # how a stream failed; the client was told in it
        self.over = False  # the end was reached: the upstream may be hung up on
        self._decoder, self._encoder, self._streams = decoder, encoder, streams
        self._ending: Finished | None = None
        self._step = translation.step(self)

    @property
    def media_type(self) -> str:
        """Of what the client gets: ``text/event-stream`` or ``application/json``."""
        return self._encoder.media_type

    def feed(self, data: bytes) -> bytes:
        """Bytes for the client, of what is complete with *data*; whole frames only."""
        return self._passed(self._decoder.feed(data))

    def close(self) -> bytes:
        """The upstream has ended: the rest.  A stream without its end is told as failed; a whole reply raises it."""
        return self._passed(self._decoder.close())

    def end(self, stop: Stop, sequence: str | None = None) -> None:
        """End the reply here, for a step of the translation: nothing comes after the batch in hand."""
        self._ending = Finished(stop, sequence)

    def _passed(self, batch: Batch) -> bytes:
        """What the client gets of *batch*; nothing after the end."""
        if self.over or not batch:
            return b""
        if self._step is not None:
            batch = replaced(self._step, batch)
        if self._ending is not None and not any(event.terminal for event in batch):
            batch = [*batch, self._ending]
        for event in batch:
            if isinstance(event, Started | Finished) and event.usage is not None:
                self.usage = event.usage.over(self.usage)
            elif isinstance(event, Failed):
                self._fail(event.error)
            self.over = self.over or event.terminal
        return self._encoder.feed(batch)

    def _fail(self, error: GatewayError) -> None:
        """Keep *error*; raise it where nothing was sent that could still tell it."""
        self.error = error
        if not self._streams:
            raise error
