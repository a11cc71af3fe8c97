"""A sign of life in a stream that has begun: a frame that changes nothing, whatever its reader keeps.

    words, thoughts or arguments have begun    …delta, which is empty
    nothing that has deltas is open            response.in_progress once more, with the items as they stand

It must be an event, since Codex counts nothing else as life; and one that the reference has, since strict readers raise
on others (the API's own ``keepalive`` is not in it, and OpenAI's JavaScript helper knows it only from 6.46 on).  That
helper takes the response in an ``in_progress`` for all there is so far: what follows finds its item in there or fails.
"""

from stages.dialects.responses.adopted import Adopted
from stages.dialects.responses.items import Item
from stages.dialects.responses.response import alive
from stages.dialects.responses.sheet import Sheet


def beat(sheet: Sheet, state: Adopted, response: Item) -> bytes:
    """The frame, on *sheet*, for what *state* says is open; *response*: as it was begun."""
    beats = (block.beat() for block in reversed(state.open.values()))
    if found := next(filter(None, beats), b""):
        return found
    items = dict(sheet.output)
    if state.message is not None:
        items[state.message.place] = state.message.now()
    items |= {block.where["output_index"]: block.began for block in state.open.values() if block.began is not None}
    output = [items[place] for place in sorted(items)]
    return sheet.frame("response.in_progress", response=alive(response, output))
