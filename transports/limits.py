"""What one connection may cost: every bound of the server side, with its reason (reference: RFC 9110 to 9113, CVEs).

Sizes in bytes, times in seconds.  Timers run on the monotonic clock of trio.
"""

import attrs


@attrs.frozen(kw_only=True)
class Limits:
    """The bounds that ``http1`` and ``http2`` keep."""

    body: int = 32 * 1024 * 1024  # the largest request that providers take; over it 413
    target: int = 16 * 1024  # the request line; over it 414
    head: int = 64 * 1024  # all fields of a head; over it 431
    fields: int = 100  # how many fields a head may have; cookie crumbs count (HTTP/2 Bomb, 2026)
    trailers: int = 8 * 1024  # read and thrown away; over it 431
    chunk_extensions: int = 1024  # per message, all together (CVE-2023-39326)
    head_seconds: float = 10  # from the first byte of a head to its end: slow-loris
    idle_seconds: float = 75  # a kept-alive connection without a request
    body_grace: float = 10  # how long a body may come slowly before its rate counts
    body_rate: float = 256  # bytes a second after the grace, else 408
    body_idle: float = 60  # a body from which nothing comes
    stall_seconds: float = 60  # a peer that reads nothing of a response
    handshake_seconds: float = 10  # TLS
    connections: int = 10_000  # open at once; beyond that new ones wait in the backlog
    connections_per_client: int = 0  # of those, from one address: more are closed at once; 0: any number
    streams: int = 100  # concurrent HTTP/2 streams of one connection
    read: int = 64 * 1024  # bytes per read of a socket
    stream_buffer: int = 64 * 1024  # response bytes queued per HTTP/2 stream
    connection_buffer: int = 1024 * 1024  # the same, per HTTP/2 connection
