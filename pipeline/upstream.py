"""Who answers: one place that speaks a dialect, as the line sees it.

Built once from the configuration (``config.Upstream``), shared by all exchanges.  It holds what is needed to reach the
place, and the stages that run once per attempt there.  It opens nothing itself: ``forward`` does, with the opener.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol

import attrs
import trio

from pipeline.credentials.wallet import Wallet
from pipeline.dialect import Dialect, Model
from pipeline.secret import Secret
from transports.messages import Headers
from transports.pool import Pool
from transports.upstream import Link, Origin, Timers
from transports.upstream_connect import Connector


class Opener(Protocol):
    """What stands in for connections where an upstream is no server: it is called for a link, as ``Connect`` is.

    Made with *name*, the upstream's, and *settings*, of the type that its own annotation says; an async context
    manager, entered at start, which raises ConfigError if the upstream can't be had.
    """

    @property
    def origin(self) -> Origin:
        """What is called an origin elsewhere; for people."""

    def missing(self) -> list[str]:
        """What it needs and this machine has not, as far as looking tells: each with its place in the configuration."""

    async def __call__(self, origin: Origin) -> Link:
        """A link for one exchange."""

    async def __aenter__(self) -> "Opener":
        """Make sure that it can be opened."""

    async def __aexit__(self, *raised: Any) -> None:
        """Give up what is held."""


@attrs.frozen
class Quota:
    """How one of an upstream's own limits stands, as it told *at* that moment (ms)."""

    name: str  # as the upstream calls it: "5h", "requests"
    utilisation: float  # the part that is used; 1.0: nothing is left
    resets: int  # when it begins anew, in ms; 0: not told
    at: int


class Quotas(MutableMapping[str, Quota]):
    """How an upstream's own limits stand, by name: what it told last of each holds.

    It tells with every reply, and hardly anybody looks: what it told is kept as it came until somebody does.
    """

    def __init__(self) -> None:
        self.full = False  # nothing was left of one of them when they were looked at last
        self._known: dict[str, Quota] = {}
        self._told: Mapping[bytes, bytes] = {}  # last, and not looked at yet
        self._read: Callable[[], Mapping[str, Quota]] = dict  # what those fields say

    def tell(self, fields: Mapping[bytes, bytes], read: Callable[[], Mapping[str, Quota]]) -> None:
        """It told *fields*, which ``read`` makes quotas of; what fields of the same names told before is over."""
        if self._told.keys() != fields.keys():
            self.look()
        self._told, self._read = fields, read

    def look(self) -> dict[str, Quota]:
        """All that is known, by now of what it told last, too."""
        if self._told:
            self._known.update(self._read())
            self._told, self._read = {}, dict
            self.full = any(quota.utilisation >= 1 for quota in self._known.values())
        return self._known

    def __getitem__(self, name: str) -> Quota:
        return self.look()[name]

    def __setitem__(self, name: str, quota: Quota) -> None:
        self.look()[name] = quota
        self.full |= quota.utilisation >= 1

    def __delitem__(self, name: str) -> None:
        del self.look()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.look())

    def __len__(self) -> int:
        return len(self.look())


RECENT = 20  # tries that are remembered of an upstream


@attrs.define(eq=False)
class Condition:
    """How an upstream has been of late.  Whoever asks it keeps this; others look.  Moments are trio's."""

    running: int = 0  # replies that are under way
    row: int = 0  # failures, one after the other
    recent: deque[bool] = attrs.field(factory=lambda: deque(maxlen=RECENT))  # of the last tries, whether it was well
    rests: int = 0  # how often it had to rest since it was well; 0: it is well enough to be asked
    until: float = -math.inf  # when it has rested
    probes: int = 0  # requests that find out whether it is well again

    def resting(self, now: float) -> bool:
        """Whether it is left alone at *now*."""
        return self.rests > 0 and now < self.until


@attrs.define(eq=False)
class Listed:
    """The models that an upstream listed last.  Whoever asks it keeps this; others look.  Moments are trio's."""

    models: dict[str, Model] = attrs.field(factory=dict)  # by id
    until: float = -math.inf  # when it is to be asked again
    asking: trio.Lock = attrs.field(factory=trio.Lock)


@attrs.frozen(kw_only=True, eq=False)
class Upstream:
    """One place that answers."""

    name: str
    dialect: Dialect
    origin: Origin
    base: str  # path below which the dialect's operations live, without a trailing slash: "/v1"
    key: Secret | None = None
    client_key: bool = False  # send the client's own credential on instead of *key*
    pool: Pool
    connector: Connector | None = None  # what makes the pool's connections; None for what is no server
    timers: Timers
    first_token: float = math.inf  # seconds that a stream may take until it says the first word
    models: tuple[str, ...] = ()  # globs of the models it has; empty: any
    headers: Headers = attrs.field(factory=list)  # the operator's own, put last
    query: str = ""  # the operator's own, as it stands in a URL
    client_identity: Literal["always", "never", "auto"] = "never"  # when who asks is kept from it
    preface: str = ""  # the operator's own words before the system prompt, where who asks is kept from it
    program: bool = False  # reached by running a program under the operator's own login: never open to everyone
    stages: tuple[tuple[str, Callable[..., Any]], ...] = ()  # name and stage, in the order up
    wallet: Wallet = attrs.field(
        default=attrs.Factory(lambda self: Wallet.of(self.name, [self.key]), takes_self=True), repr=False
    )  # what it is shown: *key*, and more
    windows: Quotas = attrs.field(factory=Quotas, repr=False)  # what it told last of its limits
    condition: Condition = attrs.field(factory=Condition, repr=False)
    listed: Listed = attrs.field(factory=Listed, repr=False)  # what it told of its models

    def has(self, model: str) -> bool:
        """Whether *model* may be asked for here."""
        return not self.models or any(fnmatchcase(model, glob) for glob in self.models)
