"""Records and errors in other words: what one dialect does for another names places as that one knows them.

with worded(prompt, words):        words("reasoning_effort")  ─▶  "reasoning.effort"
    …                              all that is recorded or raised inside
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from pipeline.errors import InvalidRequest
from pipeline.prompt import Prompt

Words = Callable[[str], str]  # a place as it was recorded → as it is known elsewhere


@contextmanager
def worded(prompt: Prompt, words: Words) -> Iterator[None]:
    """Errors raised and edits recorded on *prompt* inside get their place by *words*."""
    before = len(prompt.edits)
    try:
        yield
    except InvalidRequest as error:
        if error.param and (own := words(error.param)) != error.param:
            error.message = error.message.replace(error.param, own, 1)
            error.param = own
            error.args = (error.message,)
        raise
    finally:
        prompt.edits[before:] = [attrs.evolve(edit, path=words(edit.path)) for edit in prompt.edits[before:]]
