"""What a stream is written on: the numbers of its frames, the places of its items, and what of them is complete.

frame("response.output_item.added", output_index=0, item={…})
  ─▶  event: response.output_item.added
      data: {"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{…}}
"""

from typing import Any

import msgspec

from stages.dialects.responses.items import Ids, Item

_quote = msgspec.json.Encoder().encode


class Sheet:
    """Of one reply, which *model* gives."""

    def __init__(self, ids: Ids, model: str) -> None:
        self.ids, self.model = ids, model
        self.number = 0  # of the next frame
        self.output: dict[int, Item] = {}  # complete items by output_index
        self._places = 0
        self._items = 0

    def frame(self, kind: str, **fields: Any) -> bytes:
        """A frame of *kind* with its number."""
        name = kind.encode()
        number, self.number = self.number, self.number + 1
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b\n\n' % (name, name, number, _quote(fields)[1:])

    def place(self, wanted: int = -1) -> int:
        """The output_index of a new item: *wanted*, or the next."""
        place = self._places if wanted < 0 else wanted
        self._places = max(self._places, place + 1)
        return place

    def item_id(self, prefix: str) -> str:
        """The id of a new item."""
        self._items += 1
        return self.ids.item(prefix, self._items)

    def outputs(self) -> list[Item]:
        """The complete items in their order."""
        return [self.output[place] for place in sorted(self.output)]


class Pieces:
    """The frames of one kind of delta in one place: all but number and text stands still."""

    __slots__ = ("_head", "_middle", "_sheet", "_tail")

    def __init__(self, sheet: Sheet, kind: str, where: Item, tail: bytes = b"}\n\n") -> None:
        name = kind.encode()
        self._sheet, self._tail = sheet, tail
        self._head = b'event: %b\ndata: {"type":"%b","sequence_number":' % (name, name)
        self._middle = b"," + _quote(where)[1:-1] + b',"delta":'

    def frame(self, piece: str) -> bytes:
        """The frame that tells *piece*."""
        sheet = self._sheet
        number, sheet.number = sheet.number, sheet.number + 1
        return b"%b%d%b%b%b" % (self._head, number, self._middle, _quote(piece), self._tail)
