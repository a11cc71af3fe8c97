"""What is said to the CLI, and when: a conversation on its standard input, as a machine without a socket.

    initialize (system prompt) ─▶ ◀─ control_response
    a user's turn of the history, not to be answered ─▶ ◀─ result (of no turn)     ┐ for each turn of the history
    an assistant's turn ─▶                                                         ┘
    the newest turn ─▶ ◀─ stream_event … result                                    what ``decode`` reads

Turns wait for each other: the CLI takes assistants' turns at once and puts users' into a queue, so that sent together
they would change places.  Nothing that a caller wrote stands on a command line.  Each turn is marked as composed by a
program: without that the CLI would read "@/etc/passwd" as the wish to have that file put into the prompt, and "/clear"
as a command, tools or no tools.
"""

from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from pipeline.errors import UpstreamFailed
from stages.dialects.claude_cli.lines import LIMIT, Line, Lines, parsed, read

Fields = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_TELLS = frozenset({"stream_event", "assistant", "result"})  # lines that say something of the answer


class Talk:
    """One conversation: *messages*, the last of which is to be answered."""

    def __init__(self, system: list[str], messages: list[Fields]) -> None:
        self._system, self._waiting = system, deque(messages)
        self._lines = Lines()
        self._on: Callable[[Talk, Line, bytes], bytes] = Talk._initializing  # unbound: no cycle
        self._reply: list[bytes] = []
        self._words = sha256()
        self.told = False  # whether the answer, or an error in its place, has begun
        self.over = False  # whether it has ended
        self.well = False  # the same, and as it should

    def begin(self) -> bytes:
        """What to write first."""
        request = {"subtype": "initialize", "systemPrompt": self._system, "systemPromptSnapshot": False}
        return line_of({"type": "control_request", "request_id": "initialize", "request": request})

    def hear(self, data: bytes) -> bytes:
        """What to write, now that the CLI has written *data*.  Raises UpstreamFailed."""
        answers = []
        for raw in self._lines.feed(data):
            line = read(raw)
            if line is not None and not self.over:
                answers.append(self._asked(raw) if line.type == "control_request" else self._on(self, line, raw))
        if self._lines.overflowing:
            raise UpstreamFailed(f"the CLI wrote a line of more than {LIMIT} bytes")
        return b"".join(answers)

    def take(self) -> bytes:
        """What has come of the answer since the last time: whole lines."""
        reply, self._reply = b"".join(self._reply), []
        return reply

    @property
    def words(self) -> str:
        """A digest of what the CLI has said, as a client will repeat it; see ``digest``."""
        return self._words.hexdigest()

    # -- states -------------------------------------------------------------------------------------------------------

    def _initializing(self, line: Line, raw: bytes) -> bytes:
        if line.type == "result":
            return self._answering(line, raw)  # it did not come so far
        if line.type != "control_response":
            return b""
        response = parsed(raw).get("response")
        if not isinstance(response, dict) or response.get("subtype") != "success":
            raise UpstreamFailed("the CLI does not take the system prompt: it may be too old")
        return self._next()

    def _replaying(self, line: Line, raw: bytes) -> bytes:
        if line.type != "result":
            return b""
        return self._answering(line, raw) if parsed(raw).get("is_error") else self._next()

    def _answering(self, line: Line, raw: bytes) -> bytes:
        self._reply.append(raw + b"\n")
        self.told = self.told or line.type in _TELLS
        if line.type == "assistant" and line.parent_tool_use_id is None:
            self._listen(parsed(raw))
        if line.type == "result":
            self.over, self.well = True, parsed(raw).get("subtype") == "success" and not parsed(raw).get("is_error")
        return b""

    # -- steps --------------------------------------------------------------------------------------------------------

    def _next(self) -> bytes:
        """The turns that can be written now."""
        out = []
        while self._waiting:
            message = self._waiting.popleft()
            if message["role"] == "assistant":
                out.append(line_of({"type": "assistant", "message": message}))
                continue
            turn = {"type": "user", "message": message, "client_composed": True, "parent_tool_use_id": None}
            self._on = Talk._replaying if self._waiting else Talk._answering
            out.append(line_of({**turn, "shouldQuery": False} if self._waiting else turn))
            break
        return b"".join(out)

    def _asked(self, raw: bytes) -> bytes:
        """The CLI asks for something (may it use a tool?): there is nobody to ask."""
        response = {"subtype": "error", "request_id": parsed(raw).get("request_id"), "error": "there is nobody to ask"}
        return line_of({"type": "control_response", "response": response})

    def _listen(self, line: Fields) -> None:
        message = line.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict) and block.get("type") == "text":
                self._words.update(plain(str(block.get("text"))))


def line_of(value: Fields) -> bytes:
    """*value* as a line."""
    return bytes(_encode(value)) + b"\n"


def digest(message: Fields) -> str:
    """What stands for the words of *message*, an assistant's: white space apart, which clients change."""
    words = sha256()
    for block in message["content"]:
        if block.get("type") == "text":
            words.update(plain(block["text"]))
    return words.hexdigest()


def plain(text: str) -> bytes:
    """*text* without white space."""
    return "".join(text.split()).encode("utf-8", "surrogatepass")
