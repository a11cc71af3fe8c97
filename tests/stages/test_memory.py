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
    **{name: providers.spoken(chat, name) for name in ("gemini", "minimax", "mistral", "moonshot", "openrouter")},
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
        "context_management": st.sampled_from([None, None, None, {"edits": [{"type": "clear_thinking_20251015"}]}]),
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
        self._memory = Memory(self._draw(st.sampled_from([WIDE, WIDE, WIDE, 30_000, 10_000])), least=0)

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


# -- what is kept -----------------------------------------------------------------------------------------------------


def talk(turns: int, *, about: str = "it", size: int = 4000) -> list[Body]:
    """A conversation of an agent that reads a file of *size* bytes in each of its *turns*."""
    told: list[Body] = []
    for turn in range(turns):
        call = {"type": "tool_use", "id": f"toolu_{turn}", "name": "f", "input": {"file": about}}
        told += [
            {"role": "user", "content": f"What of {about}?"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "x" * size}]},
            {"role": "assistant", "content": [{"type": "text", "text": f"{about} is well."}]},
        ]
    return [*told, {"role": "user", "content": [{"type": "text", "text": "Go on.", "cache_control": MARK}]}]


def asked(messages: list[Body], **more: Any) -> Prompt:
    return Prompt.parse("anthropic", msgspec.json.encode({"model": "gpt-5.1", **more, "messages": messages}))


def known(memory: Memory, messages: list[Body], *, caller: str = "", target: Any = chat, **more: Any) -> int:
    """How many of *messages* need not be translated again."""
    turn = memory.turn(asked(messages, **more), anthropic, target, None, caller)
    return 0 if turn is None or turn.before is None else turn.before.past.number


def told(memory: Memory, messages: list[Body], *, caller: str = "", target: Any = chat, **more: Any) -> bytes:
    prompt = asked(messages, **more)
    translate(prompt, anthropic, target, None, memory, caller)
    return prompt.encode()


@pytest.mark.parametrize("target", [chat, responses])
def test_the_next_turn_is_all_that_is_translated(target: Any) -> None:
    """Turn after turn, though the marks of the client move each time."""
    memory = Memory(WIDE)
    for turn in range(10, 20):
        messages = talk(turn)
        assert known(memory, messages, target=target) >= (len(messages) - 4 - BEHIND - 4 if turn > 10 else 0)
        fresh = asked(messages)
        translate(fresh, anthropic, target)
        assert told(memory, messages, target=target) == fresh.encode()


def test_what_differs_in_anything_is_not_known() -> None:
    """Another caller, upstream, model, system, setting or first word."""
    memory, messages = Memory(WIDE), talk(20)
    told(memory, messages)
    assert known(memory, messages) > 0
    assert known(memory, messages, caller="another") == 0
    assert known(memory, messages, target=responses) == 0
    assert known(memory, messages, target=providers.spoken(chat, "mistral")) == 0
    assert known(memory, messages, model="gpt-4.1") == 0
    assert known(memory, messages, system="Be kind.") == 0
    assert known(memory, messages, temperature=0.5) == 0
    assert known(memory, [{"role": "user", "content": "Well?"}, *messages[1:]]) == 0


def test_a_conversation_that_forks_is_known_up_to_there() -> None:
    """As when a client takes back its last words; and both go on."""
    memory, messages = Memory(WIDE), talk(20)
    told(memory, messages)
    fork = [*messages[:-1], {"role": "user", "content": "No, wait."}]
    assert known(memory, fork) == known(memory, messages) > 0


def test_the_short_and_the_huge_are_not_kept() -> None:
    """They cost less than it is worth, or would leave no room for others."""
    memory = Memory(WIDE)
    told(memory, talk(1, size=LEAST // 2))
    assert known(memory, talk(1, size=LEAST // 2)) == 0
    told(memory, talk(20, size=WIDE // 80))
    assert known(memory, talk(20, size=WIDE // 80)) == 0


def test_a_memory_of_nothing() -> None:
    """Remembers nothing."""
    memory = Memory(0)
    told(memory, talk(20))
    assert memory.turn(asked(talk(20)), anthropic, chat) is None


@pytest.mark.parametrize("heads", [1, 40])
def test_what_was_used_longest_ago_is_forgotten(heads: int) -> None:
    """Whether conversations have the same head or not, they never take more than there is."""
    memory = Memory(WIDE)
    for number in range(40):
        for about in (str(number), "often"):
            told(memory, talk(20, about=about), system=str(number % heads))
        assert 0 < memory.weight <= WIDE
    assert known(memory, talk(20, about="39"), system=str(39 % heads)) > 0
    assert known(memory, talk(20, about="often"), system=str(39 % heads)) > 0
    assert known(memory, talk(20, about="0"), system="0") == 0


def test_what_goes_on_takes_the_place_of_what_was() -> None:
    """A long conversation is kept once."""
    memory = Memory(WIDE)
    for turn in range(20, 40):
        told(memory, talk(turn))
    alone = Memory(WIDE)
    told(alone, talk(39))
    assert memory.weight <= alone.weight


def test_an_error_names_its_place_in_the_whole_conversation() -> None:
    """As it would without a memory; and the conversation is known after it as it was before."""
    memory, messages = Memory(WIDE), talk(20)
    told(memory, messages)
    before = known(memory, messages)
    wrong = [*messages[:-1], {"role": "user", "content": [{"type": "of_tomorrow"}]}]
    with pytest.raises(InvalidRequest) as raised:
        told(memory, wrong)
    assert raised.value.param == "messages[80].content[0]"
    assert known(memory, messages) == before


def test_the_stage_remembers_for_each_caller() -> None:
    """Over requests, and no more than it is told to."""
    for limit, finds in ((WIDE, True), (0, False)):
        stage = Translate(memory=limit)
        for turn in (20, 21):
            body = msgspec.json.encode({"model": "gpt-5.1", "messages": talk(turn)})
            stage(exchange(body, dialect=anthropic, upstream=upstream("up", None, dialect=chat)))
        assert (stage._memory.weight > 0) is finds
