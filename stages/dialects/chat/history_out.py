"""A conversation in the Messages shape → Chat messages.

    system                                  ─▶  system or developer, first
    user  [tool_result… text image]         ─▶  tool · tool · user, results in the order of the calls
    assistant  [thinking text tool_use…]    ─▶  assistant  content + tool_calls  (what stood between calls moves before)
    system  (within)                        ─▶  where it stands: as instructions, or user text in a system-reminder

The conversation is cut before each assistant message, as in ``history_in``, and for the same reason: the translation of
a conversation is a prefix of the translation of its continuation.  Repairs as there: a call without a result gets one
that says so, a result without a call becomes text.
"""

from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.dialects import conversation
from stages.dialects.chat.blocks import ANTHROPIC
from stages.dialects.chat.encoder import free_input
from stages.dialects.chat.families import Family
from stages.dialects.chat.parts_out import Fields, flattened, parts, result
from stages.dialects.chat.signed import opened, signing
from stages.dialects.conversation import MARK, blocks_of, unasked, untold
from stages.dialects.envelope import unwrap
from stages.dialects.names import alias, raw_id, short_id
from stages.dialects.reminder import reminder
from stages.dialects.shape import invalid, name, text

Message = tuple[Path, Fields]

_WORDS = {"type", "text"}  # a part that is no more than its words


class Conversation(conversation.Conversation):
    """One conversation being translated for *model*, of *family*.  *free*: the names of tools that take a text."""

    def __init__(self, prompt: Prompt, family: Family, model: str, free: frozenset[str] = frozenset()) -> None:
        super().__init__(prompt, parts, breakpoints=family.breakpoints)
        self.messages: list[Fields] = []
        self._family, self._model, self._free = family, model, free

    def read(self, body: Fields) -> None:
        """Translate ``system`` and ``messages`` of *body*.  Raises InvalidRequest or Unsupported."""
        if not self._goes_on(body) and (said := self._instructions(body.get("system"))):
            self.messages.append({"role": self._family.role, "content": self._content(said)})
        turn: list[Message] = []
        spoken: list[Message] = []  # neighbours of one role are one turn
        calls: list[str] = []
        for path, message in self._messages(body):
            self._check(path, message)
            if message["role"] != "assistant":
                calls, spoken = self._assistant(spoken) if spoken else calls, []
                turn.append((path, message))
                continue
            if turn:
                self._user(turn, calls)
                turn, calls = [], []
                self._closed(path, len(self.messages))
            spoken.append((path, message))
        self._user(turn, self._assistant(spoken) if spoken else calls)
        self._tally.record(self._prompt)
        if not self.messages:
            invalid(("messages",), "at least one message is required")

    # -- the user's turns ---------------------------------------------------------------------------------------------

    def _user(self, turn: list[Message], calls: list[str]) -> None:
        """All that stands between two assistant messages; *calls*: the ids of those that the first of them made."""
        results: dict[str, Fields] = {}
        beside: dict[str, list[Fields]] = {}
        rest: list[tuple[str, list[Fields]]] = []
        for path, message in turn:
            for place, block in blocks_of(message.get("content"), (*path, "content")):
                if block["type"] == "tool_result":
                    said = self._result(place, block, calls, results, beside)
                else:
                    said = self._parts(block, place)
                if said:
                    rest.append((message["role"], said))
        for call in dict.fromkeys(calls):
            lost = {"role": "tool", "tool_call_id": call}
            self.messages.append(results[call] if call in results else {**lost, "content": self._unanswered(call)})
        said = [part for call in calls for part in beside.pop(call, ())] if beside else []
        self._say([("user", said), *rest] if said else rest)

    def _result(
        self, path: Path, block: Fields, calls: list[str], results: dict[str, Fields], beside: dict[str, list[Fields]]
    ) -> list[Fields]:
        """Put a tool's result among *results*, its pictures *beside*; or give it as parts, if nobody called."""
        asked = self._id(name(block.get("tool_use_id"), (*path, "tool_use_id")))
        lines, pictures = result(block, path, asked, self._tally)
        if asked not in calls or asked in results:
            told = "\n".join([unasked(self._prompt, path, asked), *lines])
            return [{"type": "text", "text": told}, *pictures]
        self._tally.joined += max(len(lines) - 1, 0) if not self._family.parts else 0
        said = [{"type": "text", "text": line} for line in (lines if self._family.parts else ["\n".join(lines)])]
        if said and "cache_control" in block:
            said[-1] |= self._point(block, path)
        results[asked] = {"role": "tool", "tool_call_id": asked, "content": self._content(said)}
        if pictures:
            beside[asked] = pictures
        return []

    def _say(self, said: list[tuple[str, list[Fields]]]) -> None:
        """Messages of a user's turn: neighbours of one role are one message."""
        speaker = ""
        pieces: list[Fields] = []
        for role, given in said:
            if role == "system" and not self._family.anywhere:
                self._tally.amid += 1
                role, given = "user", [reminder(part) for part in given]  # noqa: PLW2901  # as it is told here
            if role != speaker:
                self._speak(speaker, pieces)
                speaker, pieces = role, []
            pieces += given
        self._speak(speaker, pieces)

    def _speak(self, speaker: str, pieces: list[Fields]) -> None:
        """One message of *speaker*, if there is anything in it."""
        if pieces:
            role = self._family.role if speaker == "system" else speaker
            self.messages.append({"role": role, "content": self._content(pieces)})

    # -- the assistant's ----------------------------------------------------------------------------------------------

    def _assistant(self, spoken: list[Message]) -> list[str]:
        """The assistant's turn; the ids of the calls that it makes."""
        said: list[Fields] = []
        calls: list[Fields] = []
        thoughts: list[Fields] = []
        for place, block in [
            found for path, message in spoken for found in blocks_of(message.get("content"), (*path, "content"))
        ]:
            if block["type"] == "tool_use":
                calls.append(self._call(place, block))
            elif block["type"] in {"thinking", "redacted_thinking"}:
                thoughts.append(block)
            elif block["type"] == "text":
                said += self._parts(block, place)
            elif block["type"] != "fallback":
                said.append({"type": "text", "text": self._flat(place, block)})
        made: Fields = {"role": "assistant", "content": self._spoken(said) if said else None}
        if thoughts or self._family.replay_always:
            thoughts = [block for block in thoughts if not self._signs(block, calls)]
            made |= self._replayed(thoughts, spoken[0][0], calls=bool(calls))
        if calls:
            made["tool_calls"] = calls
        if said or calls:
            self.messages.append(made)
        return [call["id"] for call in calls]

    def _spoken(self, said: list[Fields]) -> str | list[Fields]:
        """An assistant's texts are one: the model wrote them without a break."""
        texts = [part["text"] for part in said if MARK not in part]
        return said if len(texts) < len(said) else "".join(texts)

    def _flat(self, path: Path, block: Fields) -> str:
        words = flattened(block, path)
        if words is None:
            raise untold(path, f"a block of type {block['type']!r}", block["type"])
        self._tally.server += 1
        return f"\n{words}\n"

    def _call(self, path: Path, block: Fields) -> Fields:
        made = {"id": self._id(name(block.get("id"), (*path, "id"))), "type": "function"}
        called = alias(name(block.get("name"), (*path, "name")))
        arguments = self._arguments(block, path)
        if called in self._free:
            return {**made, "type": "custom", "custom": {"name": called, "input": free_input(arguments)}}
        return {**made, "function": {"name": called, "arguments": arguments}}

    def _signs(self, block: Fields, calls: list[Fields]) -> bool:
        """Whether *block* is the signature of one of *calls*; it has it then."""
        envelope = opened(block, self._model)
        if envelope is None:
            return False
        signed = [call for call in calls if call["id"] == self._id(envelope.ref)]
        for call in signed:
            call.update(signing(envelope.payload))
        return bool(signed)

    def _replayed(self, thoughts: list[Fields], path: Path, *, calls: bool) -> Fields:
        """Earlier thoughts, in the field where this family's provider wants them back; most want none."""
        field = self._family.replay
        if field == "reasoning_details":
            kept = [block for block in thoughts if _claudes(block)]
            self._tally.thoughts += len(thoughts) - len(kept)
            return {field: [_entry(block, index) for index, block in enumerate(kept)]} if kept else {}
        told = [block for block in thoughts if block["type"] == "thinking" and _worded(block)] if field else []
        self._tally.thoughts += len(thoughts) - len(told)
        said = "".join(text(block.get("thinking"), path) for block in told)
        return {field: said} if field and (said or (calls and self._family.replay_always)) else {}

    # -- all ----------------------------------------------------------------------------------------------------------

    def _id(self, given: str) -> str:
        return short_id(raw_id(given), self._family.ids)

    def _content(self, said: list[Fields]) -> str | list[Fields]:
        """*said* as a string where it is no more than that; servers of old read nothing else."""
        if len(said) == 1 and said[0].keys() == _WORDS:  # nearly always
            return str(said[0]["text"])
        texts = [part["text"] for part in said if part["type"] == "text" and MARK not in part]
        if len(texts) < len(said) or (self._family.parts and len(said) > 1):
            return said
        self._tally.joined += max(len(said) - 1, 0)
        return "\n\n".join(texts)


def _worded(block: Fields) -> bool:
    """Whether a block of thinking is no more than its words: what is sealed without any is its maker's alone."""
    return bool(block.get("thinking")) or not block.get("signature")


def _claudes(block: Fields) -> bool:
    """Whether a block of thinking is Claude's own: what others made is in an envelope, or bears no signature."""
    sealed = block.get("data" if block["type"] == "redacted_thinking" else "signature")
    return isinstance(sealed, str) and bool(sealed) and unwrap(sealed) is None


def _entry(block: Fields, index: int) -> Fields:
    """A block of thinking as OpenRouter keeps it."""
    if block["type"] == "redacted_thinking":
        kept = {"type": "reasoning.encrypted", "data": block.get("data")}
    else:
        kept = {"type": "reasoning.text", "text": block.get("thinking"), "signature": block.get("signature")}
    return {**kept, "format": ANTHROPIC, "index": index}
