"""The counter: counts what is new, remembers what is known, learns what it is told."""

import json
import threading
from typing import Any

import pytest
import trio

from pipeline.events import Event, Finished, Started, TextDelta, Usage
from pipeline.prompt import Prompt
from stages.tokens import counter as module
from stages.tokens.clerk import Clerk
from stages.tokens.counter import LARGE, OFTEN, PAUSE, Counter
from stages.tokens.units import Unit, units
from stages.tokens.weigh import weigh
from stages.tokens.weight import Weight


class Desk(Clerk):
    """A clerk who weighs in this process, a token a character, and remembers what came."""

    def __init__(self) -> None:
        self.jobs: list[int] = []
        self.broken = False

    @property
    def able(self) -> bool:
        return True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()

    async def weigh(self, units: list[Unit]) -> list[Weight] | None:
        await trio.lowlevel.checkpoint()
        self.jobs.append(len(units))
        found = [(unit.kind, unit.raw) for unit in units]
        return None if self.broken else weigh(found, lambda texts: [len(text) for text in texts])


def prompt(*turns: str, model: str = "gpt-x", **fields: Any) -> Prompt:
    body = {"model": model, "messages": [{"role": "user", "content": turn} for turn in turns], **fields}
    return Prompt.parse("chat", json.dumps(body).encode())


async def count(counter: Counter, asked: Prompt) -> int:
    found = await counter.count(asked, "up")
    assert found is not None
    return found.tokens


async def test_a_prompt_is_counted() -> None:
    """Words, turns, and the frame around them."""
    async with Counter(Desk()) as counter:
        assert await count(counter, prompt("four", "fives")) == 4 + 5 + 2 * 4 + 3


async def test_only_what_is_new_is_weighed() -> None:
    """A conversation that goes on costs its last turn; one unit twice costs once."""
    desk = Desk()
    async with Counter(desk) as counter:
        await count(counter, prompt("one", "two", "two"))
        await count(counter, prompt("one", "two", "two", "three"))
        await count(counter, prompt("one", "two", "two", "three", model="other"))
    assert desk.jobs == [2, 1, 0]


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was used longest ago is forgotten."""
    monkeypatch.setattr(module, "KNOWN", 2)
    desk = Desk()
    async with Counter(desk) as counter:
        for turn in ("a", "b", "a", "c", "a", "b"):
            await count(counter, prompt(turn))
    assert desk.jobs == [1, 1, 0, 1, 0, 1]


async def test_what_can_not_be_weighed_is_not_counted() -> None:
    """And is tried again the next time."""
    desk = Desk()
    async with Counter(desk) as counter:
        desk.broken = True
        assert await counter.count(prompt("a"), "up") is None
        desk.broken = False
        assert await counter.count(prompt("a"), "up") is not None


async def test_outside_nothing_is_counted() -> None:
    """Nor learned."""
    counter = Counter()
    assert await counter.count(prompt("a"), "up") is None
    assert counter.watch(prompt("a"), "up", "gpt-x") is None


async def test_a_large_prompt_is_cut_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread; a small one is not worth it."""
    threads: list[bool] = []

    def cut(found: Any) -> list[Unit]:
        threads.append(threading.current_thread() is threading.main_thread())
        return units(found)

    monkeypatch.setattr(module, "units", cut)
    async with Counter(Desk()) as counter:
        assert await count(counter, prompt("x")) < LARGE < await count(counter, prompt("x" * LARGE))
    assert threads == [True, False]


# -- learning ---------------------------------------------------------------------------------------------------------


def reply(tokens: int) -> list[Event]:
    return [
        Started("r", "m", Usage(input=tokens - 10)),
        TextDelta(0, "x"),
        Finished(usage=Usage(cache_read=10, output=5)),
    ]


async def observe(counter: Counter, asked: Prompt, tokens: int) -> bool:
    """Let *counter* see a reply to *asked*; whether it looked."""
    look = counter.watch(asked, "up", "gpt-x")
    for event in reply(tokens) if look else []:
        assert look is not None
        assert look(event) is None  # type: ignore[func-returns-value]  # None leaves the event as it is
    await trio.testing.wait_all_tasks_blocked(0.01)
    return look is not None


async def test_counts_follow_what_replies_report() -> None:
    """Every class of input counts; the error tells how sure that is."""
    asked = prompt("x" * 1000)
    async with Counter(Desk()) as counter:
        before = await counter.count(asked, "up")
        assert before is not None
        for _ in range(OFTEN):
            assert await observe(counter, asked, 2007)
        after = await counter.count(asked, "up")
    assert after is not None
    assert before.tokens == 1007
    assert abs(after.tokens - 2007) < 50


async def test_a_prompt_that_the_upstream_cleared_teaches_nothing() -> None:
    """Its usage tells of less than was counted here."""
    asked, told = prompt("x" * 1000), {"context_management": {"applied_edits": [{"type": "clear_tool_uses_20250919"}]}}
    async with Counter(Desk()) as counter:
        before = await counter.count(asked, "up")
        look = counter.watch(asked, "up", "gpt-x")
        assert look is not None
        look(Started("r", "m", Usage(input=500)))
        look(Finished(usage=Usage(output=5), extra=told))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert await counter.count(asked, "up") == before


async def test_nobody_asked_nothing_is_learned() -> None:
    """Replies of models that nobody has counts made for cost nothing."""
    desk = Desk()
    async with Counter(desk) as counter:
        assert not await observe(counter, prompt("x" * 1000), 2000)
    assert desk.jobs == []


async def test_a_known_model_is_observed_now_and_then(autojump_clock: Any) -> None:
    """The first replies as they come, later ones ten seconds apart."""
    async with Counter(Desk()) as counter:
        await counter.count(prompt("x"), "up")
        looked = [counter.watch(prompt("x"), "up", "gpt-x") is not None for _ in range(OFTEN + 3)]
        await trio.sleep(PAUSE)
        later = [counter.watch(prompt("x"), "up", "gpt-x") is not None for _ in range(2)]
    assert looked == [True] * OFTEN + [False] * 3
    assert later == [True, False]


async def test_the_prompt_may_be_let_go_of() -> None:
    """What is learned of was taken when the reply was asked for."""
    async with Counter(Desk()) as counter:
        asked = prompt("x" * 1000)
        await counter.count(asked, "up")
        look = counter.watch(asked, "up", "gpt-x")
        asked.release()
        assert look is not None
        await trio.testing.wait_all_tasks_blocked(0.01)
        for event in reply(3007):
            look(event)
        found = await counter.count(prompt("x" * 1000), "up")
    assert found is not None
    assert found.tokens > 1100


async def test_a_reply_without_usage_teaches_nothing() -> None:
    """Nor one that ends in the middle."""
    asked = prompt("x" * 1000)
    async with Counter(Desk()) as counter:
        before = await counter.count(asked, "up")
        for events in ([Started("r", "m"), Finished()], [Started("r", "m", Usage(input=5000))]):
            look = counter.watch(asked, "up", "gpt-x")
            assert look is not None
            for event in events:
                look(event)
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert await counter.count(asked, "up") == before


async def test_the_real_clerk_counts() -> None:
    """With the real tokenizer."""
    pytest.importorskip("toktok")
    async with Counter() as counter:
        assert await count(counter, prompt("hello world")) == 2 + 4 + 3
