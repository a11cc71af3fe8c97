"""Usage: how many tokens a prompt is, and which of them a cache would have saved.

    tools → system → messages      block ─▶ block ─▶ block* ─▶ block ─▶ block*        * breakpoint
                                   └──── known ─────┘└──── written ────┘└ fresh ┘

A token is four bytes, rounded up once for the whole prompt.  A text weighs its UTF-8, every other block and each tool
its compact JSON; markers of caching weigh nothing and change nothing.  Every block moves one rolling digest on, so that
a position in the prompt has a name: what was seen under that name before, for the same model, is read from the cache.
Only names are kept, the newest few thousand, each until it expires.
"""

import hashlib
from collections import OrderedDict
from typing import Any

import attrs
import msgspec

MINUTES = {"5m": 300.0, "1h": 3600.0}
MARKERS = ("cache_control", "prompt_cache_breakpoint")
LOOKBACK = 20  # positions before a breakpoint at which an earlier one is still found (prompt caching guide)
_encode = msgspec.json.Encoder().encode


def tokens(weight: int) -> int:
    """The tokens of *weight* bytes."""
    return -(-weight // 4)


@attrs.frozen
class Input:
    """The tokens of a prompt in disjoint classes."""

    fresh: int = 0
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        """What was put into the cache, for however long."""
        return self.written_5m + self.written_1h

    @property
    def total(self) -> int:
        """All of them."""
        return self.fresh + self.read + self.written


@attrs.frozen
class Position:
    """A place between two blocks: its *name*, the *weight* before it, and whether a breakpoint is set there."""

    name: bytes
    weight: int
    ttl: str = ""


class Prefix:
    """The blocks of a prompt as they come, weighed and named."""

    def __init__(self) -> None:
        self.weight = 0
        self.positions: list[Position] = []
        self._digest = hashlib.blake2b(digest_size=16)

    @property
    def name(self) -> bytes:
        """The name of everything so far."""
        return self._digest.copy().digest()

    def add(self, role: str, block: Any, ttl: str = "") -> None:
        """Take in one block, and the breakpoint behind it if *ttl* is set."""
        text = block.get("text") if isinstance(block, dict) and block.get("type") == "text" else None
        piece = text.encode(errors="replace") if isinstance(text, str) else _encode(_bare(block))
        self._digest.update(b"%s %d:" % (role.encode(), len(piece)))
        self._digest.update(piece)
        self.weight += len(piece)
        self.positions.append(Position(self.name, self.weight, ttl))


def _bare(block: Any) -> Any:
    """*block* without its marker: moving one must not change a prefix."""
    return {key: value for key, value in block.items() if key not in MARKERS} if isinstance(block, dict) else block


class Cache:
    """Names of prefixes seen, per model; the oldest are forgotten first."""

    def __init__(self, most: int = 4096) -> None:
        self.most = most
        self._until: OrderedDict[tuple[str, bytes], float] = OrderedDict()

    def use(self, model: str, positions: list[Position], now: float, *, least: int, lookback: int = LOOKBACK) -> Input:
        """Look *positions* up and remember the breakpoints among them.

        *now* in seconds; *least*: tokens below which nothing is cached; *lookback*: how many positions before a
        breakpoint are tried.
        """
        total = tokens(positions[-1].weight) if positions else 0
        marks = [n for n, at in enumerate(positions) if at.ttl and tokens(at.weight) >= least]
        read = max((self._found(model, positions[max(0, n - lookback) : n + 1], now) for n in marks), default=0)
        hours = max((positions[n].weight for n in marks if positions[n].ttl == "1h"), default=0)
        ends = max((positions[n].weight for n in marks), default=0)
        for n in marks:
            self._keep((model, positions[n].name), now + MINUTES.get(positions[n].ttl, 300.0))
        known, long, last = tokens(read), tokens(max(read, hours)), tokens(max(read, ends))
        return Input(total - last, known, last - long, long - known)

    def _found(self, model: str, positions: list[Position], now: float) -> int:
        """The weight of the longest known prefix among *positions*; a hit is good for longer again."""
        for at in reversed(positions):
            if self._until.get((model, at.name), 0.0) > now:
                self._keep((model, at.name), now + MINUTES["5m"])
                return at.weight
        return 0

    def _keep(self, key: tuple[str, bytes], until: float) -> None:
        self._until[key] = max(until, self._until.pop(key, 0.0))
        while len(self._until) > self.most:
            self._until.popitem(last=False)
