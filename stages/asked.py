"""Asked: what rules of ``model_map`` want to know of a request, looked up when it is asked for, and once.

    key, fields, bytes   a look
    thinking             a few fields of the prompt, and the suffix of its model's name
    images               a search of the text; where that finds one, the types of the conversation's blocks
    tokens               the dialect's own estimate: a millisecond for half a megabyte

What rules do not ask about costs nothing.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec

from pipeline.errors import InvalidRequest
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from stages.thinking import wished

PICTURES = frozenset({"image", "image_url", "input_image", "computer_screenshot"})

_PICTURE = re.compile(rb'"type"\s*:\s*"(?:%b)"' % "|".join(sorted(PICTURES)).encode())


class Asked:
    """The facts of one exchange; *effort*: what the suffix of its model's name says, if it has one."""

    def __init__(self, exchange: Exchange, effort: str | int | None) -> None:
        self._exchange, self._effort = exchange, effort

    @property
    def key(self) -> str:
        """The name of the key that asks; empty for nobody."""
        return self._exchange.caller.name if self._exchange.caller is not None else ""

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The request's fields; of one that is given twice the first value."""
        fields = reversed(self._exchange.request.headers)
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}

    @cached_property
    def thinking(self) -> bool:
        """Whether the client asks for thinking, in whatever words; what can't be read is a wish: others judge it."""
        try:
            intent = wished(self._exchange.prompt, self._effort)
        except InvalidRequest:
            return True
        return intent is not None and not intent.off

    @cached_property
    def size(self) -> int:
        """The bytes of the prompt."""
        return len(self._exchange.prompt.encode())

    @cached_property
    def images(self) -> bool:
        """Whether there are pictures in the conversation."""
        return pictured(self._exchange.prompt)

    @cached_property
    def tokens(self) -> int:
        """The tokens of the prompt, as its dialect estimates them."""
        return self._exchange.dialect.count(self._exchange.prompt)


class Block(msgspec.Struct, gc=False):
    """A part of a conversation: a message, a block of one, a call's result, and what is in them."""

    type: str | None = None
    content: "str | list[Block | str] | Block | None" = None
    output: "str | list[Block | str] | Block | None" = None


class Conversation(msgspec.Struct, gc=False):
    """What is said in a prompt."""

    messages: list[Block] = []
    input: str | list[Block | str] | None = None


_CONVERSATION = msgspec.json.Decoder(Conversation)


def pictured(prompt: Prompt) -> bool:
    """Whether there are pictures in *prompt*: not in the input of a call, nor in what describes a tool."""
    raw = prompt.encode()
    if _PICTURE.search(raw) is None:
        return False
    try:
        said = _CONVERSATION.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True  # what can't be read here is taken at its looks
    return _pictures(said.messages) or _pictures(said.input)


def _pictures(blocks: "str | Iterable[Block | str] | Block | None") -> bool:
    if blocks is None or isinstance(blocks, str):
        return False
    blocks = [blocks] if isinstance(blocks, Block) else blocks
    return any(
        not isinstance(block, str) and (block.type in PICTURES or _pictures(block.content) or _pictures(block.output))
        for block in blocks
    )
