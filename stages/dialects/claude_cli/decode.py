"""What the CLI writes, read: lines to events.

    stream_event {message_start … message_delta, message_stop}      read as the Messages stream it is
    assistant, whose message did not come as a stream               read as the whole message it is
    result                                                          the end: total usage, or what went wrong

One turn of the CLI may be several messages of the model: with tools it calls them itself, in between.  They become one
reply: blocks are numbered on, the CLI's own calls are left out (the client could not answer them), the last message's
stop counts, and usage is the turn's.

    message_stop without a stop reason      the CLI's connection broke; it lets the model resume where it stopped, in
                                            another message, or gives up
    message_start within a message          the same, from the start: fails, unless nothing was told yet
    a stop other than end_turn, tool_use    the end, at once: the CLI would go on by itself, with words of its own

What a subagent says is not the answer.  Nothing is passed on byte for byte, so events carry no frame.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.errors import GatewayError, UpstreamFailed, UpstreamTruncated
from pipeline.events import (
    Batch,
    BlockStarted,
    Event,
    Failed,
    Finished,
    Heartbeat,
    Opaque,
    Started,
    ToolUse,
    Usage,
)
from stages.dialects.anthropic.decode import StreamDecoder as MessageDecoder
from stages.dialects.anthropic.whole import explode
from stages.dialects.claude_cli.errors import Trouble
from stages.dialects.claude_cli.lines import LIMIT, Line, Lines, parsed, read
from stages.dialects.claude_cli.usage import read_result, total

WHOLE = 64 * 1024 * 1024  # characters of a reply that is not streamed
SYNTHETIC = "<synthetic>"  # the model of messages that the CLI makes up
_GOES_ON = frozenset({"end_turn", "tool_use", "pause_turn"})


class _Head(msgspec.Struct):
    """The name of an event of the Messages API."""

    type: str = ""


_head = msgspec.json.Decoder(_Head).decode


class StreamDecoder:
    """Reads one turn."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._batch: Batch = []
        self._steps: dict[str, Callable[[Line, bytes], None]] = {
            "stream_event": self._event,
            "assistant": self._assistant,
            "rate_limit_event": self._limit,
            "result": self._result,
        }
        self._message = MessageDecoder(None)
        self._open = False  # a message has begun and not ended
        self._reason = False  # and has told why it ends
        self._streamed: set[str] = set()  # ids of messages that came as streams
        self._started: Started | None = None
        self._blocks: dict[int, int | None] = {}  # of the present message: its number → ours; None: left out
        self._count = 0
        self._ending: Finished | None = None
        self._usages: dict[str, Usage] = {}  # of messages that are complete, by id
        self._id = ""  # of the present message
        self._due = False  # the reply ends when the present message, which comes block by block, has come
        self._trouble = Trouble()
        self._over = False

    def feed(self, data: bytes) -> Batch:
        """The events that *data* completes."""
        self._batch = []
        self._read(self._lines.feed(data))
        if self._lines.overflowing:
            self._fail(UpstreamFailed(f"the CLI wrote a line of more than {LIMIT} bytes"))
        return self._batch

    def close(self) -> Batch:
        """The CLI has ended: without a result, its answer is not complete."""
        self._batch = []
        self._read(self._lines.last())
        self._fail(self._unfinished("the CLI ended"))
        return self._batch

    def _read(self, lines: list[bytes]) -> None:
        try:
            for raw in lines:
                line = None if self._over else read(raw)
                if line is None or line.parent_tool_use_id is not None:
                    continue
                if self._due and line.type != "assistant":
                    self._finish()
                elif line.type in self._steps:
                    self._steps[line.type](line, raw)
        except (UpstreamFailed, UpstreamTruncated) as error:
            self._fail(error)

    # -- messages -----------------------------------------------------------------------------------------------------

    def _event(self, line: Line, raw: bytes) -> None:
        """One event of the Messages API, in its wrapping."""
        try:
            name = _head(line.event).type
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise UpstreamFailed("the CLI wrote an event that makes no sense") from None
        match name:
            case "message_start":
                if self._open and self._blocks:
                    raise UpstreamTruncated("the CLI began its answer anew, in the middle of it")
                self._message, self._open, self._reason, self._blocks = MessageDecoder(None), True, False, {}
            case "message_delta":
                self._reason = True
            case "message_stop" if not self._reason:
                self._open, self._ending = False, None
                return
        self._take(self._message.feed(b"event: %b\ndata: %b\n\n" % (name.encode(), bytes(line.event))))

    def _assistant(self, line: Line, raw: bytes) -> None:
        """A message, or one block of it, whole: news only if it did not come as a stream."""
        body = parsed(raw)
        message = body.get("message")
        if not isinstance(message, dict) or message.get("model") == SYNTHETIC or body.get("is_api_error_message"):
            self._trouble.note(body)
        elif str(message.get("id")) not in self._streamed:
            self._blocks = {}
            self._take(explode({**message, "content": message.get("content") or []}), streamed=False)

    def _take(self, batch: Batch, *, streamed: bool = True) -> None:
        """Tell what is news in *batch*, of one message."""
        for event in batch:
            event.frame, event.nth, event.of = None, 0, 1
            if isinstance(event, Started):
                self._begin(event, streamed=streamed)
            elif isinstance(event, Finished):
                self._end_message(event, streamed=streamed)
            elif isinstance(event, Failed):
                self._fail(event.error)
            elif isinstance(event, BlockStarted):
                self._begin_block(event)
            else:
                self._pass(event)

    def _begin(self, event: Started, *, streamed: bool) -> None:
        self._id = event.id
        if streamed:
            self._streamed.add(event.id)
        if self._started is None:
            self._started, event.body = event, None
            self._put(event)

    def _begin_block(self, event: BlockStarted) -> None:
        if isinstance(event.block, ToolUse):
            self._blocks[event.index] = None
            return
        self._blocks[event.index] = self._count
        event.index, self._count = self._count, self._count + 1
        self._put(event)

    def _pass(self, event: Any) -> None:
        """Whatever belongs to a block, under the number that it has here."""
        index = getattr(event, "index", None)
        if index is None:
            if isinstance(event, Opaque):
                self._put(event)
            return
        number = self._blocks.get(index)
        if number is not None and not isinstance(event, Heartbeat):
            event.index = number
            self._put(event)

    def _end_message(self, event: Finished, *, streamed: bool) -> None:
        self._open, self._ending = False, event
        if event.usage is not None:
            self._usages[self._id] = event.usage
        if event.stop not in _GOES_ON:
            self._due = True
            if streamed:
                self._finish()

    # -- the end ------------------------------------------------------------------------------------------------------

    def _limit(self, line: Line, raw: bytes) -> None:
        self._trouble.note_limit(parsed(raw))

    def _result(self, line: Line, raw: bytes) -> None:
        result = parsed(raw)
        if result.get("is_error") or result.get("subtype") != "success":
            self._fail(self._trouble.told(result))
        elif self._ending is None or self._open:
            self._fail(self._unfinished("the CLI ended its turn"))
        else:
            self._finish(read_result(result))

    def _finish(self, usage: Usage | None = None) -> None:
        """End the reply as its last message ended; *usage*: the turn's, where the CLI has told it."""
        event = self._ending or Finished()
        event.usage = usage or total(list(self._usages.values()))
        if event.stop == "tool_use":
            event.stop = "end_turn"  # no call is left for the client
        self._put(event)
        self._over = True

    def _unfinished(self, what: str) -> GatewayError:
        if self._count:
            return UpstreamTruncated(f"{what} before its answer was complete")
        return UpstreamFailed(f"{what} without an answer")

    def _fail(self, error: GatewayError) -> None:
        if not self._over:
            self._put(Failed(error))
            self._over = True

    def _put(self, event: Event) -> None:
        if not self._over:
            self._batch.append(event)


class WholeDecoder:
    """Reads one turn for a client that wants it whole: everything comes with its end."""

    def __init__(self) -> None:
        self._turn = StreamDecoder()
        self._batch: Batch = []
        self._size = 0

    def feed(self, data: bytes) -> Batch:
        """All events, once *data* has brought the end."""
        return self._keep(self._turn.feed(data))

    def close(self) -> Batch:
        """The same; nothing new after it."""
        return self._keep(self._turn.close())

    def _keep(self, batch: Batch) -> Batch:
        self._batch += batch
        self._size += sum([len(getattr(event, "piece", "")) for event in batch])
        if batch and batch[-1].terminal:
            told, self._batch = self._batch, []
            return told[-1:] if isinstance(told[-1], Failed) else told
        if self._size > WHOLE:
            self._batch = []
            return [Failed(UpstreamFailed(f"the CLI's answer is larger than {WHOLE} characters"))]
        return []
