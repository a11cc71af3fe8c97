"""The gateway's engine, and the words that a stage's author imports.

    from pipeline import Exchange, Finished, Forbidden, TextDelta, reads

A stage is a callable of one argument, the exchange; ``line`` tells how stages are joined.

    what passes      exchange, prompt (document), events, errors, notes
    the line         line (stage, outlet, mouth, heartbeat), overlay, switching; effects, rehearsal, explain (shape)
    what it meets    dialect, upstream
    what comes in    server, routes, door, cors; what is told of it: journal, live, spent
    what is set      config: layers ─▶ reading (structure, bounds, globs, problems, secret); resolved, written
    what is built    loading: arrange, naming, declared, plan (address, way) ─▶ opening (holders)
    a process        serving (reloading, loaded, thrift, pages, pauses) in alone, or in worker of workers (link, peers)
    its life         foreground, attending (watching, notify), sockets, handover, pidfile, log
    its words        cli, flags, announcing

In folders: ``store`` keys, limits and books · ``credentials`` what upstreams are shown · ``admin`` the page's API ·
``observe`` figures, captures, traces · ``commands``.
"""

from pipeline.declared import declares
from pipeline.errors import (
    BudgetSpent,
    Forbidden,
    GatewayError,
    InvalidRequest,
    NotFound,
    Overloaded,
    RateLimited,
    Unauthenticated,
    Unsupported,
    UpstreamFailed,
)
from pipeline.events import (
    Answer,
    Batch,
    Block,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Opaque,
    Other,
    Redacted,
    Refusal,
    Run,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    Usage,
    reads,
)
from pipeline.exchange import Attempt, Caller, Exchange, Key, Out
from pipeline.prompt import Edit, Prompt
from pipeline.secret import Secret

__version__ = "0.1.0"

__all__ = [
    "Exchange",
    "Prompt",
    "Edit",
    "Caller",
    "Attempt",
    "Key",
    "Out",
    "Secret",
    "reads",
    "declares",
    "Batch",
    "Event",
    "Started",
    "BlockStarted",
    "TextDelta",
    "ThinkingDelta",
    "SignatureDelta",
    "InputDelta",
    "BlockStopped",
    "Opaque",
    "Run",
    "Heartbeat",
    "Finished",
    "Failed",
    "Answer",
    "Block",
    "Text",
    "Refusal",
    "Thinking",
    "Redacted",
    "ToolUse",
    "Other",
    "Usage",
    "GatewayError",
    "InvalidRequest",
    "Unsupported",
    "Unauthenticated",
    "Forbidden",
    "NotFound",
    "RateLimited",
    "BudgetSpent",
    "Overloaded",
    "UpstreamFailed",
]
