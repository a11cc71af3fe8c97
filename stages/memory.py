"""Memory: what the beginnings of conversations became, so that the next turn of each is not translated whole again.

    turn 1   head · [m0 … m9 │ m10 … m13]   translated; kept: head, m0 … m9 as they came, and what they became, as bytes
    turn 2   head · [m0 … m9 │ m10 … m15]   the same bytes: m10 … m15 are translated, and put behind what is kept

Agents send the whole conversation with every turn, and its translation begins with that of the turn before.  So what is
kept stands for the beginning of a body if all of this is the same: the caller, both dialects (a provider has its own),
the effort asked for, and, byte for byte, all of the body but its conversation (the *head*: model, system, tools,
settings) and the conversation up to the cut.  Bytes are compared, not digests: nobody can make one conversation pass
for another.  What comes of it is to the byte what translating afresh makes, with the same edits; what fails is
translated afresh, and fails as it would have.

The cut stands a few messages before the end, since clients move their marks for caches among the last ones.  Short
conversations are not worth it, and one larger than a quarter of the memory is not kept.  Over its limit the memory
forgets what was used longest ago: heads first, of one head the oldest conversation.  **Prompts stay here** after their
requests, in the process's memory alone, until then or until the process ends; with a limit of 0 there is no memory.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import attrs
import msgspec

from pipeline.dialect import Dialect
from pipeline.document import Document, Malformed
from pipeline.prompt import Prompt
from stages.dialects.anthropic.context import FIELD
from stages.dialects.course import TALK, Course, Past, cut_of, opens

PAIRS = frozenset({("anthropic", "chat"), ("anthropic", "responses")})  # whose walks know courses

LEAST = 32 * 1024  # bytes of a conversation: a shorter one is translated in less time than this is worth
BEHIND = 4  # messages behind the cut, at least: those among which marks move
GROWTH = 16  # a cut moves on when what is behind it is more than this part of the conversation: to copy it costs, too
SHARE = 4  # what is kept of one conversation may take this part of the limit
SMALL = 512  # bytes that an edit, an id or another small thing takes, at most

Fields = dict[str, Any]

_ENCODER = msgspec.json.Encoder()


@attrs.frozen(eq=False)
class Beginning:
    """The beginning of a conversation, as it came and as it went on, without brackets; and how its walks were left."""

    text: bytes  # up to where the next message begins
    made: bytes
    items: int  # in *made*
    past: Past
    weight: int  # bytes that all of it takes, its head included, about


class Memory:
    """Beginnings of conversations, *limit* bytes of them at most; none of conversations shorter than *least*."""

    def __init__(self, limit: int, least: int = LEAST) -> None:
        self._limit, self._least = limit, least
        self.weight = 0  # bytes that are kept
        self._kept: OrderedDict[Hashable, list[Beginning]] = OrderedDict()

    def turn(self, prompt: Prompt, source: Dialect, target: Dialect, *rest: Hashable) -> "Turn | None":
        """What of *prompt* is to be translated from *source* to *target*; None where nothing is to be remembered.

        *rest*: what else its translation depends on, and whose it is.
        """
        if not self._limit or (source.NAME, target.NAME) not in PAIRS:
            return None
        talk = prompt.text(TALK[source.NAME])
        if len(talk) < self._least or talk[:1] != b"[":
            return None
        if prompt.get(FIELD) is not None:  # what is cleared of a conversation (``context``) depends on the whole of it
            return None
        head = prompt.without(TALK[source.NAME])
        key: tuple[Any, ...] = (source.NAME, target, prompt.author, head, *rest)
        try:
            return Turn(self, key, head, talk, self._found(key, talk), (TALK[source.NAME], TALK[target.NAME]))
        except Malformed:  # said afresh
            return None

    def keep(self, key: Hashable, beginning: Beginning, before: Beginning | None) -> None:
        """Remember *beginning* under *key*, in the place of the one *before*, if there is any."""
        if beginning.weight > self._limit // SHARE:
            return
        kept = self._kept.setdefault(key, [])
        if before is not None and before in kept:
            kept.remove(before)
            self.weight -= before.weight
        kept.append(beginning)
        self._kept.move_to_end(key)
        self.weight += beginning.weight
        while self.weight > self._limit:
            self._forget()

    def _found(self, key: Hashable, talk: bytes) -> Beginning | None:
        """What is kept of *talk* under *key*, which now is what was used last."""
        kept = self._kept.get(key, [])
        found = next((one for one in reversed(kept) if talk.startswith(one.text)), None)
        if found is not None:
            kept.remove(found)
            kept.append(found)
            self._kept.move_to_end(key)
        return found

    def _forget(self) -> None:
        """Forget one beginning."""
        key, kept = next(iter(self._kept.items()))
        self.weight -= kept.pop(0).weight
        if not kept:
            del self._kept[key]


class Turn:
    """One turn of a conversation.  *before*: what is kept of it; *fields*: where the one body has it, and the other."""

    def __init__(
        self, memory: Memory, key: Hashable, head: bytes, talk: bytes, before: Beginning | None, fields: tuple[str, str]
    ) -> None:
        self._memory, self._key, self._head, self._talk, self._field = memory, key, head, talk, fields[1]
        behind, messages = _behind(talk, before)
        if before is not None and not opens(messages[0]):  # at its cut another goes on
            before, (behind, messages) = None, _behind(talk, None)
        self.before = before
        grown = before is None or len(behind) > len(talk) // GROWTH
        self._start, cut = 0, cut_of(messages, BEHIND) if grown else 0
        if cut:  # where the message at the cut begins in the text, of which a bracket may stand for what is kept
            self._start = (0 if before is None else len(before.text) - 1) + Document(behind).start(cut)
        self._course = Course(messages, None if before is None else before.past, cut)
        self.asked: Fields = {**Document(head).value(), fields[0]: self._course}  # what is to be translated

    def whole(self, made: Fields) -> dict[str, bytes]:
        """The conversation of what is *made* of what was ``asked``, with what became of its beginning; by its field.

        It is taken out of *made*; and what is to be kept is kept.
        """
        before, left, new = self.before, self._course.left, made[self._field]
        made[self._field] = []
        early, at = b"" if before is None else before.made, 0
        if left is not None:
            at = left.length
            early = _joined(early, _plain(new[:at]))
            self._keep(early, at, left)
        late = _plain(new[at:])
        return {self._field: b"".join((b"[", early, b"," if early and late else b"", late, b"]"))}

    def _keep(self, made: bytes, items: int, past: Past) -> None:
        text = self._talk[: self._start]
        items += 0 if self.before is None else self.before.items
        small = sum(SMALL + len(edit.path) + len(edit.why) for edit in past.edits) + SMALL * (1 + len(past.found))
        weight = len(self._head) + len(text) + len(made) + small + items * SMALL // 2
        self._memory.keep(self._key, Beginning(text, made, items, past, weight), self.before)


def _behind(talk: bytes, before: Beginning | None) -> tuple[bytes, list[Any]]:
    """The text and the value of those messages of *talk* that are not in *before*."""
    text = talk if before is None else b"[" + talk[len(before.text) :]
    return text, Document(text).value()


def _plain(items: list[Any]) -> bytes:
    """*items* as JSON has them, without brackets."""
    return _ENCODER.encode(items)[1:-1]


def _joined(*texts: bytes) -> bytes:
    """Those of *texts* that have items, in a row."""
    return b",".join([text for text in texts if text])
