"""A question: a request that is not for a reply."""

import attrs

from transports.messages import Request


@attrs.frozen
class Question:
    """Such a request, with what an answer may need."""

    request: Request
    raw: bytes
    ident: str  # fresh, for ids
    strict: bool = True
    id: str = ""  # the one in the path
