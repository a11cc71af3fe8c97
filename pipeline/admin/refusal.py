"""Refusals: what the API says when it does not do what it was asked.

raise Refused(409, "exists", "there is a model of this name")  ──▶  {"error": {"code": …, "message": …}}
"""

from collections.abc import Sequence

import msgspec

from transports.messages import Headers

SESSION = b'Session realm="admin"'  # a challenge (RFC 9110 §11.6.1) for which no browser opens a window of its own


class Field(msgspec.Struct):
    """One thing that is wrong with what was sent: ``limits[0].kind``, and why."""

    path: str
    message: str


class Trouble(msgspec.Struct, omit_defaults=True):
    """Why not: a word for programs, a sentence for people."""

    code: str
    message: str
    fields: list[Field] = []  # msgspec copies it for each


class Refusal(msgspec.Struct):
    """The body of every answer that is not a success."""

    error: Trouble


class Refused(Exception):
    """The API does not do it.  *status* is the answer's; *fields* go into its head."""

    def __init__(
        self, status: int, code: str, message: str, *, wrong: Sequence[Field] = (), fields: Headers | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.fields = status, fields or []
        self.body = Refusal(Trouble(code, message, list(wrong)))


def absent(what: str) -> Refused:
    """There is no such thing; *what* names its kind."""
    return Refused(404, "not_found", f"there is no such {what}")


def misfit(path: str, message: str) -> Refused:
    """The value at *path* of what was sent is a good one, and does not go together with what is there."""
    return Refused(409, "conflict", f"{path}: {message}" if path else message, wrong=[Field(path, message)])
