"""The catalogue: all faults, by chapter."""

from bench.faults.answers import CODINGS, MEDIA, STATUSES
from bench.faults.connections import CONNECTIONS
from bench.faults.contents import CALLS, CONTENTS, COUNTS
from bench.faults.fault import Chapter
from bench.faults.framing import FRAMING
from bench.faults.heads import HEADS
from bench.faults.streams import ENDLESS, STREAMS

CHAPTERS: tuple[Chapter, ...] = (
    CONNECTIONS, HEADS, FRAMING, CODINGS, MEDIA, STATUSES, STREAMS, ENDLESS, CONTENTS, CALLS, COUNTS,
)  # fmt: skip
FAULTS = {fault.name: fault for chapter in CHAPTERS for fault in chapter.faults}
