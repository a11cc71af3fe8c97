"""Records and errors in other words: what one dialect does for another names places as that one knows them.

with worded(prompt, words):        words("reasoning_effort")  ─▶  "reasoning.effort"
    …                              all that is recorded or raised inside
"""

from collections.abc import Callable

import attrs

from pipeline.errors import InvalidRequest
from pipeline.prompt import Prompt

Words = Callable[[str], str]  # a place as it was recorded → as it is known elsewhere


class worded:  # noqa: N801  # stands after "with", as the functions of contextlib do
    """Errors raised and edits recorded on *prompt* inside get their place by *words*."""

    def __init__(self, prompt: Prompt, words: Words) -> None:
        self._edits, self._words = prompt.edits, words

    def __enter__(self) -> None:
        self._before = len(self._edits)

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> None:
        words = self._words
        if isinstance(raised, InvalidRequest) and raised.param and (own := words(raised.param)) != raised.param:
            raised.message = raised.message.replace(raised.param, own, 1)
            raised.param = own
            raised.args = (raised.message,)
        for number, edit in enumerate(self._edits[self._before :], self._before):
            self._edits[number] = attrs.evolve(edit, path=words(edit.path))
