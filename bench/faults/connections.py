"""Faults of the connection: what goes wrong before HTTP, or under it."""

from bench.faults.fault import HALF, HOLD, RESET, Chapter, Play
from bench.faults.said import Said

CONNECTIONS = Chapter("connections")
fault = CONNECTIONS.fault


def nothing(said: Said) -> Play:
    """What happens, happens at the door."""
    yield from ()


CONNECTIONS.add("refused", "Nobody listens at the port.", nothing, "UpstreamFailed", where="refused")
CONNECTIONS.add("blackhole", "Packets to the port are dropped.", nothing, "UpstreamTimeout", where="blackhole")
CONNECTIONS.add("reset-at-the-door", "Each connection is reset at once.", nothing, "UpstreamFailed", where="reset")
CONNECTIONS.add("closed-at-the-door", "Each connection is closed at once.", nothing, "UpstreamFailed", where="closed")
CONNECTIONS.add("tls-in-plain-text", "A TLS port answers in plain text.", nothing, "UpstreamFailed", where="tls-plain")
CONNECTIONS.add("tls-silent", "A TLS handshake is not answered.", nothing, "UpstreamTimeout", where="tls-silent")


@fault("closed-after-the-request", "The connection is closed where the answer would begin.", "UpstreamFailed")
def closed(said: Said) -> Play:
    yield b""


@fault("reset-after-the-request", "The connection is reset where the answer would begin.", "UpstreamFailed")
def reset(said: Said) -> Play:
    yield RESET


@fault("half-closed-after-the-request", "The server ends its direction and keeps the socket.", "UpstreamFailed")
def half_closed(said: Said) -> Play:
    yield HALF
    yield HOLD


@fault("silent", "The request is read and never answered.", "UpstreamTimeout", books="estimated")
def silent(said: Said) -> Play:
    yield HOLD


@fault("cut-within-the-head", "The connection ends within the head.", "UpstreamTruncated|UpstreamFailed")
def cut_head(said: Said) -> Play:
    yield said.opened()[:-10]


@fault("reset-within-the-head", "The connection is reset within the head.", "UpstreamTruncated|UpstreamFailed")
def reset_head(said: Said) -> Play:
    yield said.opened()[:-10]
    yield 0.05
    yield RESET


@fault("closed-after-the-head", "The head comes, and nothing else.", "UpstreamTruncated")
def closed_after_head(said: Said) -> Play:
    yield said.opened()


@fault("stall-after-the-head", "The head comes, and then silence.", "UpstreamTimeout")
def stall_after_head(said: Said) -> Play:
    yield said.opened()
    yield HOLD


@fault("closed-after-the-first-word", "The connection ends after the first word.", "UpstreamTruncated")
def closed_after_word(said: Said) -> Play:
    yield said.up_to(said.first + 1)


@fault("reset-after-the-first-word", "The connection is reset after the first word.", "UpstreamTruncated")
def reset_after_word(said: Said) -> Play:
    yield said.up_to(said.first + 1)
    yield 0.05
    yield RESET


@fault("half-closed-after-the-first-word", "The server ends its direction after the first word.", "UpstreamTruncated")
def half_closed_after_word(said: Said) -> Play:
    yield said.up_to(said.first + 1)
    yield HALF
    yield HOLD


@fault("stall-after-the-first-word", "Silence after the first word.", "UpstreamTimeout")
def stall_after_word(said: Said) -> Play:
    yield said.up_to(said.first + 1)
    yield HOLD


@fault("closed-within-a-frame", "The connection ends within a frame.", "UpstreamTruncated")
def closed_in_frame(said: Said) -> Play:
    yield said.up_to(said.first + 1, said.parts[said.first][:40] if said.stream else b"")


@fault("stall-within-a-frame", "Silence within a frame.", "UpstreamTimeout")
def stall_in_frame(said: Said) -> Play:
    yield said.up_to(said.first + 1, said.parts[said.first][:40] if said.stream else b"")
    yield HOLD


@fault("slow", "All comes, with pauses that the timers allow.", "well")
def slow(said: Said) -> Play:
    answer = said.answer()
    for at in range(0, len(answer), len(answer) // 4 + 1):
        yield answer[at : at + len(answer) // 4 + 1]
        yield 0.1


@fault("closed-before-the-end", "All words come, and the connection ends before the end.", "UpstreamTruncated")
def closed_before_end(said: Said) -> Play:
    yield said.up_to(said.end if said.stream else 0)


@fault("stall-before-the-end", "All words come, and then silence.", "UpstreamTimeout")
def stall_before_end(said: Said) -> Play:
    yield said.up_to(said.end if said.stream else 0)
    yield HOLD


@fault("cut-within-a-call", "The connection ends within the arguments of a call.", "UpstreamTruncated")
def cut_in_call(said: Said) -> Play:
    calling = said.calling
    cut = next((n for n, part in enumerate(calling.parts) if b"mark" in part), 0)
    yield calling.up_to(cut)


@fault("stall-within-a-call", "Silence within the arguments of a call.", "UpstreamTimeout")
def stall_in_call(said: Said) -> Play:
    calling = said.calling
    cut = next((n for n, part in enumerate(calling.parts) if b"mark" in part), 0)
    yield calling.up_to(cut)
    yield HOLD
