"""A link to the CLI: one exchange, one program.

    ask ──▶ a turn among the others ─▶ start ─▶ talk until the answer begins ──▶ Head(200)
    receive ──▶ lines, as they come ──▶ b"" after the last
    settle ──▶ the program ends by itself, and its session is remembered
    close ──▶ the program and all it started are ended; the turn is passed on

What ``transports.pool`` wants of a link, so that nothing above knows that there is no socket: deadlines, cancellation
and drains are the pool's as ever.  Failures are told in the gateway's errors, since only here the CLI's manners are
known; its stderr may hold secrets and goes no further.
"""

from typing import TYPE_CHECKING

import attrs
import trio

from pipeline.errors import GatewayError, UpstreamFailed, UpstreamTruncated
from stages.claude_cli.invocation import arguments, environment
from stages.claude_cli.sessions import Session, digest_of, key_of, new
from stages.dialects.claude_cli.errors import LOGIN
from stages.dialects.claude_cli.models import listed
from stages.dialects.claude_cli.prompt import Asked, asked
from stages.dialects.claude_cli.talk import Talk
from transports.inflow import Take
from transports.messages import Head, find
from transports.program import Command, NotStarted, Program
from transports.upstream import Call, Deadline, State

if TYPE_CHECKING:
    from stages.claude_cli.opener import Opener

CALLER, SESSION = b"x-pipeline-caller", b"x-pipeline-session"  # fields of a call that goes no further than this machine

# What the CLI says on stderr before it has begun → what that means.  Its words are not passed on.
_MEANS = (
    ("unknown option", "the CLI does not know an option that keeps it safe: it is too old, run `claude update`"),
    ("not logged in", LOGIN),
    ("/login", LOGIN),
)
_LOST = ("no conversation found", "is already in use")


class SessionLost(UpstreamFailed):
    """The CLI does not have the session that the book promised."""


class Link:
    """See ``transports.upstream.Link``."""

    keep_seconds = 0.0

    def __init__(self, opener: "Opener") -> None:
        self._opener = opener
        self._program: Program | None = None
        self._talk: Talk | None = None
        self._deadline: Deadline | None = None
        self._session: tuple[str, Session, list[dict[str, object]]] | None = None  # key, session, all messages
        self._list = b""  # of models, where that was asked
        self._turn = False

    @property
    def state(self) -> State:
        """See Link.  A program answers once."""
        return "unfinished" if self._talk is not None and self._talk.over else "spent"

    @property
    def done(self) -> bool:
        """See Link."""
        return not self._list if self._talk is None else self._talk.over

    async def ask(self, call: Call, deadline: Deadline, tasks: trio.Nursery) -> Head:
        """See Link.  Raises GatewayError."""
        if call.method == "GET":
            deadline.rest()
            self._list = listed()
            return Head(200, [(b"content-type", b"application/json")])
        wanted = asked(call.body)
        self._deadline = deadline
        deadline.rest()
        await self._opener.enter(self)
        self._turn = True
        deadline.expect("first_byte")
        known = await self._known(wanted, call)
        try:
            await self._begin(wanted, known, call, tasks)
        except SessionLost:
            await self._end()
            if self._session is not None:
                key, _, messages = self._session
                self._session = key, new(key), messages
            await self._begin(wanted, None, call, tasks)
        deadline.rest()
        return Head(200, [])

    async def flow(self, take: Take) -> None:
        """See Link.  A program says one thing at a time, and little."""

    async def receive(self) -> bytes:
        """See Link."""
        if self._talk is None or self._deadline is None:
            told, self._list = self._list, b""
            return told
        while not (told := self._talk.take()) and not self._talk.over:
            self._deadline.expect("idle")
            await self._hear(self._talk)
            self._deadline.rest()
        return told

    async def settle(self) -> None:
        """See Link.  Only what the CLI has put down by itself can be resumed."""
        if self._program is None or self._talk is None or not self._talk.over:
            return
        await self._program.end_input()
        if await self._program.ended() == 0 and self._talk.well and self._session is not None:
            key, session, messages = self._session
            kept = attrs.evolve(session, count=len(messages), asked=digest_of(messages), said=self._talk.words)
            await trio.to_thread.run_sync(self._opener.book.put, key, kept)

    async def alive(self) -> bool:
        """See Link."""
        return False

    async def close(self) -> None:
        """See Link.  A second time: nothing."""
        try:
            await self._end()
        finally:
            if self._turn:
                self._turn = False
                self._opener.leave(self)

    # -- parts --------------------------------------------------------------------------------------------------------

    async def _known(self, wanted: Asked, call: Call) -> Session | None:
        """The session that *wanted* goes on with, taken; None where it begins one, or has no name for it."""
        name = find(call.headers, SESSION) or wanted.session
        if not name or not self._opener.book.seconds:
            return None
        key = key_of(find(call.headers, CALLER) or "", name, wanted.messages)
        self._session = key, new(key), wanted.messages
        return await trio.to_thread.run_sync(self._opener.book.take, key, wanted.messages)

    async def _begin(self, wanted: Asked, known: Session | None, call: Call, tasks: trio.Nursery) -> None:
        """Start the program and talk until the answer, or an error in its place, begins."""
        messages = wanted.messages
        if known is not None and self._session is not None:
            self._session = self._session[0], known, messages
            messages, options = messages[known.count + 1 :], (f"--resume={known.id}",)
        elif self._session is not None:
            options = (f"--session-id={self._session[1].id}",)
        else:
            options = ("--no-session-persistence",)
        opener = self._opener
        command = Command(
            arguments=arguments(opener.settings, wanted, options),
            environment=environment(opener.settings, opener.environ, call.headers, wanted.max_tokens),
            directory=opener.directory,
        )
        try:
            self._program = await Program.start(command, tasks)
        except NotStarted as error:
            raise UpstreamFailed(f"{opener.name}: {command.arguments[0]} can't be started: {error}") from error
        self._talk = Talk(wanted.system, messages)
        await self._program.write(self._talk.begin())
        while not self._talk.told:
            await self._hear(self._talk)

    async def _hear(self, talk: Talk) -> None:
        """One read, and what it asks to be written."""
        assert self._program is not None  # noqa: S101  # there is a talk, so there is a program
        data = await self._program.receive()
        if not data:
            raise await self._broke(talk, self._program)
        if answer := talk.hear(data):
            await self._program.write(answer)

    async def _broke(self, talk: Talk, program: Program) -> GatewayError:
        """What it means that the program has closed its output before its answer had ended."""
        said, name = "", self._opener.name
        with trio.move_on_after(1):
            await program.ended()
            said = (await program.complaint()).lower()
        if not talk.told and any(words in said for words in _LOST):
            return SessionLost(f"{name}: the CLI does not have the session it was told to go on with")
        if not talk.told:
            for words, meaning in _MEANS:
                if words in said:
                    return UpstreamFailed(f"{name}: {meaning}")
            return UpstreamFailed(f"{name}: the CLI ended without an answer (exit status {program.status})")
        return UpstreamTruncated(f"{name}: the CLI ended in the middle of its answer (exit status {program.status})")

    async def _end(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            await program.close()
