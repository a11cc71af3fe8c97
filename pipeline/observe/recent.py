"""Recent: the last requests, in memory, for a look at what just happened.

    every exchange, when it is over ──▶ one entry of JSON ──▶ a ring: at most *most* of them, and SIZE bytes

The books hold what reached an upstream, for ever; this holds everything that came, also what was refused at the door,
until as many others have come.  Of this process, gone with it.  Nothing that was said is in it.
"""

import json
from collections import OrderedDict
from typing import Any

import attrs
import msgspec

SIZE = 8 * 1024 * 1024  # bytes of all entries
SHARED = 50  # requests that another worker is told
LONGEST = 64 * 1024  # bytes of one; a longer one is kept without its changes

_ENCODER = msgspec.json.Encoder()


class Recent:
    """The last requests."""

    def __init__(self, most: int = 500, size: int = SIZE) -> None:
        self.most, self.size, self.held = most, size, 0
        self._entries: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: dict[str, Any]) -> None:
        """Keep *entry*, which has an ``id``; the oldest go."""
        if not self.most:
            return
        encoded = in_json(entry)
        if len(encoded) > LONGEST:
            encoded = in_json({name: value for name, value in entry.items() if name != "effects"})
        self.held += len(encoded) - len(self._entries.pop(entry["id"], b""))
        self._entries[entry["id"]] = encoded
        while len(self._entries) > self.most or self.held > self.size:
            self.held -= len(self._entries.popitem(last=False)[1])

    def listed(self, most: int) -> list[bytes]:
        """The last *most*, the newest first; each as JSON."""
        newest = reversed(self._entries.values())
        return [entry for entry, _ in zip(newest, range(most), strict=False)]

    def told(self) -> list[dict[str, Any]]:
        """What another worker is told: the last SHARED, whole."""
        return [msgspec.json.decode(entry) for entry in self.listed(SHARED)]

    def one(self, id: str) -> bytes | None:  # noqa: A002  # the request's
        """The request *id* as JSON, if it is still there."""
        return self._entries.get(id)


def in_json(entry: Any) -> bytes:
    """*entry* as JSON; halves of characters, which a client may send and UTF-8 has no word for, become ``?``.

    What stands in it as an object of ours, an edit, is told by its fields.
    """
    try:
        return _ENCODER.encode(entry)
    except UnicodeEncodeError:
        return json.dumps(entry, ensure_ascii=False, default=attrs.asdict).encode("utf-8", "replace")
