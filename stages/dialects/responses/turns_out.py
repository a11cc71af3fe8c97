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

import msgspec

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Prompt, spell
from stages.dialects.chat.families import Family
from stages.dialects.chat.history_in import Call
from stages.dialects.chat.parts_out import Tally, blocks_of, flattened
from stages.dialects.envelope import Envelope, unwrap
from stages.dialects.names import alias, raw_id, short_id
from stages.dialects.responses import calls, reasoning
from stages.dialects.responses.fields import Fields
from stages.dialects.responses.parts_out import output, parts
from stages.dialects.shape import DEPTH, deep, invalid, mapping, name, objects

NAME = "responses"

_ROLES = ("user", "assistant", "system")
_SETTINGS = frozenset({"output_config", "clear_at"})  # of one turn: the body's own stand for all
_BILLING = "x-anthropic-billing-header"  # Claude Code's first system block: changes with its version, tells nothing
_LOST = "[error] no result: the call was interrupted"
_ID = 64  # characters of a call's id

_MARK = "prompt_cache_breakpoint"
_SEALED = {"thinking": "signature", "redacted_thinking": "data"}

Message = tuple[Path, Fields]


class Conversation:
    """One conversation being translated for *model*, of *family*."""

    def __init__(self, prompt: Prompt, family: Family, model: str) -> None:
        self.items: list[Fields] = []
        self.marked = False  # whether any part got a cache breakpoint
        self._tally = Tally()
        self._ids: dict[str, int] = {}  # of calls so far, and how often each was made
        self._prompt, self._family, self._model = prompt, family, model

    def read(self, body: Fields) -> None:
        """Translate ``system`` and ``messages`` of *body*.  Raises InvalidRequest or Unsupported."""
        self._instruct(body.get("system"))
        turn: list[Message] = []
        made: list[Call] = []  # calls that wait for results
        for path, message in objects(body.get("messages"), ("messages",)):
            self._check(path, message)
            if message["role"] != "assistant":
                turn.append((path, message))
                continue
            if turn:
                self._user(turn, made)
                turn, made = [], []
            made += self._assistant(path, message)
        self._user(turn, made)
        self._tally.record(self._prompt)
        if not self.items:
            invalid(("messages",), "at least one message is required")

    def _check(self, path: Path, message: Fields) -> None:
        if message.get("role") not in _ROLES:
            invalid((*path, "role"), "one of user, assistant and system is required")
        for key in message.keys() - {"role", "content"}:
            why = "settings of one turn have no place here"
            self._prompt.record("dropped", (*path, key), why, lossy=key not in _SETTINGS)

    # -- instructions and the user's turns ----------------------------------------------------------------------------

    def _instruct(self, value: Any) -> None:
        said: list[Fields] = []
        for path, block in blocks_of(value, ("system",)):
            if str(block.get("text")).startswith(_BILLING):
                why = "the client's version, told to Anthropic: to any other it is noise before the cached prefix"
                self._prompt.record("dropped", path, why)
            else:
                said += self._parts(block, path)
        self._say(self._family.role, said)

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
        given = output(block, path, self._tally)
        now = next((call.now for call in made if call.was == asked and call.now not in results), None)
        if now is None:
            why = "the result of a call that is not in the turn before: told as text"
            self._prompt.record("approximated", path, why)
            told = [_text(given)] if isinstance(given, str) else given
            return [_text(f"[result of tool call {short_id(raw_id(asked), _ID)}]"), *told]
        if self._marks(block):
            given = [_text(given)] if isinstance(given, str) else given
            given[-1] |= _BREAK
        results[now] = {"type": "function_call_output", "call_id": now, "output": given}
        return []

    def _lost(self, call: str) -> Fields:
        self._prompt.record("added", ("messages",), f"the call {call} has no result: it gets one that says so")
        return {"type": "function_call_output", "call_id": call, "output": _LOST}

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
            if item["type"] == "function_call":
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
            where = spell(path)
            raise Unsupported(f"{where}: a block of type {kind!r} can't be given to this model", param=where)
        self._tally.server += 1
        return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": words}]}

    def _call(self, path: Path, block: Fields) -> Fields:
        given = mapping(block.get("input", {}), (*path, "input"))
        if deep(given, DEPTH):
            invalid((*path, "input"), "nested too deeply")
        self._tally.marks += "cache_control" in block
        raw = given.get("_raw")
        broken = isinstance(raw, str) and len(given) == 1  # arguments that were no JSON when they came
        return {
            "type": "function_call",
            "call_id": self._unique(short_id(raw_id(name(block.get("id"), (*path, "id"))), _ID)),
            "name": alias(name(block.get("name"), (*path, "name"))),
            "arguments": raw if broken else msgspec.json.encode(given).decode(),
        }

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

    # -- all ----------------------------------------------------------------------------------------------------------

    def _unique(self, call_id: str) -> str:
        """*call_id*, if no call before has it; else with a number behind."""
        unique, number = call_id, self._ids.get(call_id, 0)
        while unique in self._ids:
            number += 1
            unique = f"{call_id[: _ID - 8]}_{number}"
        self._ids[call_id] = max(number, 1)
        self._ids.setdefault(unique, 1)
        return unique

    def _parts(self, block: Fields, path: Path) -> list[Fields]:
        """The parts of a block, the last one marked if the block is."""
        found = parts(block, path, self._tally)
        if found and self._marks(block):
            found[-1] |= _BREAK
        return found

    def _marks(self, block: Fields) -> bool:
        """Whether *block* is marked for the cache, and the mark can be told."""
        if block.get("cache_control") is None:
            return False
        self._tally.marks += not self._family.breakpoints
        self.marked = self.marked or self._family.breakpoints
        return self._family.breakpoints


_BREAK: Fields = {_MARK: {"mode": "explicit"}}


def _text(words: str) -> Fields:
    return {"type": "input_text", "text": words}


def _reasoning_id(envelope: Envelope) -> str:
    """The id that the item had; or one made of what it holds."""
    return envelope.ref or f"rs_{calls.digest(envelope.payload)}"
