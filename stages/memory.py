"""Memory: what the beginnings of conversations became, so that the next turn of each is not translated whole again.

    turn 1   head · [m0 … m9 │ m10 … m13]   translated; kept: head, m0 … m9 as they came, and what they became, as bytes
    turn 2   head · [m0 … m9 │ m10 … m15]   the same bytes: m10 … m15 are translated, and put behind what is kept

Agents send the whole conversation with every turn, and its translation begins with that of the turn before.  So what is
kept stands for the beginning of a body if all of this is the same: the caller, both dialects (a provider has its own),
what is known of the model, the effort asked for, and, byte for byte, all of the body but its conversation (the *head*:
model, system, tools, settings) and the conversation up to the cut.  Bytes are compared, not digests: nobody can make
one conversation pass for another.  What comes of it is to the byte what translating afresh makes, with the same edits
(``course`` has how); what fails is translated afresh, and fails as it would have.

The cut stands a few messages before the end, since clients move their marks for caches among the last ones.  Short
conversations are not worth it, and what takes more than half of the memory is not kept.  Over its limit the memory
forgets what was used longest ago: heads first, of one head the oldest conversation.  **Prompts stay here** after their
requests, in the process's memory alone, until then or until the process ends; with a limit of 0 there is no memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import attrs
import msgspec

from pipeline.dialect import Dialect
from pipeline.document import Document, Malformed
from pipeline.prompt import Prompt
from stages.capabilities import capability
from stages.dialects.anthropic.blocks import NAME
from stages.dialects.anthropic.context import FIELD
from stages.dialects.course import TALK, UNHEARD, Course, Past

PAIRS = frozenset((source, target) for source in TALK for target in TALK if source != target)

LEAST = 32 * 1024  # bytes of a conversation: a shorter one is translated in less time than this is worth
BEHIND = 4  # messages behind the cut, at least: those among which marks move
GROWTH = 16  # a cut moves on when what is behind it is more than this part of the conversation: to copy it costs, too
SHARE = 2  # what is kept of one conversation may take this part of the limit
SMALL = 512  # bytes that an edit, an id or another small thing takes, at most

Fields = dict[str, Any]

# Items that say something of all of the request: a conversation with one of them is translated whole.
_ASIDE = {"responses": ("additional_tools", "configuration_update", "tool_search_output")}

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
        pair = source.NAME, target.NAME
        if not self._limit or pair not in PAIRS:
            return None
        talk = prompt.text(TALK[source.NAME])
        if len(talk) < self._least or talk[:1] != b"[":
            return None
        if prompt.get(FIELD) is not None:  # what is cleared of a conversation (``context``) depends on the whole of it
            return None
        head, known = prompt.without(TALK[source.NAME]), capability(str(prompt.get("model")))
        key: tuple[Any, ...] = (source.NAME, target, known, prompt.author, head, *rest)
        try:
            turn = Turn(self, key, head, talk, self._found(key, talk), pair)
        except Malformed:  # said afresh
            return None
        aside = _ASIDE.get(source.NAME)
        return None if aside and any(kind_of(message) in aside for message in turn.messages) else turn

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
    """One turn of a conversation, from one dialect to another.  *before*: what is kept of it."""

    def __init__(
        self, memory: Memory, key: Hashable, head: bytes, talk: bytes, before: Beginning | None, pair: tuple[str, str]
    ) -> None:
        source, target = pair
        self._memory, self._key, self._head, self._talk, self._field = memory, key, head, talk, TALK[target]
        text, messages = _behind(talk, before)
        if before is not None and source == NAME and not opens(messages[0]):  # it does not go on as it was cut
            before, (text, messages) = None, _behind(talk, None)
        self.before, self._start = before, 0
        cut = cut_of(messages, CUTS[source]) if before is None or len(text) > len(talk) // GROWTH else 0
        if cut:  # where the message behind it begins: in *text* a bracket stands for what is kept
            self._start = Document(text).start(cut, _openings(messages[cut:]))
            self._start += 0 if before is None else len(before.text) - 1
        self.messages = Course(messages, None if before is None else before.past, cut)
        if source == NAME:
            self.messages.left.heard = UNHEARD
        self.asked: Fields = {**Document(head).value(), TALK[source]: self.messages}  # what is to be translated

    def whole(self, made: Fields) -> dict[str, bytes]:
        """The conversation of what is *made* of what was ``asked``, with what became of its beginning; by its field.

        It is taken out of *made*; and what is to be kept is kept.
        """
        before, left, new = self.before, self.messages.left, made[self._field]
        made[self._field] = []
        early, at = b"" if before is None else before.made, 0
        if left.told is not None and left.heard is not None:
            at = left.length
            early = _joined(early, _plain(new[:at]))
            self._keep(early, at, left)
        late = _plain(new[at:])
        return {self._field: b"".join((b"[", early, b"," if early and late else b"", late, b"]"))}

    def _keep(self, made: bytes, items: int, past: Past) -> None:
        text = self._talk[: self._start]
        items += 0 if self.before is None else self.before.items
        small = sum(SMALL + len(edit.path) + len(edit.why) for edit in past.edits) + SMALL * (1 + len(past.found))
        weight = len(self._head) + len(text) + len(made) + small + items * SMALL
        self._memory.keep(self._key, Beginning(text, made, items, past, weight), self.before)


# -- where a conversation is cut --------------------------------------------------------------------------------------


def before_the_assistant(last: Any, message: Any) -> bool:
    """Whether the assistant begins to speak with *message*, and there is nothing in that but what it says.

    Of what is beside it walks make a record before they close the turn before.
    """
    return opens(message) and not speaks(last)


def behind_the_assistant(last: Any, message: Any) -> bool:
    """Whether the assistant is done before *message*."""
    return speaks(last) and not speaks(message)


Cut = Callable[[Any, Any], bool]  # whether there is a cut between two messages

CUTS: dict[str, Cut] = {NAME: before_the_assistant, "chat": behind_the_assistant, "responses": behind_the_assistant}


def cut_of(messages: list[Any], fits: Cut) -> int:
    """The index of the message behind the last cut that *fits*; 0 if there is none."""
    return next((n for n in range(len(messages) - BEHIND, 0, -1) if fits(messages[n - 1], messages[n])), 0)


def opens(message: Any) -> bool:
    """Whether *message* is the assistant's, and has nothing but what it says."""
    return speaks(message) and message.keys() <= {"role", "content"}


def speaks(message: Any) -> bool:
    """Whether *message*, or item, is the assistant's."""
    kind = kind_of(message)
    return message.get("role") == "assistant" if kind == "message" else bool(kind) and not kind.endswith("_output")


def kind_of(message: Any) -> str:
    """The type of an item; messages need not say it."""
    return str(message.get("type") or "message") if isinstance(message, dict) else ""


# -- texts ------------------------------------------------------------------------------------------------------------


def _behind(talk: bytes, before: Beginning | None) -> tuple[bytes, list[Any]]:
    """The text and the value of those messages of *talk* that are not in *before*."""
    text = talk if before is None else b"[" + talk[len(before.text) :]
    return text, Document(text).value()


def _openings(messages: list[Any]) -> list[bytes]:
    """How each of *messages* begins; nothing where they are too many to be looked for one by one, or no objects."""
    few = len(messages) <= 4 * BEHIND and all(isinstance(message, dict) and message for message in messages)
    return [b"{" + _ENCODER.encode(next(iter(message))) for message in messages] if few else []


def _plain(items: list[Any]) -> bytes:
    """*items* as JSON has them, without brackets."""
    return _ENCODER.encode(items)[1:-1]


def _joined(*texts: bytes) -> bytes:
    """Those of *texts* that have items, in a row."""
    return b",".join([text for text in texts if text])
