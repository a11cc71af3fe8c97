"""A group of probes: fields that stand in one place, and the request they are put into."""

from typing import Any

import attrs

Body = dict[str, Any]


@attrs.frozen
class Group:
    """Fields of one place.

    *rows*: value by label.  A label is a name, or a dotted way to it, below *at* in *base*; what follows a colon tells
    values of one field apart.  Where *at* leads to a list, the value is put at its end.
    """

    title: str
    kind: str  # the ``type`` (or role) whose fields these are; "" for a request's
    base: Body
    at: tuple[str | int, ...]
    rows: dict[str, Any]
