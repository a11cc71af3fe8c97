"""Routes: a table of typed functions, from which requests are answered and the API's document is made.

    post("/keys", create, status=201)
    async def create(ask: Ask, body: NewKey) -> Created          what is sent, what comes back: the annotations
    async def change(ask: Ask, id: str, body: Changes) -> …      {id} of the path
    async def listed(ask: Ask, query: Page) -> …                 what stands behind the ?

A call that gives None is answered with 204.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, get_type_hints
from urllib.parse import unquote

import attrs

Call = Callable[..., Awaitable[Any]]


class Send(Protocol):
    """Where a download goes."""

    async def __call__(self, data: bytes) -> None:
        """Send *data*; waits while the client does not read."""


@attrs.frozen
class Download:
    """An answer that is a file: its media type, its name, and what writes it."""

    media: str
    name: str
    write: Callable[[Send], Awaitable[None]]


@attrs.frozen(eq=False)
class Route:
    """One operation of the API."""

    method: str
    pattern: str
    call: Call
    status: int = 200
    open: bool = False  # needs no login
    refuses: tuple[int, ...] = ()  # beside what every operation may answer
    media: tuple[str, ...] = ("application/json",)  # of the answer
    hints: Mapping[str, Any] = attrs.field(init=False)
    segments: tuple[str, ...] = attrs.field(init=False)

    @hints.default
    def _annotated(self) -> Mapping[str, Any]:
        return get_type_hints(self.call)

    @segments.default
    def _split(self) -> tuple[str, ...]:
        return tuple(self.pattern.strip("/").split("/"))

    @property
    def name(self) -> str:
        """What the operation is called: ``keys_rotate``."""
        return f"{self.call.__module__.rpartition('.')[2]}_{self.call.__name__}"

    @property
    def parameters(self) -> list[str]:
        """The names in braces."""
        return [segment[1:-1] for segment in self.segments if segment.startswith("{")]

    def fit(self, segments: Sequence[str]) -> dict[str, str] | None:
        """What stands for the names in braces, if the path *segments* is one of this route's."""
        if len(segments) != len(self.segments):
            return None
        found = {}
        for ours, theirs in zip(self.segments, segments, strict=True):
            if ours.startswith("{"):
                found[ours[1:-1]] = theirs
            elif ours != theirs:
                return None
        return found if all(found.values()) else None


get = partial(Route, "GET")
post = partial(Route, "POST")
put = partial(Route, "PUT")
patch = partial(Route, "PATCH")
delete = partial(Route, "DELETE", status=204)


def split(path: str) -> list[str] | None:
    """The segments of *path*, decoded; None for one that no name of ours could stand in."""
    try:
        segments = [unquote(segment, errors="strict") for segment in path.strip("/").split("/")]
    except UnicodeDecodeError:
        return None
    return segments if all(character >= " " for segment in segments for character in segment) else None


def found(routes: Sequence[Route], path: str) -> list[tuple[Route, dict[str, str]]]:
    """The routes that *path* may mean, with what stands for their names in braces; who has none goes before."""
    segments = split(path)
    fitting = (
        [] if segments is None else [(route, names) for route in routes if (names := route.fit(segments)) is not None]
    )
    literal = [(route, names) for route, names in fitting if not names and not route.parameters]
    return literal or fitting
