"""One exchange, one program: asked, read, resumed, and gone when nobody listens."""

import time
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from pipeline.errors import Overloaded, RateLimited, UpstreamFailed, UpstreamTruncated
from pipeline.events import Event, Failed, Finished, Started, TextDelta, Usage
from tests.stages.fake_clis import Cli, call, cli, lives, nothing_left
from transports.pool import Reply
from transports.upstream import Call, TimedOut, Timers


def words(events: list[Event]) -> str:
    return "".join(event.piece for event in events if isinstance(event, TextDelta))


def option(start: dict[str, Any], name: str) -> str | None:
    """The value of an option that a program was started with."""
    found = [word.partition("=")[2] for word in start["arguments"] if word.startswith(f"--{name}=")]
    return found[0] if found else None


async def begun(reply: Reply) -> bytes:
    """What came up to the first words."""
    data = b""
    while b"text_delta" not in data:
        piece = await reply.receive()
        assert piece
        data += piece
    return data


async def child(found: Cli) -> int:
    """The process that the program has started."""
    with trio.fail_after(5):
        while True:
            for entry in found.heard():
                if "child" in entry:
                    return int(entry["child"])
            await trio.sleep(0.01)


async def test_a_question_and_its_answer(tmp_path: Path) -> None:
    """Streamed as it is written, with the turn's usage, by a program that then ends by itself."""
    async with cli(tmp_path) as found:
        with nothing_left(found):
            events = await found.ask("hello there", system=["be brief"], max_tokens=77)
            await found.idle()
    assert isinstance(events[0], Started)
    assert events[0].model == "claude-sonnet-5-5"
    assert words(events) == "you said hello there "
    finished = events[-1]
    assert isinstance(finished, Finished)
    usage = Usage(input=7, cache_read=11, cache_write_5m=0, cache_write_1h=0, output=3, reasoning=2)
    assert (finished.stop, finished.usage) == ("end_turn", usage)
    (start,) = found.starts()
    assert start["environment"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "77"
    assert start["directory"] == str(tmp_path / "home" / "empty")
    assert found.heard()[2]["line"]["request"]["systemPrompt"] == ["be brief"]


async def test_nothing_that_was_said_is_on_the_command_line(tmp_path: Path) -> None:
    """However it looks, and however long it is: far more than a command line takes goes in by standard input."""
    said = "--dangerously-skip-permissions " + "x" * 3_000_000
    async with cli(tmp_path) as found:
        events = await found.ask(said)
    assert words(events).strip() == f"you said {said[:100]}"
    assert found.turns() == [("user", said)]
    assert "--dangerously-skip-permissions" not in found.starts()[0]["arguments"]


async def test_a_history_is_told_again(tmp_path: Path) -> None:
    """Without a name for the conversation nothing is remembered, and nothing put down."""
    async with cli(tmp_path) as found:
        events = await found.ask("q1", "a1", "q2", "a2", "q3")
    assert words(events) == "you said q3 "
    assert found.turns() == [("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2"), ("user", "q3")]
    assert "--no-session-persistence" in found.starts()[0]["arguments"]


async def test_a_list_of_models_starts_no_program(tmp_path: Path) -> None:
    """It is known."""
    async with cli(tmp_path) as found:
        async with found.pool.send(found.opener.origin, Call(method="GET", target="/models")) as reply:
            assert reply.head.status == 200
            assert b"opus" in await reply.receive()
            assert reply.done
            assert await reply.receive() == b""
        assert found.starts() == []


# -- sessions ---------------------------------------------------------------------------------------------------------


async def test_a_conversation_is_gone_on_with(tmp_path: Path) -> None:
    """By the session's own id, which the caller's name for it became; only what is new is said."""
    async with cli(tmp_path) as found:
        one = words(await found.ask("q1", session="s"))
        await found.idle()
        two = words(await found.ask("q1", one.strip(), "q2", session="s"))
        assert found.turns() == [("user", "q2")]
        await found.idle()
        await found.ask("q1", one, "q2", two, "q3", session="s")
        assert found.turns() == [("user", "q3")]
    first, second, third = found.starts()
    id_ = option(first, "session-id")
    assert id_ is not None
    assert (option(second, "resume"), option(third, "resume")) == (id_, id_)
    assert id_[14] == "5"  # a UUID made of a name (RFC 9562)


async def test_it_is_gone_on_with_after_a_restart(tmp_path: Path) -> None:
    """The book is on disk."""
    async with cli(tmp_path) as found:
        said = words(await found.ask("q1", session="s"))
        await found.idle()
    async with cli(tmp_path) as found:
        await found.ask("q1", said, "q2", session="s")
        first, second = found.starts()
        assert option(second, "resume") == option(first, "session-id")


async def test_callers_do_not_share_sessions(tmp_path: Path) -> None:
    """The same name means another conversation."""
    async with cli(tmp_path) as found:
        said = words(await found.ask("q1", session="s", caller="ada"))
        await found.idle()
        await found.ask("q1", said, "q2", session="s", caller="bob")
        assert option(found.starts()[1], "resume") is None
        assert len(found.turns()) == 3


async def test_an_edited_conversation_begins_a_session(tmp_path: Path) -> None:
    """What the CLI remembers is not what was said."""
    async with cli(tmp_path) as found:
        await found.ask("q1", session="s")
        await found.idle()
        await found.ask("q1", "you never said this", "q2", session="s")
        first, second = found.starts()
        assert option(second, "session-id") not in {None, option(first, "session-id")}
        assert found.turns()[0] == ("user", "q1")


async def test_an_answer_that_was_cut_off_is_not_gone_on_with(tmp_path: Path) -> None:
    """The CLI may remember more of it than the client has, or less."""
    async with cli(tmp_path) as found:
        said = words(await found.ask("q1", session="s"))
        await found.idle()
        async with found.pool.send(found.opener.origin, call("q1", said, "q2 [hang]", session="s")) as reply:
            await begun(reply)
        await found.idle()
        await found.ask("q1", said, "q2 again", session="s")
        assert [option(start, "resume") is not None for start in found.starts()] == [False, True, False]


async def test_two_at_a_time_do_not_share_a_session(tmp_path: Path) -> None:
    """The second is told everything."""
    async with cli(tmp_path) as found:
        said = words(await found.ask("q1", session="s"))
        await found.idle()
        async with found.pool.send(found.opener.origin, call("q1", said, "q2 [hang]", session="s")) as reply:
            await begun(reply)
            await found.ask("q1", said, "q2", session="s")
        assert [option(start, "resume") is not None for start in found.starts()] == [False, True, False]


async def test_a_session_that_the_cli_has_lost(tmp_path: Path) -> None:
    """It is told everything, and nobody notices."""
    async with cli(tmp_path) as found:
        said = words(await found.ask("q1", session="s"))
        await found.idle()
    async with cli(tmp_path, {"FAKE_FORGETS": "1"}) as found:
        events = await found.ask("q1", said, "q2", session="s")
        assert words(events) == "you said q2 "
        first, second, third = found.starts()
        assert option(second, "resume") == option(first, "session-id")
        assert option(third, "session-id") not in {None, option(first, "session-id")}
        assert len(found.turns()) == 3


async def test_sessions_may_be_turned_off(tmp_path: Path) -> None:
    """Then the CLI puts nothing down."""
    async with cli(tmp_path, sessions=0.0) as found:
        await found.ask("q1", session="s")
        assert "--no-session-persistence" in found.starts()[0]["arguments"]
        assert not found.opener.book.file.exists()


async def test_the_prompt_s_own_name_for_the_session_counts(tmp_path: Path) -> None:
    """Where no field of the request says one."""
    async with cli(tmp_path) as found:
        async with found.pool.send(found.opener.origin, named("q1", "from-metadata")) as reply:
            while await reply.receive():
                pass
        assert option(found.starts()[0], "session-id") is not None


def named(text: str, session: str) -> Call:
    """A call whose prompt names the session."""
    plain = call(text)
    body = plain.body.replace(b'"model"', b'"session":"%b","model"' % session.encode())
    return Call(method="POST", target="/reply", headers=plain.headers, body=body)


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "kind", "said"),
    [
        ("[exit 1]", UpstreamFailed, "exit status 1"),
        ("[silent]", UpstreamFailed, "without an answer"),
        ("[secrets]", UpstreamFailed, "exit status 3"),
        ("[broken]", UpstreamFailed, "no JSON"),
        ("[huge]", UpstreamFailed, "bytes"),
    ],
)
async def test_a_program_that_fails_before_it_answers(
    tmp_path: Path, does: str, kind: type[Exception], said: str
) -> None:
    """Another upstream may be asked; what it wrote to stderr is told to nobody."""
    async with cli(tmp_path) as found:
        with nothing_left(found), pytest.raises(kind) as caught:
            await found.ask(f"hello {does}")
        assert said in str(caught.value)
        assert "sk-ant" not in str(caught.value)
        assert found.pool.busy == 0


@pytest.mark.parametrize(
    ("does", "kind"), [("[signed-out]", UpstreamFailed), ("[limit]", RateLimited), ("[overflow]", Exception)]
)
async def test_what_it_says_in_place_of_an_answer(tmp_path: Path, does: str, kind: type[Exception]) -> None:
    """Is an error, never the model's words."""
    async with cli(tmp_path) as found:
        (failed,) = await found.ask(f"hello {does}")
        assert isinstance(failed, Failed)
        assert isinstance(failed.error, kind)


async def test_a_program_that_ends_in_the_middle(tmp_path: Path) -> None:
    """What came is not all."""
    async with cli(tmp_path) as found:
        with nothing_left(found), pytest.raises(UpstreamTruncated, match="exit status 4"):
            await found.ask("hello [midway]")


async def test_noise_is_left_out(tmp_path: Path) -> None:
    """A runtime's warning is no part of the answer."""
    async with cli(tmp_path) as found:
        assert words(await found.ask("hello [garbage]")) == "you said hello [garbage] "


async def test_a_program_that_can_t_be_started(tmp_path: Path) -> None:
    """It was there when the gateway started; the error names it and nothing else."""
    async with cli(tmp_path) as found:
        object.__setattr__(found.opener.settings, "command", ("/nowhere/claude",))
        with pytest.raises(UpstreamFailed, match="cli: /nowhere/claude can't be started: No such file"):
            await found.ask("hello")
        assert found.pool.busy == 0


async def test_a_program_that_falls_silent(tmp_path: Path) -> None:
    """The upstream's own timer ends it."""
    async with cli(tmp_path) as found:
        with nothing_left(found), pytest.raises(TimedOut) as caught:
            await found.ask("hello [hang]", timers=Timers(idle=0.3))
        assert caught.value.phase == "idle"


# -- nobody listens ---------------------------------------------------------------------------------------------------


async def test_a_client_that_goes_takes_the_program_with_it(tmp_path: Path) -> None:
    """All that it has started too, within a second, although it does not listen to SIGTERM; and no zombie is left."""
    async with cli(tmp_path) as found:
        with nothing_left(found):
            with trio.CancelScope() as scope:
                async with found.pool.send(found.opener.origin, call("hello [stubborn]")) as reply:
                    await begun(reply)
                    started = await child(found)
                    began = time.monotonic()
                    scope.cancel()
                    await reply.receive()
            assert time.monotonic() - began < 1
            assert found.pool.busy == 0
        with trio.fail_after(5):
            while lives(started):  # noqa: ASYNC110  # an orphan: the system collects it, in its own time
                await trio.sleep(0.01)


async def test_a_client_that_goes_before_the_answer(tmp_path: Path) -> None:
    """While the program starts, and while a history is told: at any moment."""
    async with cli(tmp_path) as found:
        for wait in (0.0, 0.005, 0.02, 0.05, 0.1):
            with nothing_left(found):
                with trio.move_on_after(wait):
                    await found.ask("q1", "a1", "q2", "a2", "hello [hang]")
                assert found.pool.busy == 0


async def test_an_answer_that_was_enough_ends_the_program(tmp_path: Path) -> None:
    """Left before its end, it is not waited for."""
    async with cli(tmp_path) as found:
        with nothing_left(found):
            began = time.monotonic()
            async with found.pool.send(found.opener.origin, call("hello [hang]")) as reply:
                await begun(reply)
            await found.idle()
            assert time.monotonic() - began < 2


# -- turns ------------------------------------------------------------------------------------------------------------


async def test_so_many_programs_and_no_more(tmp_path: Path, nursery: trio.Nursery) -> None:
    """The next one waits for its turn, and gets it when one ends."""
    async with cli(tmp_path, concurrency=2) as found:
        answers: list[str] = []

        async def ask(text: str) -> None:
            answers.append(words(await found.ask(text)))

        with trio.CancelScope() as scope:
            async with trio.open_nursery() as running:
                running.start_soon(ask, "one [hang]")
                running.start_soon(ask, "two [hang]")
                with trio.fail_after(5):
                    while len(found.starts()) < 2:  # noqa: ASYNC110  # they are other processes
                        await trio.sleep(0.01)
                nursery.start_soon(ask, "three")
                await trio.sleep(0.2)
                assert len(found.starts()) == 2
                scope.cancel()
        with trio.fail_after(5):
            while not answers:  # noqa: ASYNC110  # the same
                await trio.sleep(0.01)
        assert answers == ["you said three "]


async def test_a_turn_that_does_not_come(tmp_path: Path) -> None:
    """Is not waited for for ever; another upstream may be free.  Nor may everyone wait."""
    async with cli(tmp_path, concurrency=1, patience=0.2) as found:
        async with found.pool.send(found.opener.origin, call("one [hang]")) as reply:
            await begun(reply)
            with pytest.raises(Overloaded, match=r"one program is running, and none has ended within 0\.2 s") as caught:
                await found.ask("two")
            assert caught.value.retryable
            async with trio.open_nursery() as waiting:
                for _ in range(64):
                    waiting.start_soon(refused, found)
                await trio.testing.wait_all_tasks_blocked()
                with pytest.raises(Overloaded, match="64 requests wait"):
                    await found.ask("too many")
        assert len(found.starts()) == 1


async def refused(found: Cli) -> None:
    """Asks in vain."""
    with pytest.raises(Overloaded):
        await found.ask("three")
