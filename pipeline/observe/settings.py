"""What can be configured of observing: the tables ``[metrics]``, ``[capture]`` and ``[traces]``."""

from pathlib import Path
from typing import Annotated

import attrs

from pipeline.bounds import Bytes, Part
from pipeline.secret import Secret
from pipeline.structure import Check


def _url(value: str) -> None:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f'expected a URL such as "http://127.0.0.1:4318/v1/traces", got "{value}"')


Url = Annotated[str, Check(_url)]


@attrs.frozen(kw_only=True)
class Metrics:
    """What Prometheus reads at /metrics, and who may."""

    enabled: bool = True
    token: Secret | None = None  # "authorization: Bearer …", from wherever; none: this machine only
    remote: bool = False  # true: without a token, also from other machines


@attrs.frozen(kw_only=True)
class Capture:
    """Whole exchanges in files, for a search for errors: what people say is in them, and no secret."""

    enabled: bool = False
    folder: Path | None = None  # captures in the user's data directory
    most: Bytes = 256 * 1024 * 1024  # bytes of all files; over it the oldest go
    each: Bytes = 8 * 1024 * 1024  # bytes of one body; the rest of it is not kept
    keys: tuple[str, ...] = ("*",)  # globs of the names of callers
    models: tuple[str, ...] = ("*",)  # globs of the models that are asked for


@attrs.frozen(kw_only=True)
class Traces:
    """Where spans of OpenTelemetry go (OTLP over HTTP); none: nowhere.  Needs the extra otel."""

    endpoint: Url | None = None
    headers: dict[str, Secret] = attrs.field(factory=dict)  # put on every request to it
    service: str = "pipeline"  # what this gateway is called there
    sample: Part = 1.0  # the part of requests that begin a trace; one that the client began is followed as it says
