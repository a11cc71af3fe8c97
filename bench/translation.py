"""``python -m bench.translation``: what translation itself costs, for each of the nine pairs, in process.

    request    bytes of the client ─▶ parsed, translated, written ─▶ bytes for the upstream    µs a request, by size
    next turn  the same, four messages longer; a ``Memory`` has seen the turn before           of pairs that it knows
    event      bytes of the upstream ─▶ events ─▶ bytes for the client                         µs an event: text deltas

CPU time of this process, the median of several rounds; the nine pairs take turns within a round, so that what else the
machine does falls on all alike.  The history is an agent's: twelve tools, questions, calls, results of some 4 KB.  The
same dialect on both sides is what the gateway does with it: look at the model, and send the bytes on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import click
import msgspec

from bench.requests import MAKERS
from stages.dialects.course import TALK
from stages.memory import LEAST, Memory
from stages.memory import PAIRS as REMEMBERED
from stages.translation import translate_request

SIZES = {"1 KB": 1_000, "100 KB": 100_000, "560 KB": 560_000, "3.5 MB": 3_500_000}
MODELS = {"anthropic": "claude-opus-5", "chat": "gpt-5.1", "responses": "gpt-5.1"}
TITLES = {"anthropic": "Messages", "chat": "Chat", "responses": "Responses"}
PAIRS = [(source, target) for source in TITLES for target in TITLES]
ROOM = 1 << 25  # bytes of the memory: what a gateway has where nothing else is said
EVENTS = 500  # of one read: what a burst looks like; 64 KiB hold about that

Work = Callable[[], object]


def request(source: str, target: str, size: int) -> Work:
    """Translate one request of about *size* bytes."""
    _, body = MAKERS[source]("go on", size, stream=True)
    raw = msgspec.json.encode({**body, "model": MODELS[target]})
    return lambda: translate_request(raw, source=source, target=target).body


def next_turn(source: str, target: str, size: int) -> Callable[[], Work]:
    """Has a new memory see a turn of about *size* bytes, and gives what translates the turn after it."""
    _, body = MAKERS[source]("go on", size, stream=True)
    body, talk = {**body, "model": MODELS[target]}, body[TALK[source]]
    longer = {**body, TALK[source]: [*talk, *talk[-4:-1], {**talk[-1], "content": "and on"}]}
    first, second = msgspec.json.encode(body), msgspec.json.encode(longer)

    def after() -> Work:
        memory = Memory(ROOM)
        translate_request(first, source=source, target=target, memory=memory)
        return lambda: translate_request(second, source=source, target=target, memory=memory).body

    return after


def stream(source: str, target: str) -> Work:
    """Translate a reply of *target* with many text deltas, in one piece."""
    _, body = MAKERS[source]("go on", 1000, stream=True)
    asked = translate_request({**body, "model": MODELS[target]}, source=source, target=target)
    reply = b"".join(STREAMS[target]())
    return lambda: asked.stream().feed(reply)


def frame(name: str | None, body: dict[str, Any]) -> bytes:
    """One frame of a stream."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + msgspec.json.encode(body) + b"\n\n"


def messages_stream() -> Iterator[bytes]:
    """A reply of EVENTS words, as Claude's API streams it."""
    usage: Any = {"input_tokens": 10, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5", "usage": usage}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None}
    yield frame("message_start", {"type": "message_start", "message": message})
    block = {"type": "text", "text": ""}
    yield frame("content_block_start", {"type": "content_block_start", "index": 0, "content_block": block})
    for number in range(EVENTS):
        delta = {"type": "text_delta", "text": f" word {number}"}
        yield frame("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta})


def chat_stream() -> Iterator[bytes]:
    """The same, as Chat Completions."""
    for number in range(EVENTS):
        delta = {"content": f" word {number}"} if number else {"role": "assistant", "content": ""}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        yield frame(None, {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.1",
                            "system_fingerprint": None, "choices": [choice], "usage": None})  # fmt: skip


def responses_stream() -> Iterator[bytes]:
    """The same, as Responses."""
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5.1", "status": "in_progress",
                "output": [], "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}  # fmt: skip
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
    ]
    events += [
        {"type": "response.output_text.delta", **place, "delta": f" word {number}", "logprobs": []}
        for number in range(EVENTS)
    ]
    for number, event in enumerate(events):
        yield frame(str(event["type"]), {**event, "sequence_number": number})


STREAMS = {"anthropic": messages_stream, "chat": chat_stream, "responses": responses_stream}


def cost(works: list[Work], rounds: int) -> list[float]:
    """Median CPU seconds of each of *works*, in turns; short ones many times at once, because clocks are coarse."""
    took: list[list[float]] = [[] for _ in works]
    times = [repeats(work) for work in works]
    for _ in range(rounds):
        for number, work in enumerate(works):
            began = time.process_time()
            for _ in range(times[number]):
                work()
            took[number].append((time.process_time() - began) / times[number])
    return [median(each) for each in took]


def cost_once(makers: list[Callable[[], Work]], rounds: int) -> list[float]:
    """Median CPU seconds of what each of *makers* makes, which is done once; to make it does not count."""
    took: list[list[float]] = [[] for _ in makers]
    for _ in range(rounds):
        for number, maker in enumerate(makers):
            work = maker()
            began = time.process_time()
            work()
            took[number].append(time.process_time() - began)
    return [median(each) for each in took]


def repeats(work: Work) -> int:
    """How often *work* fits into ten milliseconds; the first time does not count."""
    work()
    began = time.process_time()
    work()
    return max(1, int(0.01 / max(1e-6, time.process_time() - began)))


def row(title: str, values: Sequence[float | None]) -> None:
    """One line of the table: microseconds, if any, and how the dearest translation stands to the cheapest."""
    told = [(source != target, value) for (source, target), value in zip(PAIRS, values, strict=True)]
    translated = [value for differs, value in told if differs and value is not None]
    cells = [
        "" if value is None else f"{value * 1e6:,.0f}" if value > 1e-5 else f"{value * 1e6:.2f}" for value in values
    ]
    click.echo("| " + " | ".join([title, *cells, f"{max(translated) / min(translated):.1f}"]) + " |")


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Few rounds, no 3.5 MB: a look, not a measurement.")
def main(*, quick: bool) -> None:
    """Measure and print a Markdown table."""
    heads = [f"{TITLES[source]} → {TITLES[target]}" for source, target in PAIRS]
    click.echo("| µs | " + " | ".join([*heads, "dearest / cheapest translation"]) + " |")
    click.echo("|---" + "|--:" * (len(heads) + 1) + "|")
    rounds = 3 if quick else 15
    for title, size in SIZES.items():
        if quick and size > 1_000_000:
            continue
        row(f"request, {title}", cost([request(*pair, size) for pair in PAIRS], rounds))
        if size > LEAST:
            known = [pair for pair in PAIRS if pair in REMEMBERED]
            took = dict(zip(known, cost_once([next_turn(*pair, size) for pair in known], rounds), strict=True))
            row(f"next turn, {title}", [took.get(pair) for pair in PAIRS])
    row("event", [each / EVENTS for each in cost([stream(*pair) for pair in PAIRS], rounds)])


if __name__ == "__main__":
    main()
