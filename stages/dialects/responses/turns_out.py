"""A conversation in the Messages shape → input items.

    system                                   ─▶  a developer's message, first
    user  [tool_result… text image]          ─▶  function_call_output… · message, results in the order of the calls
    assistant  [thinking text tool_use …]    ─▶  reasoning · message · function_call …, in their order
    system  (within)                         ─▶  a developer's message where it stands

Items are ordered as blocks are, so nothing moves but results, which go before the words beside them.  Reasoning is
given back only to whom it came from, complete and encrypted; what others thought is left out (``envelope``).  Repairs
are those of the other dialects: a call without a result gets one that says so, a result without a call becomes text.
"""

from typing import Any

from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.dialects import conversation
from stages.dialects.chat.encoder import free_input
from stages.dialects.chat.families import Family
from stages.dialects.chat.history_in import Call
from stages.dialects.chat.parts_out import flattened
from stages.dialects.conversation import blocks_of, unasked, untold
from stages.dialects.envelope import Envelope, unwrap
from stages.dialects.names import Ids, alias, raw_id, short_id
from stages.dialects.responses import calls, reasoning
from stages.dialects.responses.fields import Fields
from stages.dialects.responses.parts_out import output, parts
from stages.dialects.shape import invalid, name

NAME = "responses"

_ID = 64  # characters of a call's id

_SEALED = {"thinking": "signature", "redacted_thinking": "data"}

Message = tuple[Path, Fields]


class Conversation(conversation.Conversation):
    """One conversation being translated for *model*, of *family*.  *free*: the names of tools that take a text."""

    def __init__(self, prompt: Prompt, family: Family, model: str, free: frozenset[str] = frozenset()) -> None:
        super().__init__(prompt, parts, breakpoints=family.breakpoints)
        self.items: list[Fields] = []
        self._ids = Ids(_ID)
        self._free, self._texts = free, set[str]()  # calls of such tools
        self._family, self._model = family, model

    def read(self, body: Fields) -> None:
        """Translate ``system`` and ``messages`` of *body*.  Raises InvalidRequest or Unsupported."""
        if not self._goes_on(body):
            self._say(self._family.role, self._instructions(body.get("system")))
        turn: list[Message] = []
        made: list[Call] = []  # calls that wait for results
        for path, message in self._messages(body):
            self._check(path, message)
            if message["role"] != "assistant":
                turn.append((path, message))
                continue
            if turn:
                self._user(turn, made)
                turn, made = [], []
                self._closed(path, len(self.items))
            made += self._assistant(path, message)
        self._user(turn, made)
        self._tally.record(self._prompt)
        if not self.items:
            invalid(("messages",), "at least one message is required")

    def _state(self) -> Any:
        return super()._state(), self._ids.copy()  # calls that take a text have their results by now

    def _resume(self, state: Any) -> None:
        known, ids = state
        super()._resume(known)
        self._ids = ids.copy()

    # -- the user's turns ---------------------------------------------------------------------------------------------

    def _user(self, turn: list[Message], made: list[Call]) -> None:
        """All that stands between two turns of the assistant; *made*: the calls of the first."""
        results: dict[str, Fields] = {}
        rest: list[tuple[str, list[Fields]]] = []
        for path, message in turn:
            for place, block in blocks_of(message.get("content"), (*path, "content")):
                if block["type"] == "tool_result":
                    said = self._result(place, block, made, results)
                else:
                    said = self._parts(block, place)
                role: str = self._family.role if message["role"] == "system" else "user"
                if rest and rest[-1][0] == role:
                    rest[-1][1].extend(said)
                elif said:
                    rest.append((role, said))
        self.items += [results[call.now] if call.now in results else self._lost(call.now) for call in made]
        for role, said in rest:
            self._say(role, said)

    def _say(self, role: str, said: list[Fields]) -> None:
        if said:
            self.items.append({"type": "message", "role": role, "content": said})

    def _result(self, path: Path, block: Fields, made: list[Call], results: dict[str, Fields]) -> list[Fields]:
        """Put a tool's result among *results*; or give it as parts, if nobody called."""
        asked = name(block.get("tool_use_id"), (*path, "tool_use_id"))
        given = output(block, path, self._tally, apart=self._family.parts)
        now = next((call.now for call in made if call.was == asked and call.now not in results), None)
        if now is None:
            told = [_text(given)] if isinstance(given, str) else given
            return [_text(unasked(self._prompt, path, short_id(raw_id(asked), _ID))), *told]
        if point := self._point(block, path):
            given = [_text(given)] if isinstance(given, str) else given
            given[-1] |= point
        results[now] = self._output(now, given)
        return []

    def _lost(self, call: str) -> Fields:
        return self._output(call, self._unanswered(call))

    def _output(self, call: str, given: str | list[Fields]) -> Fields:
        kind = "custom_tool_call_output" if call in self._texts else "function_call_output"
        return {"type": kind, "call_id": call, "output": given}

    # -- the assistant's ----------------------------------------------------------------------------------------------

    def _assistant(self, path: Path, message: Fields) -> list[Call]:
        """A message of the assistant's; the calls that it makes."""
        made: list[Call] = []
        said: list[Fields] = []
        for place, block in blocks_of(message.get("content"), (*path, "content")):
            kind = block["type"]
            if kind == "text":
                self._tally.marks += "cache_control" in block  # the assistant's parts take none
                said += [{"type": "output_text", "text": part["text"]} for part in parts(block, place, self._tally)]
                continue
            item = self._item(kind, block, place)
            if item is None:
                continue
            self._speak(said)
            said = []
            self.items.append(item)
            if kind == "tool_use":
                made.append(Call(block["id"], item["call_id"]))
        self._speak(said)
        return made

    def _speak(self, said: list[Fields]) -> None:
        self._say("assistant", said)

    def _item(self, kind: str, block: Fields, path: Path) -> Fields | None:
        """The item that a block is; None if there is none."""
        if kind == "tool_use":
            return self._call(path, block)
        if kind in _SEALED:
            return self._thought(block)
        if kind == "fallback":
            return None
        words = flattened(block, path)
        if words is None:
            raise untold(path, f"a block of type {kind!r}", kind)
        self._tally.server += 1
        return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": words}]}

    def _call(self, path: Path, block: Fields) -> Fields:
        call = self._ids.unique(short_id(raw_id(name(block.get("id"), (*path, "id"))), _ID))
        called = alias(name(block.get("name"), (*path, "name")))
        arguments = self._arguments(block, path)
        if called in self._free:
            self._texts.add(call)
            return {"type": "custom_tool_call", "call_id": call, "name": called, "input": free_input(arguments)}
        return {"type": "function_call", "call_id": call, "name": called, "arguments": arguments}

    def _thought(self, block: Fields) -> Fields | None:
        """Reasoning, if this model made it."""
        sealed = block.get(_SEALED[block["type"]])
        envelope = unwrap(sealed) if isinstance(sealed, str) else None
        if envelope is None or not envelope.fits(NAME, self._model):
            self._tally.thoughts += 1
            return None
        words = block.get("thinking")
        return reasoning.item_of(
            words if isinstance(words, str) else "", envelope.payload, item_id=_reasoning_id(envelope)
        )


def _text(words: str) -> Fields:
    return {"type": "input_text", "text": words}


def _reasoning_id(envelope: Envelope) -> str:
    """The id that the item had; or one made of what it holds."""
    return envelope.ref or f"rs_{calls.digest(envelope.payload)}"
