"""A Chat conversation → the Messages shape.

    system · developer  (leading)           ─▶  system blocks, one each
    user                                    ─▶  user
    assistant  content + tool_calls         ─▶  assistant  [thinking… text… tool_use…]
    tool · tool · user                      ─▶  ONE user  [tool_result… the rest], results in the order of the calls
    system  (later)                         ─▶  role system at the end of a turn, else user text in a system-reminder

The conversation is cut before each assistant message; what stands between two of them is one turn of the user.  All is
a function of what came before the next assistant message, so that the translation of a conversation is a prefix of the
translation of its continuation: every prompt cache and every bound signature lives on that.

Repairs are made, and recorded, where Anthropic would refuse: a call without a result gets one that says so, a result
without a call becomes text, an id that is used twice or has strange characters becomes another.
"""

from collections.abc import Iterator
from typing import Any

import attrs
import msgspec

from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.dialects.chat.blocks import replayable
from stages.dialects.chat.parts_in import REFUSED, Block, blocks, mark_of
from stages.dialects.conversation import NO_RESULT, unanswered, unasked, unfailed
from stages.dialects.course import WHOLE, Walk, course_of, taken_up
from stages.dialects.names import Ids, alias, safe_id
from stages.dialects.reminder import reminder
from stages.dialects.shape import DEPTH, deep, invalid, mapping, name, objects, sequence, text

# Tuples, not sets, where a client's value is looked up: it may be of any type, a list too.
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_INSTRUCTING = frozenset({"system", "developer"})
_READ = frozenset({"role", "content", "tool_calls", "tool_call_id", "function_call", "refusal", "name", "audio",
                   "reasoning_content", "reasoning", "reasoning_details", "cache_control", "annotations"})  # fmt: skip

Message = tuple[Path, dict[str, Any]]


@attrs.frozen
class Call:
    """A call of a tool: the id it had, the id it has now."""

    was: str
    now: str


class History:
    """One conversation being translated.  *detailed*: pictures keep their detail, see ``beyond``."""

    def __init__(self, prompt: Prompt, *, detailed: bool = False) -> None:
        self.system: list[Block] = []
        self.messages: list[dict[str, Any]] = []
        self._prompt = prompt
        self._detailed = detailed
        self._ids = Ids()
        self._calls: list[Call] = []  # of the assistant's last turn
        self._course, self._cut = WHOLE, 0
        self._before = len(prompt.edits)

    @property
    def heard(self) -> list[dict[str, Any]]:
        """``messages``; where a course was read, as one."""
        return self.messages if self._course is WHOLE else self._course.heard(self.messages, self._cut)

    def read(self, value: Any) -> None:
        """Translate the array *value* into ``system`` and ``messages``.  Raises InvalidRequest or Unsupported."""
        goes_on = self._goes_on(value)
        messages = list(_messages(value, self._course.first))
        start = 0 if goes_on else next(
            (n for n, (_, message) in enumerate(messages) if message["role"] not in _INSTRUCTING), len(messages)
        )  # fmt: skip
        for path, message in messages[:start]:
            self.system += self._content(path, message, "system")
        turn: list[Message] = []
        calls = self._calls
        for path, message in messages[start:]:
            if path[1] == self._course.cut and not turn and self._ends("assistant"):
                self._calls = calls
                self._leave(len(self.messages) - 1)
            if message["role"] != "assistant":
                turn.append((path, message))
                continue
            said, made = self._assistant(path, message)
            if not said:  # nobody spoke: the turn goes on
                continue
            self._user(turn, calls)
            if not self.messages:
                self._open()
            self._add("assistant", said)
            turn, calls = [], made
        self._user(turn, calls)
        if not self.messages:
            self._open()

    # -- the walk -----------------------------------------------------------------------------------------------------

    def _goes_on(self, value: Any) -> bool:
        """Begin with the conversation *value*; whether at the cut of an earlier walk."""
        self._course = course_of(value)
        past = self._course.past
        return past is not None and taken_up(past.heard, self._prompt, self._resume)

    def _leave(self, cut: int) -> None:
        """Put down how this walk stands, where of all messages but those from *cut* on nothing is open."""
        self._cut = cut
        self._course.left.heard = Walk(tuple(self._prompt.edits[self._before :]), self._state())

    def _state(self) -> Any:
        """What this walk knows, as nobody can change it: blocks are those of whoever comes after."""
        opened = msgspec.json.encode(self.messages[self._cut :])
        return msgspec.json.encode(self.system), opened, self._ids.copy(), tuple(self._calls)

    def _resume(self, state: Any) -> None:
        system, opened, ids, calls = state
        self.system, self.messages = msgspec.json.decode(system), msgspec.json.decode(opened)
        self._ids, self._calls = ids.copy(), list(calls)

    # -- the user's turns ---------------------------------------------------------------------------------------------

    def _user(self, turn: list[Message], calls: list[Call]) -> None:
        """All that stands between two assistant messages; *calls*: those that the first of them made."""
        results: dict[str, Block] = {}
        rest: list[Block] = []
        last: list[Block] = []  # instructions at the very end keep their role
        where: Path = ()  # the latest of them
        for path, message in turn:
            role = message["role"]
            if role in _INSTRUCTING:
                last += self._content(path, message, "system")
                where = path
                continue
            rest += self._reminded(last, where)
            last = []
            if role == "user":
                rest += self._content(path, message, "user")
            else:
                rest += self._result(path, message, calls, results)
        answers = [results[call.now] if call.now in results else self._lost(call) for call in calls]
        if answers or rest or self._ends("user"):
            self._add("user", answers + rest)
            self._add("system", last)
        else:
            self._add("user", self._reminded(last, where))

    def _reminded(self, said: list[Block], path: Path) -> list[Block]:
        """Instructions that can't keep their role, the latest at *path*, as the user's words."""
        if said:
            self._prompt.record("approximated", path, "instructions within a turn are told as a reminder of the user's")
        return [reminder(block) for block in said]

    def _result(self, path: Path, message: dict[str, Any], calls: list[Call], results: dict[str, Block]) -> list[Block]:
        """Put a tool's result among *results*; or give it as text, if nobody called."""
        if message["role"] == "function":  # the older form has no ids: one call, one result
            asked = calls[0].was if calls else ""
        else:
            asked = name(message.get("tool_call_id"), (*path, "tool_call_id"))
        content = self._content(path, message, "tool")
        now = next((call.now for call in calls if call.was == asked and call.now not in results), None)
        if now is None:
            return [{"type": "text", "text": unasked(self._prompt, path, asked)}, *content]
        content, wrong = unfailed(content)
        results[now] = {"type": "tool_result", "tool_use_id": now, **({"is_error": True} if wrong else {})}
        if content:
            plain = len(content) == 1 and content[0].keys() == {"type", "text"}
            results[now]["content"] = content[0]["text"] if plain else [
                {key: value for key, value in block.items() if key != "cache_control"} for block in content
            ]  # fmt: skip
            mark = content[-1].get("cache_control")
            if mark is not None:
                results[now]["cache_control"] = mark
        return []

    def _lost(self, call: Call) -> Block:
        unanswered(self._prompt, call.was)
        return {"type": "tool_result", "tool_use_id": call.now, "content": NO_RESULT, "is_error": True}

    def _open(self) -> None:
        self._prompt.record("added", ("messages",), "a conversation must begin with the user")
        self.messages.insert(0, {"role": "user", "content": [{"type": "text", "text": "."}]})

    # -- the assistant's ----------------------------------------------------------------------------------------------

    def _assistant(self, path: Path, message: dict[str, Any]) -> tuple[list[Block], list[Call]]:
        """The blocks of an assistant message, and the calls that it makes."""
        if message.get("audio") is not None:
            self._prompt.record("dropped", (*path, "audio"), "spoken answers can't be given to this model", lossy=True)
        content = self._thoughts(path, message) + self._content(path, message, "assistant")
        if isinstance(message.get("refusal"), str) and message["refusal"].strip():
            self._prompt.record("approximated", (*path, "refusal"), REFUSED)
            content.append({"type": "text", "text": message["refusal"]})
        calls: list[Call] = []
        for place, call in _calls(path, message):
            block, made = self._call(place, call)
            content.append(block)
            calls.append(made)
        return content, calls

    def _call(self, path: Path, call: dict[str, Any]) -> tuple[Block, Call]:
        kind = "custom" if call.get("type") == "custom" else "function"
        inner = mapping(call.get(kind), (*path, kind))
        was = name(call.get("id"), (*path, "id"))
        made = Call(was, self._ids.unique(safe_id(was)))
        if kind == "custom":
            given: dict[str, Any] = {"input": text(inner.get("input", ""), (*path, kind, "input"))}
        else:
            given = self._arguments(inner.get("arguments"), (*path, kind, "arguments"))
        tool = alias(name(inner.get("name"), (*path, kind, "name")))
        block = {"type": "tool_use", "id": made.now, "name": tool, "input": given}
        mark = mark_of(call, path)
        return ({**block, "cache_control": mark} if mark else block), made

    def _arguments(self, value: Any, path: Path) -> dict[str, Any]:
        """Arguments, parsed; what is no JSON object goes into one as it is."""
        if value is None or value == "":
            return {}
        given = value
        if isinstance(value, str):
            try:
                given = msgspec.json.decode(value)
            except (msgspec.DecodeError, RecursionError):
                given = None
        if isinstance(given, dict) and not deep(given, DEPTH):
            return given
        if not isinstance(value, str):
            invalid(path, "a string is required")
        self._prompt.record("approximated", path, 'arguments that are no JSON object are told as {"_raw": …}')
        return {"_raw": value}

    def _thoughts(self, path: Path, message: dict[str, Any]) -> list[Block]:
        """Thinking, if it comes with what its maker signed; words alone can't be given back to anyone."""
        found: list[Block] = []
        details = message.get("reasoning_details")
        for _, detail in objects(details, (*path, "reasoning_details")) if details is not None else ():
            words = detail.get("text") or ""
            if detail.get("type") == "reasoning.encrypted" and replayable(detail, detail.get("data")):
                found.append({"type": "redacted_thinking", "data": detail["data"]})
            elif replayable(detail, detail.get("signature")) and isinstance(words, str):
                found.append({"type": "thinking", "thinking": words, "signature": detail["signature"]})
        spoken = any(message.get(key) for key in ("reasoning_content", "reasoning", "reasoning_details"))
        if spoken and not found:
            why = "reasoning that nobody signed can't be given back to a model"
            self._prompt.record("dropped", (*path, "reasoning_content"), why, lossy=True)
        return found

    # -- both ---------------------------------------------------------------------------------------------------------

    def _content(self, path: Path, message: dict[str, Any], role: str) -> list[Block]:
        found = blocks(message.get("content"), (*path, "content"), self._prompt, role=role, detailed=self._detailed)
        if found and (mark := mark_of(message, path)) is not None:
            found[-1]["cache_control"] = mark
        if message["role"] != "function" and message.get("name") is not None:
            self._prompt.record("dropped", (*path, "name"), "messages have no names in the Messages shape", lossy=True)
        for key in message.keys() - _READ:
            self._prompt.record("dropped", (*path, key), "not known of a Chat message", lossy=True)
        return found

    def _ends(self, role: str) -> bool:
        return bool(self.messages) and self.messages[-1]["role"] == role

    def _add(self, role: str, content: list[Block]) -> None:
        """Say *content* in *role*, going on where that role spoke last."""
        if not content:
            return
        if self._ends(role):
            self.messages[-1]["content"] += content
        else:
            self.messages.append({"role": role, "content": content})


def _messages(value: Any, first: int = 0) -> Iterator[Message]:
    """Path and value of each message, its role checked."""
    if not sequence(value, ("messages",)):
        invalid(("messages",), "at least one message is required")
    for path, message in objects(value, ("messages",), first):
        if message.get("role") not in _ROLES:
            invalid((*path, "role"), "one of system, developer, user, assistant and tool is required")
        yield path, message


def _calls(path: Path, message: dict[str, Any]) -> Iterator[Message]:
    """Path and value of each call; the older ``function_call`` as a call whose id is its place."""
    if message.get("tool_calls") is not None:
        yield from objects(message["tool_calls"], (*path, "tool_calls"))
    elif message.get("function_call") is not None:
        function = mapping(message["function_call"], (*path, "function_call"))
        yield (*path, "function_call"), {"id": f"call_{path[-1]}", "function": function}
