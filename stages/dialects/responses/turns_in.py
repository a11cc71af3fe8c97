"""The input of a Responses prompt → the Messages shape.

    instructions, developer · system  (leading)      ─▶  system blocks, one each
    message (assistant) · reasoning · function_call  ─▶  ONE assistant  [thinking, text, tool_use …] in their order
    function_call_output · message (user)            ─▶  ONE user  [tool_result… the rest], results first
    developer · system  (later)                      ─▶  role system at the end of a turn, else a system-reminder

The conversation is cut wherever the speaker changes.  The user's turns are told as in a Chat conversation, with the
same repairs, and like those depend on what came before alone: a translation is a prefix of its continuation's.

Reasoning goes in with the signature it is worth something by: Claude's own, bare, if it comes back in our envelope;
what anyone else encrypted in an envelope, for its maker alone to open (``reasoning``, ``envelope``).
"""

from typing import Any

import msgspec

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Prompt, spell
from stages.dialects.chat.history_in import Call, History, Message
from stages.dialects.chat.parts_in import Block
from stages.dialects.envelope import unwrap
from stages.dialects.names import safe_id
from stages.dialects.responses import calls, reasoning
from stages.dialects.responses.errors import NotStored
from stages.dialects.responses.fields import Fields
from stages.dialects.responses.parts_in import blocks
from stages.dialects.responses.results import result
from stages.dialects.responses.tools_in import Called
from stages.dialects.shape import DEPTH, deep, invalid, mapping, name, objects, text

_INSTRUCTING = ("system", "developer")
_ROLES = ("user", "assistant", *_INSTRUCTING)
_OUTPUTS = {kind.replace("_call", "_call_output") for kind in calls.MARKS if kind != "tool_search_call"} | {
    "tool_search_output"
}
_PLAIN = ("function_call_output", "custom_tool_call_output")
# What a server's own tools did: told as text, nobody calls them again.
_SERVED = frozenset({"web_search_call", "file_search_call", "code_interpreter_call", "mcp_call", "tool_search_call"})
_ASIDE = frozenset({"additional_tools", "configuration_update"})  # read elsewhere
_PRIVATE = frozenset({"id", "status", "type", "encrypted_content"})


class Turns(History):
    """One conversation being translated.  *called*: how tools are called here; *detailed* as in ``History``."""

    def __init__(self, prompt: Prompt, called: Called, *, detailed: bool = False) -> None:
        super().__init__(prompt, detailed=detailed)
        self._called = called
        self._said: list[Block] = []  # by the assistant, in the turn at hand
        self._shells: dict[str, str] = {}  # ids of local shell calls: their outputs name these
        self._others = 0  # calls and results of a kind of their own

    def read(self, value: Any) -> None:
        """Translate *value*, a string or an array of items.  Raises InvalidRequest or Unsupported."""
        turn: list[Message] = []
        self._goes_on(value)
        for path, item in _items(value, self._course.first):
            if path[-1] == self._course.cut and self._said and not turn and not self._ends("assistant"):
                self._leave(len(self.messages))
            kind = text(item.get("type") or "message", (*path, "type"))
            if kind in _ASIDE:
                continue
            if not (turn or self._said or self._calls or self.messages) and item.get("role") in _INSTRUCTING:
                self.system += self._content(path, item, "system")
            elif self._speaks(kind, item, path):
                turn = self._speak(turn, *self._spoken(kind, item, path))
            else:
                self._end_assistant()
                turn.append((path, self._hears(kind, item, path)))
        self._end_assistant()
        self._user(turn, self._calls)
        if self._others:
            why = f"{self._others} calls of a kind of their own, or what they gave, are told as a function's"
            self._prompt.record("approximated", ("input",), why)
        if not self.messages:
            self._open()

    # -- the walk -----------------------------------------------------------------------------------------------------

    def _state(self) -> Any:
        return super()._state(), msgspec.json.encode(self._said), dict(self._shells), self._others

    def _resume(self, state: Any) -> None:
        known, said, shells, self._others = state
        super()._resume(known)
        self._said, self._shells = msgspec.json.decode(said), dict(shells)

    # -- turns --------------------------------------------------------------------------------------------------------

    def _speak(self, turn: list[Message], said: list[Block], made: list[Call]) -> list[Message]:
        """The assistant begins to speak, or goes on; what is left of the user's *turn* before it."""
        if not said:  # an item that says nothing ends nothing
            return turn
        if turn:
            self._user(turn, self._calls)
            self._calls = []
        if not self.messages and not self._said:
            self._open()
        self._said += said
        self._calls = self._calls + made
        return []

    def _end_assistant(self) -> None:
        if self._said:
            self._add("assistant", self._said)
            self._said = []

    # -- the user's ---------------------------------------------------------------------------------------------------

    def _hears(self, kind: str, item: Fields, path: Path) -> Fields:
        """An item of the user's turn as a Chat message, its content left as it is."""
        if kind == "message":
            return {"role": item["role"], "content": item.get("content")}
        self._others += kind not in _PLAIN
        asked = item.get("call_id") or self._shells.get(str(item.get("id"))) or item.get("id")
        return {"role": "tool", "tool_call_id": name(asked, (*path, "call_id")), "content": result(kind, item, path)}

    def _content(self, path: Path, message: Fields, role: str) -> list[Block]:
        return blocks(message.get("content"), (*path, "content"), self._prompt, role=role, detailed=self._detailed)

    # -- the assistant's ----------------------------------------------------------------------------------------------

    def _speaks(self, kind: str, item: Fields, path: Path) -> bool:
        """Whether *item* is the assistant's.  Raises for what can't be told at all."""
        if kind == "message":
            if item.get("role") not in _ROLES:
                invalid((*path, "role"), "one of user, assistant, system and developer is required")
            return bool(item["role"] == "assistant")
        if kind == "item_reference":
            raise NotStored(f"{spell(path)}: items are not kept here: send them in full", param=spell(path))
        if kind in _OUTPUTS:
            return False
        if kind == "reasoning" or kind in calls.MARKS or kind in _SERVED:
            return True
        raise Unsupported(f"{spell(path)}: an item of type {kind!r} can't be given to this model", param=spell(path))

    def _spoken(self, kind: str, item: Fields, path: Path) -> tuple[list[Block], list[Call]]:
        """What an item of the assistant's says, and the calls that it makes."""
        if kind == "message":
            return self._content(path, item, "assistant"), []
        if kind == "reasoning":
            return self._thought(item, path), []
        if calls.called(item):
            block, made = self._call_of(item, path)
            return [block], [made]
        if any(block["type"] == "server_tool_use" for block in self._said):
            return [], []  # shown for people; the block itself came with it
        return [{"type": "text", "text": self._flat(kind, item, path)}], []

    def _call_of(self, item: Fields, path: Path) -> tuple[Block, Call]:
        was = name(item.get("call_id") or item.get("id"), (*path, "call_id"))
        self._others += calls.MARKS[item["type"]] not in ("", "custom")
        tool = calls.tool(item)
        made = Call(was, self._ids.unique(safe_id(was)))
        if item["type"] == "local_shell_call" and isinstance(item.get("id"), str):
            self._shells[item["id"]] = was
        space = (tool.extra or {}).get("namespace", "")
        here = self._called.name(space if isinstance(space, str) else "", name(tool.name, (*path, "name")))
        given = self._arguments(calls.given(item), path)
        return {"type": "tool_use", "id": made.now, "name": here, "input": given}, made

    def _thought(self, item: Fields, path: Path) -> list[Block]:
        """Reasoning: with Claude's own signature, in an envelope, or bare words."""
        words, sealed = reasoning.words(item), item.get("encrypted_content")
        if not isinstance(sealed, str) or not sealed:
            return [{"type": "thinking", "thinking": words, "signature": ""}] if words else []
        envelope = unwrap(sealed)
        if envelope is not None and envelope.kind == "block":
            block = calls.value_of(envelope.payload)
            return [block] if block else []
        if envelope is not None and envelope.kind == "redacted" and envelope.dialect == "anthropic":
            return [{"type": "redacted_thinking", "data": envelope.payload}]
        return [{"type": "thinking", "thinking": words, "signature": reasoning.sealed(item, "") or ""}]

    def _flat(self, kind: str, item: Fields, path: Path) -> str:
        if deep(item, DEPTH):
            invalid(path, "nested too deeply")
        self._prompt.record("approximated", path, "what a server's tool did is told as text", lossy=True)
        told = {key: value for key, value in item.items() if key not in _PRIVATE}
        return f"[{kind.removesuffix('_call')}: {msgspec.json.encode(told).decode()}]"


def _items(value: Any, first: int = 0) -> list[tuple[Path, Fields]]:
    """Path and value of each item; a string is one message of the user's."""
    if isinstance(value, str):
        return [(("input",), {"role": "user", "content": value})]
    if value is None:
        invalid(("input",), "a string or an array is required")
    return [(path, mapping(item, path)) for path, item in objects(value, ("input",), first)]
