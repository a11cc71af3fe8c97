"""Memory: a conversation that is remembered becomes what it becomes afresh, whatever happens to it between turns.

The oracle is the same translation without a memory: body, edits, notes, what restores names, and errors.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from pipeline.events import BlockStarted, ToolUse
from pipeline.prompt import Prompt
from stages.dialects import anthropic, chat, providers, responses
from stages.memory import BEHIND, LEAST, PAIRS, Memory
from stages.notes import STOPS, TOLD
from stages.translate import Translate, asked_for, translate
from tests.doubles import exchange, upstream

Body = dict[str, Any]

DIALECTS: dict[str, Any] = {"anthropic": anthropic, "chat": chat, "responses": responses}
TARGETS: dict[str, Any] = {
    **{target: DIALECTS[target] for _, target in PAIRS},
    **{name: providers.spoken(chat, name) for name in ("gemini", "minimax", "mistral", "moonshot", "openrouter")},  # type: ignore[arg-type]  # a module is a dialect
}
MODELS = ("gpt-5.1", "gpt-4.1", "claude-opus-5", "gemini-3-pro", "kimi-k2-thinking", "some-model")
WIDE = 1 << 22  # bytes: room for all

MARK = {"type": "ephemeral"}
CALLED = ("f", "mcp.files/read", "g" * 80)


def outcome(prompt: Prompt, target: Any, effort: Any, memory: Memory | None) -> Any:
    """All that is seen of a translation of *prompt*."""
    prompt.author = "translate"
    try:
        restoring = translate(prompt, anthropic, target, asked_for(effort), memory)
    except InvalidRequest as error:
        return type(error), error.message, error.param
    named = [restored(restoring, call["name"]) for call in called(msgspec.json.decode(prompt.encode()))]
    return prompt.encode(), prompt.edits, prompt.notes.noted(STOPS), prompt.notes.noted(TOLD), prompt.dialect, named


def restored(restoring: Callable[..., Any] | None, name: str) -> Any:
    return None if restoring is None else restoring(BlockStarted(0, ToolUse("t", name)))


def called(body: Body) -> list[Any]:
    """Tools of an upstream's *body*, each as what has its name."""
    return [tool.get("function", tool) for tool in body.get("tools", ()) if "name" in tool.get("function", tool)]


def same(body: Body, target: Any, effort: Any, memory: Memory) -> Any:
    """What *body* becomes, remembered; it is what it becomes afresh."""
    raw = msgspec.json.encode(body)
    remembered = outcome(Prompt.parse("anthropic", raw), target, effort, memory)
    assert remembered == outcome(Prompt.parse("anthropic", raw), target, effort, None)
    return remembered


# -- conversations ----------------------------------------------------------------------------------------------------

words = st.text(max_size=8) | st.just("Hello")
marked = st.sampled_from([{}, {}, {}, {"cache_control": MARK}, {"cache_control": {**MARK, "ttl": "1h"}}, {"odd": 1}])
ids = st.sampled_from(["toolu_1", "toolu_2", "call 3", "x" * 70])
texts = st.builds(lambda text, more: {"type": "text", "text": text, **more}, words, marked)
thoughts = st.sampled_from(
    [{"type": "thinking", "thinking": "hm", "signature": sign} for sign in ("", "EqQB")]
    + [{"type": "redacted_thinking", "data": "abc"}]
)
uses = st.builds(
    lambda call, name, more: {"type": "tool_use", "id": call, "name": name, "input": {"a": 1}, **more},
    ids, st.sampled_from(CALLED), marked,
)  # fmt: skip
pictures = st.just({"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}})
wrong = st.sampled_from([{"type": "of_tomorrow"}, {"type": "text"}, {"type": "tool_use", "id": 1}])
results = st.builds(
    lambda call, content, more: {"type": "tool_result", "tool_use_id": call, "content": content, **more},
    ids, words | st.lists(texts | pictures, max_size=2), st.sampled_from([{}, {"is_error": True}]) | marked,
)  # fmt: skip
fields = st.sampled_from([{}, {}, {}, {"clear_at": 1}, {"of_tomorrow": 1}])


def said(role: str, content: st.SearchStrategy[Any]) -> st.SearchStrategy[Body]:
    return st.builds(lambda content, more: {"role": role, "content": content, **more}, content, fields)


users = said("user", words | st.lists(texts | results | pictures, max_size=3))
assistants = said("assistant", words | st.lists(thoughts | texts | uses, max_size=3))
instructions = said("system", words)
broken = said("user", st.lists(wrong, min_size=1, max_size=1)) | st.just({"role": "nobody"}) | st.just(1)
turns = st.lists(users | assistants | assistants | users | instructions, max_size=6)
heads = st.fixed_dictionaries(
    {"model": st.sampled_from(MODELS), "max_tokens": st.integers(1, 9000)},
    optional={
        "system": words | st.lists(texts, max_size=2),
        "tools": st.just([{"name": name, "input_schema": {"type": "object"}} for name in CALLED]),
        "cache_control": st.just(MARK),
        "stop_sequences": st.just([str(n) for n in range(6)]),
        "thinking": st.just({"type": "adaptive", "display": "omitted"}),
        "of_tomorrow": st.just(1),
        "context_management": st.just({"edits": [{"type": "clear_thinking_20251015"}]}),
    },
)
efforts = st.sampled_from([None, None, "high"])
targets = st.sampled_from(sorted(TARGETS))


class Life:
    """Some conversations on their way through one memory."""

    def __init__(self, data: st.DataObject) -> None:
        self._draw = data.draw
        self._talks: list[list[Any]] = [self._draw(turns), self._draw(turns)]
        self._head, self._target, self._effort = self._draw(heads), self._draw(targets), self._draw(efforts)
        self._memory = Memory(self._draw(st.sampled_from([WIDE, WIDE, 20_000, 4_000, 0])), least=0)

    def step(self) -> None:
        """Something happens to one of them, and it is sent."""
        talk = self._talks[self._draw(st.integers(0, 1))]
        self._draw(st.sampled_from(self.EVENTS))(self, talk)
        same({**self._head, "messages": talk}, TARGETS[self._target], self._effort, self._memory)

    def go_on(self, talk: list[Any]) -> None:
        talk += self._draw(turns)

    def mark_the_last(self, talk: list[Any]) -> None:
        """As clients do, the marks of the turn before taken off."""
        for message in talk:
            for block in message["content"] if isinstance(message["content"], list) else ():
                block.pop("cache_control", None)
        if talk and isinstance(talk[-1]["content"], list) and talk[-1]["content"]:
            talk[-1]["content"][-1] = {**talk[-1]["content"][-1], "cache_control": MARK}

    def rewrite(self, talk: list[Any]) -> None:
        """One message, wherever it is."""
        if talk:
            talk[self._draw(st.integers(0, len(talk) - 1))] = self._draw(users | assistants)

    def compact(self, talk: list[Any]) -> None:
        del talk[: self._draw(st.integers(0, len(talk)))]

    def take_back(self, talk: list[Any]) -> None:
        del talk[self._draw(st.integers(0, len(talk))) :]

    def break_off(self, talk: list[Any]) -> None:
        """A body that is refused, once."""
        spoilt = [*talk, self._draw(broken), *self._draw(turns)]
        same({**self._head, "messages": spoilt}, TARGETS[self._target], self._effort, self._memory)

    def change_head(self, talk: list[Any]) -> None:
        self._head = self._draw(heads)

    def change_upstream(self, talk: list[Any]) -> None:
        self._target, self._effort = self._draw(targets), self._draw(efforts)

    EVENTS = (go_on, go_on, go_on, go_on, mark_the_last, rewrite, compact, take_back, break_off, change_head,
              change_upstream)  # fmt: skip


@settings(max_examples=300)
@given(data=st.data())
def test_what_is_remembered_is_what_is_made_afresh(data: st.DataObject) -> None:
    """Body, edits, notes, names and errors, over turns of two conversations that grow, change, shrink and break."""
    life = Life(data)
    for _ in range(8):
        life.step()
