"""Refused: the model's server says no, with a status; each dialect writes it in its own envelope."""

import attrs

from stages.simulated.steps import Fail, Fault


@attrs.define
class Refused(Exception):
    """A request that gets an error.  *kind*, *code* and *param* where the dialect has a field for them."""

    status: int
    message: str
    kind: str = ""  # empty: the usual one for the status
    code: str = ""
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class Usual:
    """What a status is called in a dialect, and what it says."""

    kind: str
    message: str
    code: str = ""


def scripted(fault: Fault, table: dict[int, Usual]) -> Refused:
    """The refusal a script asks for by status, in the words of *table* where it gives none."""
    status = int(fault.what)
    usual = table.get(status) or table[500 if status >= 500 else 400]
    return Refused(
        status,
        fault.message or usual.message,
        fault.kind or usual.kind,
        fault.code or usual.code,
        headers=fault.headers,
    )


def late(failure: Fail, table: dict[int, Usual]) -> Refused:
    """The refusal that says in a whole reply what *failure* says in a stream."""
    for status, usual in table.items():
        if failure.kind == usual.kind:
            return Refused(status, failure.message or usual.message, failure.kind)
    for status, usual in table.items():
        if failure.kind == usual.code:
            return Refused(status, failure.message or usual.message, usual.kind, usual.code)
    return Refused(500, failure.message or table[500].message, failure.kind)
