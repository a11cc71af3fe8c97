"""The gateway's engine, and the words that a stage's author imports.

    from pipeline import Exchange, Finished, Forbidden, TextDelta, reads

A stage is a callable of one argument, the exchange; ``line`` tells how stages are joined.
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
