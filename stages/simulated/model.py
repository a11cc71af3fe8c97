"""The model: what answers a request, from its bytes to the last byte of the reply.

    request ─▶ key ─▶ voice.understand ─▶ script ─▶ turn ─┬─ instead ─▶ fault · page · nothing
                                                          └─ compose ─▶ frames or one body ─▶ play

The model knows dialects as voices, and HTTP only as transports has it.  Scripts come with the prompt (see ``script``);
a header ``x-simulated``, a query ``?simulated=…`` and the settings put more in front of every turn.  Its memory is
three bounded tables: prefixes for the cache, how often a counted step was played, and the newest requests.
"""

import random
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs

import attrs
import msgspec
import trio

from stages.simulated import play, reply, steps
from stages.simulated.asked import Asked
from stages.simulated.question import Question
from stages.simulated.refusal import Refused, late, scripted
from stages.simulated.script import ScriptError, parse
from stages.simulated.steps import Instead, Step, Style
from stages.simulated.usage import Cache
from stages.simulated.voices import VOICES
from transports.messages import Headers, Request, Response

OPEN = ("/", "/api/hello")  # probes come without a key
PAGE = (
    b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n"
    b"<hr><center>simulated</center>\r\n</body>\r\n</html>\r\n"
)


@attrs.frozen(kw_only=True)
class Settings:
    """How a simulated model behaves beyond what scripts say."""

    strict: bool = True  # refuse what the real API refuses, count exactly, simulate the prompt cache
    key: str | None = None  # the only key that is taken; None: any
    script: str = ""  # put in front of every turn: "[[rate 50]]"
    remember: int = 0  # how many requests are kept in ``seen``
    seed: int | None = None  # for ids that are the same each time


@attrs.define
class Seen:
    """A request as it arrived.  *ended*: in good order, cut, or left by the client; known once *over* is set."""

    method: str
    target: str
    headers: Headers
    body: bytes
    version: str = "1.1"  # of HTTP
    ended: str = "left"
    over: trio.Event = attrs.field(factory=trio.Event, repr=False)


class Simulated:
    """A simulated model as a handler of transports; usable with any Request and Response, without a socket."""

    def __init__(self, dialect: str = "anthropic", settings: Settings | None = None) -> None:
        """*dialect*: a name in ``voices.VOICES``.  Raises KeyError for another and ScriptError for a bad setting."""
        self.settings = settings or Settings()
        self.seen: deque[Seen] = deque(maxlen=self.settings.remember)
        self._voice = VOICES[dialect]
        self._always = _steps(self.settings.script)
        self._cache = Cache()
        self._played = Played()
        self._dice = random.Random(self.settings.seed)

    async def __call__(self, request: Request, response: Response) -> None:
        """Answer *request*.  A script may leave the response without its end, which breaks the connection."""
        seen = Seen(request.method, request.target, request.headers, await _read(request), request.version)
        self.seen.append(seen)
        try:
            seen.ended = "in good order" if await self._ended(request, response, seen) else "cut"
        finally:
            seen.over.set()

    async def _ended(self, request: Request, response: Response, seen: Seen) -> bool:
        """Answer, and tell whether the answer came to its end."""
        ident = f"{self._dice.getrandbits(96):024x}"
        try:
            self._admit(request)
            if request.method == "POST" and request.path == self._voice.path:
                return await self._reply(request, response, seen, ident)
            return await self._answer(Question(request, seen.body, ident, self.settings.strict), response)
        except Refused as refused:
            head, body = self._voice.error(refused, ident)
            return await play.whole(response, head, body, Style())

    def _admit(self, request: Request) -> None:
        """Look at the key, in either of the two headers in use."""
        if request.path in OPEN or not (self.settings.strict or self.settings.key):
            return
        bearer = (request.header(b"authorization") or "").removeprefix("Bearer ")
        key = request.header(b"x-api-key") or bearer
        if not key:
            raise Refused(401, self._voice.nobody, code=self._voice.usual[401].code)
        if key != (self.settings.key or key):
            raise Refused(401, self._voice.stranger, code=self._voice.usual[401].code)

    async def _answer(self, question: Question, response: Response) -> bool:
        found = self._voice.answer(question)
        body = found if isinstance(found, bytes) else msgspec.json.encode(found)
        return await play.whole(response, self._voice.head(200, "application/json", question.ident), body, Style())

    # -- replies ------------------------------------------------------------------------------------------------------

    async def _reply(self, request: Request, response: Response, seen: Seen, ident: str) -> bool:
        asked = self._voice.understand(seen.body, request, self.settings.strict)
        if not self.settings.remember:
            seen.body = b""  # thousands of streams, each with a megabyte that nobody will look at
        turn = self._turn(request, asked)
        style = reply.style(turn, Style())
        if style.late:
            await trio.sleep(style.late)
        for step in turn:
            if isinstance(step, Instead):
                return await self._instead(step, asked, response, ident)
        if asked.positions:
            asked.input = self._cache.use(
                asked.model, asked.positions, trio.current_time(), least=asked.least, lookback=asked.lookback
            )
        said = reply.compose(asked, turn, ident)
        asked.release()
        if asked.stream and not style.json:
            head = self._voice.head(200, "text/event-stream; charset=utf-8", ident)
            return await play.stream(response, head, self._voice.frames(said, style), style, self._voice.ping)
        return await self._whole(said, response, style)

    async def _whole(self, said: reply.Reply, response: Response, style: Style) -> bool:
        """A reply in one piece: silence comes before it, an error takes its place, a cut halves it."""
        for step in said.steps:
            if isinstance(step, steps.Wait):
                await trio.sleep(step.seconds)
            if isinstance(step, steps.Fail) and not (self._voice.fails and step.form == "failed"):
                raise late(step, self._voice.usual)
        cut = any(isinstance(step, steps.Cut) for step in said.steps)
        head = self._voice.head(200, "application/json", said.id)
        return await play.whole(response, head, self._voice.whole(said), style, cut=cut)

    async def _instead(self, step: Instead, asked: Asked, response: Response, ident: str) -> bool:
        match step:
            case steps.Hang():
                await trio.sleep_forever()
            case steps.Reset():
                return False
            case steps.Empty():
                media_type = "text/event-stream; charset=utf-8" if asked.stream else "application/json"
                return await play.whole(response, self._voice.head(200, media_type, ident), b"", Style())
            case steps.Page(status):
                head = self._voice.head(status, "text/html", ident)
                return await play.whole(response, head, PAGE % (status, status), Style())
            case steps.Fault():
                raise self._fault(step, asked)
        raise TypeError(step)

    def _fault(self, fault: steps.Fault, asked: Asked) -> Refused:
        if fault.what == "overflow":
            refused = self._voice.overflow(asked)
        elif fault.what == "quota":
            spent = self._voice.spent
            refused = Refused(429, spent.message, spent.kind, spent.code)
        else:
            return scripted(fault, self._voice.usual)
        return attrs.evolve(refused, message=fault.message or refused.message, headers=fault.headers)

    def _turn(self, request: Request, asked: Asked) -> list[Step]:
        """The steps to play now: what is always played, what the request adds, and the script's turn."""
        try:
            script, answered = asked.script()
            added = [*self._always, *_steps(request.header(b"x-simulated") or ""), *_queried(request)]
        except ScriptError as wrong:
            raise Refused(400, f"simulated: {wrong}") from None
        turn = (script.turn(answered) or ()) if script else ()
        name = f"{script.name if script else ''}/{answered}"
        return [*self._played.due("added", added), *self._played.due(name, turn)]


def _steps(text: str) -> tuple[Step, ...]:
    """The steps of a script of one turn."""
    script = parse(text) if text else None
    return script.turns[0] if script else ()


def _queried(request: Request) -> tuple[Step, ...]:
    if "simulated=" not in request.query:
        return ()
    return _steps(parse_qs(request.query).get("simulated", [""])[0])


async def _read(request: Request) -> bytes:
    """All of a request's body."""
    first = await request.body.receive()
    if not first:
        return first
    pieces = [first]
    while piece := await request.body.receive():
        pieces.append(piece)
    return b"".join(pieces)


class Played:
    """How often the steps that have ``times`` were played; the oldest are forgotten first."""

    def __init__(self, most: int = 4096) -> None:
        self.most = most
        self._counts: OrderedDict[tuple[str, int], int] = OrderedDict()

    def due(self, name: str, turn: Sequence[Step]) -> Iterator[Step]:
        """Those steps of *turn* that are still to be played, up to one that takes the place of the reply."""
        for number, step in enumerate(turn):
            if step.times and self._count((name, number)) > step.times:
                continue
            yield step
            if isinstance(step, Instead):
                return

    def _count(self, key: tuple[str, int]) -> int:
        self._counts[key] = count = self._counts.pop(key, 0) + 1
        while len(self._counts) > self.most:
            self._counts.popitem(last=False)
        return count
