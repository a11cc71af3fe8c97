"""Loading: a Config → what it describes, constructed: the line, the upstreams, the dialects.

    build(config) ──▶ Built ──opening.opened──▶ upstreams that can be asked

Everything that can be wrong is found here, before anything is opened: ``check`` and ``serve`` go the same way.
"""

import ssl
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_address
from typing import Any

import attrs

from pipeline import overlay
from pipeline.arrange import Order, arrange
from pipeline.config import Config
from pipeline.declared import misplaced
from pipeline.dialect import Dialect
from pipeline.door import guarded
from pipeline.line import Line
from pipeline.naming import Stages, dialects
from pipeline.plan import Plan, Planner
from pipeline.problems import Path, Problems
from transports.listen import tls_context


@attrs.frozen(kw_only=True, eq=False)
class Built:
    """What a configuration describes, constructed; nothing is open yet (``opening.opened``)."""

    config: Config
    order: Order
    line: Line
    plans: tuple[Plan, ...]
    dialects: Mapping[str, Dialect]
    tls: ssl.SSLContext | None  # of our own listener
    stages: Stages  # all of them, by their place

    @property
    def lifetimes(self) -> list[AbstractAsyncContextManager[Any]]:
        """The stages to be entered at start and left at shutdown, in the order up; each once."""
        named = [*self.line.stages, *(pair for plan in self.plans for pair in plan.stages)]
        stages: list[Any] = [*(stage for _, stage in named), self.line.source, self.line.sink]
        distinct = {id(stage): stage for stage in stages}
        return [stage for stage in distinct.values() if isinstance(stage, AbstractAsyncContextManager)]

    @property
    def optional(self) -> list[tuple[str, Any]]:
        """The stages that a key may have settings of its own for, by their names."""
        per_attempt = [pair for plan in self.plans for pair in plan.stages]
        return [*self.line.stages, *per_attempt, (self.order.source.name, self.line.source)]


def build(config: Config, before: Built | None = None) -> Built:
    """Construct everything that *config* describes.  Raises ConfigError, with all that is wrong.

    What is the same in *before* is taken from there, with all that it has come to know.
    """
    problems = Problems(config.layers.label)
    built = assemble(config, problems, before)
    problems.check()
    return built


def assemble(config: Config, problems: Problems, before: Built | None = None) -> Built:
    """As ``build``, but notes what is wrong; what is returned then must not be used."""
    order = arrange(config.stages, config.without, problems)
    stages = Stages(config, problems, before.stages if before is not None else None)
    known = dialects()
    named = tuple((slot.name, stages.made(slot)) for slot in order.stages)
    ways = {plan.name: plan.way for plan in before.plans} if before is not None else {}
    planner = Planner(config, order, stages, known, problems, ways)
    plans = [planner.plan(name) for name in config.upstreams]
    line = Line(named, stages.made(order.source), stages.made(order.sink))
    check_door(config, dict(named).get("auth"), problems)
    per_attempt = [pair for plan in plans if plan is not None for pair in plan.stages]
    check_options(dict(named).get("auth"), [*named, *per_attempt, (order.source.name, line.source)], problems)
    check_places(order, line, [plan for plan in plans if plan is not None], problems)
    if "auth" in config.without:
        for name in guarded(config):
            text = "runs a program under the operator's login, so that the line needs auth: take it out of without"
            problems.add(("upstreams", name), text)
    return Built(
        config=config,
        order=order,
        line=line,
        plans=tuple(plan for plan in plans if plan is not None),
        dialects=known,
        tls=own_tls(config, problems),
        stages=stages,
    )


def check_places(order: Order, line: Line, plans: Sequence[Plan], problems: Problems) -> None:
    """Note which stages can't do where they stand what they declare (``declared``)."""
    paths = {slot.name: slot.path for slot in order}
    source, noted = (order.source.name, line.source), set[str]()
    for plan in plans:
        path: Path = ("upstreams", plan.name)
        for name, text in misplaced(line.stages, [*plan.stages, source]):
            if text not in noted:
                noted.add(text)
                problems.add(paths.get(name, path) or ("stages",), text)


# -- our own door -----------------------------------------------------------------------------------------------------


def check_door(config: Config, auth: Any, problems: Problems) -> None:
    """Whoever can be reached from elsewhere knows who asks: by keys of ours, by the upstream's, or by a stage of yours
    in the place of auth."""
    theirs = bool(config.upstreams) and all(upstream.client_key for upstream in config.upstreams.values())
    unlocked = auth is None or not (getattr(auth, "keys", True) or getattr(auth, "required", False))
    if unlocked and not theirs and not on_loopback(config.server.host):
        missing = "there is no key: put keys, or required = true, under [auth]"
        if auth is None:
            missing = 'the line has no auth: take it out of without, put one of yours in its place (replace = "auth")'
        text = f"can be reached from elsewhere, and {missing}, or client_key = true in every upstream"
        problems.add(("server", "host"), f"{config.server.host or 'every address'} {text}")


def check_options(auth: Any, stages: Sequence[tuple[str, Any]], problems: Problems) -> None:
    """The settings that a key in the configuration has of its own are such of *stages*."""
    for number, key in enumerate(getattr(auth, "keys", ())):
        for text in overlay.problems(getattr(key, "options", {}), stages):
            problems.add(("auth", "keys", number, "options"), text)


def on_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def own_tls(config: Config, problems: Problems) -> ssl.SSLContext | None:
    """The context of our listener, if it speaks TLS."""
    if (tls := config.server.tls) is None:
        return None
    try:
        return tls_context(tls.certificate, tls.key)
    except OSError as error:
        problems.add(("server", "tls"), f"{tls.certificate} and {tls.key} can't be used: {error.strerror or error}")
    return None
