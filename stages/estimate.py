"""Estimate: what a request may use before its reply is there: an upper bound that is realistic.

    prompt      counted here, priced as dearly as its cache marks allow     × what such prompts really cost, at most
    output      the least of  what the request allows · what the model can · the most that such requests used

*Such* requests are the last REMEMBERED of the same key and model.  A client that always says ``max_tokens`` = 128,000
and gets 2,000 would otherwise hold its whole budget with every request; one whose prompt comes from a cache nine times
of ten would pay for it in advance in full.  Until FEW of them are known the bound is the one that can't be exceeded.
What was learned is this process's own and may be lost: then bounds are wide again for a while.
"""

import math
import re
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import repeat

import attrs

from pipeline.dialect import Dialect
from pipeline.prompt import Prompt
from pipeline.upstream import Upstream
from stages.capabilities import capability
from stages.prices.cost import Quote

REMEMBERED = 64  # requests of a key and model: the most of them is about what one in a hundred exceeds
FEW = 8  # before that nothing is concluded
MODELS = 2_000  # keys and models that are remembered
AROUND = 350  # tokens that an API adds to a prompt with tools
OUTPUT = 32_768  # tokens that a model of which nothing is known may write
DEAREST = 4.0  # how much more than counted a prompt may turn out to cost

_ALLOWING = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens", "n"})  # of a reply; n: of choices
_FIRST = 64  # tokens: a few words

# Searched for by pattern: ``in`` takes three times as long for short words in half a megabyte of JSON.
_PICTURED = re.compile(rb"base64")
_SOLID = re.compile(rb'[^ "]{256}')
_HOUR = re.compile(rb'"1h"')


@attrs.define(eq=False)
class Bound:
    """What a request may use at most, as far as that can be told: all tokens, and micro-dollars.

    *prompt* is what shares of are learned: what the prompt alone costs, written to the cache.
    """

    tokens: int
    cost: int
    prompt: int = 0
    _least: Callable[[], int] = int

    @property
    def least(self) -> int:
        """What it costs with a first few words: with less there is no use in asking."""
        return self._least()  # hardly ever asked for


class Last:
    """The last REMEMBERED numbers of some, and the *most* of them; at least 0."""

    __slots__ = ("_numbers", "most")

    def __init__(self) -> None:
        self.most: float = 0
        self._numbers: deque[float] = deque(maxlen=REMEMBERED)

    def add(self, number: float) -> None:
        """Remember *number*, and forget the first where there are too many."""
        numbers = self._numbers
        if number >= self.most:
            self.most = number
            numbers.append(number)
            return
        first = numbers[0]  # there is one: that which is the most
        numbers.append(number)
        if first == self.most:  # and may be forgotten now
            self.most = max(numbers)  # of sixty it takes as long as all the rest here

    def __len__(self) -> int:
        return len(self._numbers)


@attrs.define(eq=False)
class Uses:
    """What the last requests of a key and model used: tokens of output, and the share of what was thought."""

    output: Last = attrs.field(factory=Last)
    share: Last = attrs.field(factory=Last)


@attrs.define(eq=False)
class Learned:
    """What requests used in the end, by key and model."""

    _known: OrderedDict[tuple[str, str], Uses] = attrs.field(factory=OrderedDict)

    def remember(self, key: str, model: str, output: int, share: float) -> None:
        """A request wrote *output* tokens, and its prompt cost *share* of what was thought."""
        uses = self._known.get((key, model))
        if uses is None:
            uses = self._known[key, model] = Uses()
            if len(self._known) > MODELS:
                self._known.popitem(last=False)
        uses.output.add(output)
        uses.share.add(min(share, DEAREST))
        self._known.move_to_end((key, model))

    def most(self, key: str, model: str) -> tuple[int | None, float]:
        """The most output of the last, and the largest share; None and 1 while too few are known."""
        uses = self._known.get((key, model))
        if uses is None or len(uses.output) < FEW:
            return None, 1.0
        return int(uses.output.most), uses.share.most


def bound(
    prompt: Prompt,
    model: str,
    tokens: int,
    most: tuple[int | None, float],
    quote: Quote,
    failed: int = 0,
    *,
    hour: bool,
) -> Bound:
    """What *prompt*, of that many *tokens*, may use; *hour*: its cache may be written for an hour; *most*: learned.

    *failed*: what earlier tries cost.
    """
    learned, share = most
    output = allowed(prompt, model)
    if learned is not None:
        output = min(output, max(learned, 1))
    hour = hour and learned is None  # what was learned has it in the share
    prompted, cost = quote.most(tokens, output, hour=hour)
    saved = prompted - round(prompted * share)
    return Bound(
        tokens + output,
        failed + max(1, cost - saved),
        prompted,
        lambda: failed + max(1, quote.most(tokens, min(output, _FIRST), hour=hour)[1] - saved),
    )


def allowed(prompt: Prompt, model: str) -> int:
    """The tokens of output that *prompt* and *model* allow, in all choices together."""
    known = capability(model)
    most = math.inf if known is None else known.output
    said = prompt.some(_ALLOWING)
    choices = said.pop("n", None)
    for tokens in said.values():
        if type(tokens) is int and 0 < tokens < most:
            most = tokens
    output = OUTPUT if most is math.inf else int(most)
    return output * choices if type(choices) is int and 1 < choices <= 128 else output


def about(asked: Prompt, dialect: Dialect) -> int:
    """The tokens of *asked*, a client's prompt of *dialect*, or more.

    Plain text is taken by its length, as dense as any model cuts it: 50 µs for half a megabyte where a count takes a
    millisecond.  What holds pictures or files is counted: their length says nothing.
    """
    raw = asked.encode()
    if raw.isascii() and not (solid(raw) and _PICTURED.search(raw)):
        return AROUND + len(raw) * 2 // 5
    return dialect.count(asked)


def solid(raw: bytes) -> bool:
    """Whether *raw* may hold a picture: somewhere a quarter of a kilobyte has neither space nor quote.

    Looks at every fourth kilobyte; a picture that slips through is no larger than that, and taken for text.
    """
    return any(map(_SOLID.match, repeat(raw), range(0, len(raw), 4096)))


def for_an_hour(asked: Prompt, upstream: Upstream) -> bool:
    """Whether *asked*, or a stage of the attempt, may have the cache of *upstream* written for an hour."""
    return _HOUR.search(asked.encode()) is not None or any(
        getattr(stage, "ttl", None) == "1h" for _, stage in upstream.stages
    )
