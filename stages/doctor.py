"""Doctor: what is wrong with an upstream, found a step at a time, each with what to do about it.

    dns ─▶ connect ─▶ tls ─▶ key: its list of models ─▶ model: one to ask ─▶ stream: a word of it, and how soon

It goes where the configuration says, shows what a request would show, and asks for one word: a few tokens.  Where a
step fails, the next ones have nothing to stand on.  A program under the operator's login is started only for who says
*programs*: from a terminal, not over HTTP.
"""

from itertools import chain
from typing import Literal

import attrs
import trio

from pipeline.dialect import Model
from pipeline.errors import (
    BudgetSpent,
    ContextTooLong,
    Forbidden,
    GatewayError,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    RateLimited,
    Unauthenticated,
    UnknownModel,
    UpstreamTimeout,
    meant,
)
from pipeline.events import Batch, Failed, TextDelta, ThinkingDelta
from pipeline.exchange import Out, unasked
from pipeline.explain import count
from pipeline.globs import in_full
from pipeline.prompt import Prompt
from pipeline.upstream import Upstream
from stages.asking import ask, checked, decoded
from stages.dialects import anthropic
from stages.discovery import listing
from stages.translate import translate
from transports.upstream import Reason
from transports.upstream_probe import Probed, probe

Name = Literal["dns", "connect", "tls", "program", "key", "model", "stream"]

TOKENS = 64  # asked for: enough for a word of a model that thinks before
QUESTION = "Say one short word."

_REACH: dict[Reason, str] = {
    "dns": "look for a typing error in url, and whether this machine can resolve names at all",
    "refused": "nothing listens there: is the server started, and the port in url the right one?",
    "unreachable": "nothing answers there: look at the network, a firewall, or a proxy that is needed (proxy)",
    "tls": "is it https at all? An authority of your own goes into ca",
    "proxy": "look at proxy, or at HTTPS_PROXY and its kin in the environment",
}


@attrs.frozen
class Step:
    """One step, whether it went well, the *seconds* it took, and a sentence for people."""

    name: Name
    ok: bool
    seconds: float
    text: str


async def examine(upstream: Upstream, model: str | None = None, *, programs: bool = False) -> list[Step]:
    """The steps of examining *upstream*, to the first that fails.  Sets no deadline but the upstream's own."""
    if upstream.program and not programs:
        text = f"a program under your login is not started from here: python -m pipeline doctor {upstream.name}"
        return [Step("program", True, 0.0, text)]
    steps: list[Step] = []
    if upstream.connector is not None:
        steps += [told(each, upstream) for each in await probe(upstream.connector, upstream.origin)]
    if all(step.ok for step in steps):
        steps += await asked(upstream, model)
    return steps


def told(probed: Probed, upstream: Upstream) -> Step:
    """A step towards *upstream*, in words."""
    if probed.failed is None:
        return Step(probed.name, True, probed.seconds, probed.text)
    name: Name = "dns" if probed.failed.reason == "dns" else probed.name
    hint = _REACH[probed.failed.reason]
    return Step(name, False, probed.seconds, f"{probed.failed}. {hint[0].upper()}{hint[1:]}")


# -- asking -----------------------------------------------------------------------------------------------------------


async def asked(upstream: Upstream, model: str | None) -> list[Step]:
    """What *upstream* answers: a list of models, and a word."""
    models: list[Model] = []
    steps: list[Step] = []
    if not upstream.program:
        began = trio.current_time()
        try:
            models = await listing(upstream)
            text = f"{shown(upstream)}; it lists {count(len(models), 'model')}"
        except GatewayError as error:
            if isinstance(meant(error), Unauthenticated | Forbidden | PaymentRequired):
                return [Step("key", False, trio.current_time() - began, advice(error, upstream))]
            text = f"{shown(upstream)}; it gives no list of models ({error}), so that the word below must show it"
        steps.append(Step("key", True, trio.current_time() - began, text))
    chosen = model or first(upstream, models)
    if chosen is None:
        return [*steps, Step("model", False, 0.0, "there is no model to ask: name one, or list some under models")]
    known = {each.id for each in models}
    listed = "" if not known or chosen in known else ", which is not in its list"
    steps.append(Step("model", True, 0.0, f"asked is {chosen}{listed}"))
    return [*steps, await streamed(upstream, chosen)]


def first(upstream: Upstream, models: list[Model]) -> str | None:
    """A model to ask: the first that is configured by its whole name, or the first in the list that fits."""
    return next(chain(in_full(upstream.models), (model.id for model in models if upstream.has(model.id))), None)


async def streamed(upstream: Upstream, model: str) -> Step:
    """A word of *model*, and how soon it came."""
    began = trio.current_time()
    heard = Heard(began)
    try:
        prompt = question(upstream, model)
        exchange = unasked(upstream.dialect, "reply", prompt)
        async with ask(exchange, upstream, prompt.encode(), own=True) as reply:
            await checked(reply, upstream, streaming=True)
            await decoded(reply, upstream.dialect.stream_decoder(None), heard)
    except GatewayError as error:
        return Step(blamed(error), False, trio.current_time() - began, advice(error, upstream))
    seconds = trio.current_time() - began
    if heard.first is None:
        return Step("stream", False, seconds, f"the stream ended without a word; {model} may be no model for chats")
    return Step(
        "stream", True, seconds, f"the first word came after {heard.first:.2f} s, the end after {seconds:.2f} s"
    )


def question(upstream: Upstream, model: str) -> Prompt:
    """What *model* is asked, as *upstream* takes it."""
    words = [{"type": "text", "text": QUESTION}]
    hub = {"model": model, "max_tokens": TOKENS, "messages": [{"role": "user", "content": words}], "stream": True}
    prompt = Prompt.of(anthropic.NAME, hub)
    if upstream.dialect.NAME != anthropic.NAME:
        translate(prompt, anthropic, upstream.dialect)
    return prompt


@attrs.define
class Heard(Out):
    """Hears when the first word came, in seconds after *began*.  Raises the reply's error."""

    began: float
    first: float | None = None

    def push(self, batch: Batch) -> None:
        """Take in *batch*."""
        for event in batch:
            if isinstance(event, Failed):
                raise event.error
            if self.first is None and isinstance(event, TextDelta | ThinkingDelta):
                self.first = trio.current_time() - self.began


# -- words ------------------------------------------------------------------------------------------------------------


def shown(upstream: Upstream) -> str:
    """What *upstream* was shown."""
    if upstream.client_key:
        return "callers show their own credential, so that none was shown"
    usable = [each for each in upstream.wallet.listed() if each.usable]
    if not usable:
        return "no credential was shown: there is none"
    return f"{count(len(usable), 'credential')} to show, and one was taken"


def blamed(error: GatewayError) -> Name:
    """The step that *error* belongs to."""
    kind = meant(error)
    if isinstance(kind, Unauthenticated | Forbidden | PaymentRequired):
        return "key"
    return "model" if isinstance(kind, UnknownModel) else "stream"


_ADVICE: tuple[tuple[type[GatewayError], str], ...] = (
    (
        Unauthenticated,
        "is the key this upstream's, whole, and not revoked? An authorization may have to be connected anew",
    ),
    (Forbidden, "the key is known, and may not do this: look at its rights at the upstream"),
    (PaymentRequired, "the account there has no money, or no plan for this"),
    (BudgetSpent, "the account's quota is used up; it comes back, or is raised there"),
    (RateLimited, "too much was asked in too short a time: another key, or patience"),
    (UnknownModel, "the upstream does not know this model: look at its list, or at aliases of ours in model_map"),
    (NotFound, "there is nothing at this path: does url end where its dialect begins, and is the dialect right?"),
    (ContextTooLong, "the model takes less than a few words?"),
    (InvalidRequest, "it does not take the request as it was put: are dialect and provider the right ones?"),
    (UpstreamTimeout, "it takes long: first_byte and idle say how long it may"),
)


def advice(error: GatewayError, upstream: Upstream) -> str:
    """What *error* says, and what to do about it; what befalls a program says that itself."""
    known = next((text for kind, text in _ADVICE if isinstance(meant(error), kind)), "")
    hint = known or ("" if upstream.program else "the fault is the upstream's, or on the way")
    text = str(error) if upstream.name in str(error) else f"{upstream.name}: {error}"
    return f"{text}. {hint[0].upper()}{hint[1:]}" if hint else text
