"""Who answers: one place that speaks a dialect, as the line sees it.

Built once from the configuration (``config.Upstream``), shared by all exchanges.  It holds what is needed to reach the
place, and the stages that run once per attempt there.  It opens nothing itself: ``forward`` does, with the opener.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import attrs

from pipeline.dialect import Dialect
from pipeline.secret import Secret
from transports.messages import Headers
from transports.pool import Pool
from transports.upstream import Origin, Timers


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
    timers: Timers
    models: tuple[str, ...] = ()  # globs of the models it has; empty: any
    headers: Headers = attrs.field(factory=list)  # the operator's own, put last
    query: str = ""  # the operator's own, as it stands in a URL
    stages: tuple[tuple[str, Callable[..., Any]], ...] = ()  # name and stage, in the order up

    def has(self, model: str) -> bool:
        """Whether *model* may be asked for here."""
        return not self.models or any(fnmatchcase(model, glob) for glob in self.models)
