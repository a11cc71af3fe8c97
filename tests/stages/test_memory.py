"""Memory: a conversation that is remembered becomes what it becomes afresh, whatever happens to it between turns.

The oracle is the same translation without a memory: body, edits, notes, what restores names, and errors.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.requests import MAKERS
from pipeline.errors import InvalidRequest
from pipeline.events import BlockStarted, ToolUse
from pipeline.prompt import Prompt
from stages.dialects import anthropic, chat, providers, responses
from stages.dialects.course import TALK
from stages.dialects.names import alias
from stages.memory import BEHIND, LEAST, PAIRS, Memory
from stages.notes import STOPS, TOLD
from stages.translate import Translate, asked_for, translate
from tests.doubles import exchange, upstream

Body = dict[str, Any]

DIALECTS: dict[str, Any] = {"anthropic": anthropic, "chat": chat, "responses": responses}
PROVIDERS = ("gemini", "minimax", "mistral", "moonshot", "openrouter")
TARGETS: dict[str, Any] = {**DIALECTS, **{name: providers.spoken(chat, name) for name in PROVIDERS}}
MODELS = ("gpt-5.1", "gpt-4.1", "claude-opus-5", "claude-sonnet-4-5", "gemini-3-pro", "kimi-k2-thinking", "some-model")
WIDE = 1 << 22  # bytes: room for all

MARK = {"type": "ephemeral"}
CALLED = ("f", "mcp.files/read", "g" * 80)


def outcome(prompt: Prompt, target: Any, effort: Any, memory: Memory | None) -> Any:
    """All that is seen of a translation of *prompt*."""
    prompt.author = "translate"
    try:
        restoring = translate(prompt, DIALECTS[prompt.dialect], target, asked_for(effort), memory)
    except InvalidRequest as error:
        return type(error), error.message, error.param
    named = [restored(restoring, name) for name in (*map(alias, CALLED), "space__f")]
    return prompt.encode(), prompt.edits, prompt.notes.noted(STOPS), prompt.notes.noted(TOLD), prompt.dialect, named


def restored(restoring: Callable[..., Any] | None, name: str) -> Any:
    return None if restoring is None else restoring(BlockStarted(0, ToolUse("t", name)))


def same(source: str, body: Body, target: Any, effort: Any, memory: Memory) -> None:
    """*body* becomes, remembered, what it becomes afresh."""
    raw = msgspec.json.encode(body)
    remembered = outcome(Prompt.parse(source, raw), target, effort, memory)
    assert remembered == outcome(Prompt.parse(source, raw), target, effort, None)


# -- conversations ----------------------------------------------------------------------------------------------------

words = st.text(max_size=8) | st.just("Hello")
marked: st.SearchStrategy[Body] = st.sampled_from(
    [{}, {}, {}, {}, {"cache_control": MARK}, {"cache_control": {**MARK, "ttl": "1h"}}, {"odd": 1}]
)
ids = st.sampled_from(["toolu_1", "toolu_2", "call 3", "x" * 70])
called = st.sampled_from(CALLED)
given_input = st.sampled_from(['{"a":1}', "{}", "", "not json", "[1]"])


def either(*some: Body) -> st.SearchStrategy[Body]:
    return st.sampled_from([{}, {}, {}, *some])


def merged(*parts: Body) -> Body:
    return {key: value for part in parts for key, value in part.items()}


def of(*parts: st.SearchStrategy[Body], **fields: Any) -> st.SearchStrategy[Body]:
    """Objects with these *fields*, and those of *parts*."""
    drawn = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in fields.items()}
    return st.builds(merged, st.fixed_dictionaries(drawn), *parts)


def some(*kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(*kinds), max_size=3)


odd = either({"clear_at": 1}, {"of_tomorrow": 1})

texts = of(marked, type="text", text=words)
thoughts = of(type="thinking", thinking="hm", signature=st.sampled_from(["", "EqQB"])) | of(
    type="redacted_thinking", data="abc"
)
uses = of(marked, type="tool_use", id=ids, name=called, input=st.just({"a": 1}))
pictures = of(type="image", source=st.just({"type": "url", "url": "https://e.com/a.png"}))
results = of(
    marked, either({"is_error": True}), type="tool_result", tool_use_id=ids, content=words | some(texts, pictures)
)
claudes = {
    "user": of(odd, role="user", content=words | some(texts, results, pictures)),
    "assistant": of(odd, role="assistant", content=words | some(thoughts, texts, uses) | some(uses)),
    "system": of(odd, role="system", content=words),
    "broken": of(role="user", content=st.just([{"type": "of_tomorrow"}])) | of(role="nobody") | st.just(1),
}

calls = of(
    marked, type="function", id=ids, function=of(name=called, arguments=given_input)
) | of(type="custom", id=ids, custom=of(name=called, input=words))  # fmt: skip
images = of(type="image_url", image_url=of(either({"detail": "low"}), url="https://e.com/a.png"))
gpts = {
    "user": of(odd, either({"name": "n"}), marked, role="user", content=words | some(texts, images)),
    "tool": of(role="tool", tool_call_id=ids, content=words | some(texts)),
    "assistant": of(
        odd,
        either({"reasoning_content": "hm"}, {"refusal": "no"}, {"function_call": {"name": "f", "arguments": "{}"}}),
        st.just({}) | of(tool_calls=some(calls)) | of(tool_calls=some(calls)),
        role="assistant",
        content=st.none() | words,
    ),
    "system": of(odd, role=st.sampled_from(["system", "developer"]), content=words),
    "function": of(role="function", name="f", content=words),
    "broken": of(role="user", content=st.just([{"type": "of_tomorrow"}])) | of(role="nobody") | st.just(1),
}

item = either({"id": "item_1", "status": "completed"})
heard = of(type="input_text", text=words) | of(type="input_image", image_url="https://e.com/a.png")
codexes = {
    "user": of(item, marked, role="user", content=words | st.lists(heard, max_size=2)),
    "assistant": of(
        item,
        type="message",
        role="assistant",
        content=some(of(type="output_text", text=words, annotations=st.just([]))),
    ),
    "reasoning": of(type="reasoning", id="rs_1", summary=st.just([]), encrypted_content="gAAA"),
    "call": of(
        item, either({"namespace": "space"}), type="function_call", call_id=ids, name=called, arguments=given_input
    ),
    "patch": of(type="custom_tool_call", call_id=ids, name=called, input=words),
    "shell": of(
        type="local_shell_call",
        id="lsh_1",
        call_id=ids,
        action=st.just({"type": "exec", "command": ["ls"]}),
        status="completed",
    ),
    "search": of(
        type="web_search_call", id="ws_1", status="completed", action=st.just({"type": "search", "query": "q"})
    ),
    "result": of(item, type="function_call_output", call_id=ids, output=words | st.lists(heard, max_size=2)),
    "heard": of(type="local_shell_call_output", id="lsh_1", output=words),
    "system": of(role=st.sampled_from(["system", "developer"]), content=words),
    "aside": of(
        type="additional_tools",
        role="developer",
        tools=st.just([{"type": "function", "name": "late.one", "parameters": {}}]),
    )
    | of(type="configuration_update", reasoning=st.just({"effort": "low"})),
    "broken": of(type="item_reference", id="x") | of(role="nobody") | st.just(1),
}
GRAMMARS: dict[str, dict[str, st.SearchStrategy[Any]]] = {"anthropic": claudes, "chat": gpts, "responses": codexes}
RARE = ("broken", "aside")  # which would leave little to remember


def turns_of(source: str) -> st.SearchStrategy[list[Any]]:
    usual = [kind for name, kind in GRAMMARS[source].items() if name not in RARE]
    return st.lists(st.one_of(GRAMMARS[source]["user"], GRAMMARS[source]["assistant"], *usual), max_size=8)


TURNS = {source: turns_of(source) for source in GRAMMARS}
SCHEMA = {"type": "object"}
CLEAR = {"type": "clear_thinking_20251015"}
HEADS = {
    "anthropic": of(
        either({"system": "Be kind."}, {"system": [{"type": "text", "text": "a", "cache_control": MARK}]}),
        either({"tools": [{"name": name, "input_schema": SCHEMA} for name in CALLED]}),
        either({"cache_control": MARK}, {"of_tomorrow": 1}, {"thinking": {"type": "adaptive", "display": "omitted"}}),
        either({"stop_sequences": [str(n) for n in range(6)]}, {"context_management": {"edits": [CLEAR]}}),
        model=st.sampled_from(MODELS), max_tokens=st.integers(1, 9000),
    ),
    "chat": of(
        either({"tools": [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in CALLED]},
               {"tools": [{"type": "custom", "custom": {"name": name}} for name in CALLED]}),
        either({"response_format": {"type": "json_object"}}, {"seed": 7}, {"stop": [" ", "a"]},
               {"reasoning_effort": "high"}),
        model=st.sampled_from(MODELS),
    ),
    "responses": of(
        either({"instructions": "Be kind."}),
        either({"tools": [{"type": "function", "name": name, "parameters": SCHEMA} for name in CALLED]},
               {"tools": [{"type": "custom", "name": name} for name in CALLED]},
               {"tools": [{"type": "namespace", "name": "space",
                           "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}]}]}),
        either({"include": ["reasoning.encrypted_content"]}, {"truncation": "auto"},
               {"reasoning": {"effort": "high", "summary": "auto"}}),
        model=st.sampled_from(MODELS),
    ),
}  # fmt: skip
efforts = st.sampled_from([None, None, "high"])


class Life:
    """Some conversations of a client of *source* on their way through one memory."""

    def __init__(self, source: str, data: st.DataObject) -> None:
        self._source, self._draw = source, data.draw
        self._targets = st.sampled_from(sorted(name for name in TARGETS if source != TARGETS[name].NAME))
        self._talks: list[list[Any]] = [self._draw(TURNS[source]), self._draw(TURNS[source])]
        self._head, self._target, self._effort = (
            self._draw(HEADS[source]),
            self._draw(self._targets),
            self._draw(efforts),
        )
        self._memory = Memory(self._draw(st.sampled_from([WIDE, WIDE, WIDE, 30_000, 10_000])), least=0)

    def step(self) -> None:
        """Something happens to one of them, and it is sent."""
        talk = self._talks[self._draw(st.integers(0, 1))]
        self._draw(st.sampled_from(self.EVENTS))(self, talk)
        self._send(talk)

    def _send(self, talk: list[Any]) -> None:
        body = {**self._head, TALK[self._source]: talk}
        same(self._source, body, TARGETS[self._target], self._effort, self._memory)

    def _some(self, kind: str) -> Any:
        return self._draw(GRAMMARS[self._source].get(kind, GRAMMARS[self._source]["user"]))

    def go_on(self, talk: list[Any]) -> None:
        talk += self._draw(TURNS[self._source])

    def mark_the_last(self, talk: list[Any]) -> None:
        """As clients do, the marks of the turn before taken off."""
        for message in talk:
            for block in message["content"] if isinstance(message.get("content"), list) else ():
                block.pop("cache_control", None)
        if talk and isinstance(talk[-1].get("content"), list) and talk[-1]["content"]:
            talk[-1]["content"][-1] = {**talk[-1]["content"][-1], "cache_control": MARK}

    def rewrite(self, talk: list[Any]) -> None:
        """One message, wherever it is."""
        if talk:
            talk[self._draw(st.integers(0, len(talk) - 1))] = self._some("assistant")

    def compact(self, talk: list[Any]) -> None:
        del talk[: self._draw(st.integers(0, len(talk)))]

    def take_back(self, talk: list[Any]) -> None:
        del talk[self._draw(st.integers(0, len(talk))) :]

    def say_aside(self, talk: list[Any]) -> None:
        """What holds for all of the request, where there is such a thing; once."""
        self._send([*talk, self._some("aside"), *self._draw(TURNS[self._source])])

    def break_off(self, talk: list[Any]) -> None:
        """A body that is refused, once."""
        self._send([*talk, self._some("broken"), *self._draw(TURNS[self._source])])

    def change_head(self, talk: list[Any]) -> None:
        self._head = self._draw(HEADS[self._source])

    def change_upstream(self, talk: list[Any]) -> None:
        self._target, self._effort = self._draw(self._targets), self._draw(efforts)

    EVENTS = (go_on, go_on, go_on, go_on, mark_the_last, rewrite, compact, take_back, say_aside, break_off, change_head,
              change_upstream)  # fmt: skip


@pytest.mark.parametrize("source", GRAMMARS)
@settings(max_examples=200)
@given(data=st.data())
def test_what_is_remembered_is_what_is_made_afresh(source: str, data: st.DataObject) -> None:
    """Body, edits, notes, names and errors, over turns of two conversations that grow, change, shrink and break."""
    life = Life(source, data)
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


def body_of(source: str, turns: int) -> Body:
    """What an agent of *source* sends that gives all its calls one id, as some servers make them."""
    _, body = MAKERS[source]("go on", 4000 * turns, stream=True)
    ids = {"id", "tool_use_id", "tool_call_id", "call_id"}
    made: Body = replaced({**body, "model": "some-model"}, lambda key, value: "call 1" if key in ids else value)
    return made


def replaced(value: Any, by: Callable[[str, Any], Any]) -> Any:
    if isinstance(value, list):
        return [replaced(each, by) for each in value]
    return {key: replaced(by(key, each), by) for key, each in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("source", "target"), sorted(PAIRS))
def test_ids_are_those_that_were_not_given_before(source: str, target: str) -> None:
    """Though the calls that have them are not translated again."""
    memory = Memory(WIDE)
    for turns in range(12, 20):
        same(source, body_of(source, turns), DIALECTS[target], None, memory)
    assert memory.weight > LEAST


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
    told(memory, talk(20, size=WIDE // 40))
    assert known(memory, talk(20, size=WIDE // 40)) == 0


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
