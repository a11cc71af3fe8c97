"""Export: records as text, for spreadsheets and scripts.

    head(format) + lines(format, batch) + lines(format, batch) + …        csv: RFC 4180 · jsonl: one object a line

Batches are those of ``requests.batch``; nothing here holds more than one.  A text that a spreadsheet would take for a
formula is written with an apostrophe before it: names of models and sessions are the callers' to invent.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.store.record import CLASSES, Flag, Record

FORMATS = ("csv", "jsonl")

COLUMNS = (
    "id",
    "at",
    "key",
    "key_name",
    "session",
    "agent",
    "parent",
    "dialect",
    "operation",
    "streamed",
    "asked",
    "model",
    "upstream",
    "status",
    "stop",
    "error",
    *CLASSES,
    "cost_usd",
    "price",
    "estimated",
    "suspect",
    "took_ms",
    "first_ms",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def head(format: str) -> bytes:  # noqa: A002  # the file's
    """What stands before all lines.  Raises KeyError."""
    return {"csv": (",".join(COLUMNS) + "\r\n").encode(), "jsonl": b""}[format]


def lines(format: str, records: Iterable[Record], names: Mapping[str, str]) -> bytes:  # noqa: A002  # the file's
    """*records*, a line each; *names* of keys, by id.  Raises KeyError."""
    return {"csv": _csv, "jsonl": _jsonl}[format]([_row(record, names) for record in records])


def _row(record: Record, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        **{name: getattr(record, name) for name in COLUMNS if hasattr(record, name)},
        "at": datetime.fromtimestamp(record.at / 1000, UTC).isoformat(timespec="milliseconds"),
        "key_name": names.get(record.key) or record.caller,
        "streamed": bool(record.streamed),
        "cost_usd": None if record.flags & Flag.UNPRICED else dollars(record.cost),
        "estimated": bool(record.flags & Flag.ESTIMATED),
        "suspect": bool(record.flags & Flag.SUSPECT),
        "took_ms": record.took / 1000,
        "first_ms": None if record.first < 0 else record.first / 1000,
    }


def dollars(micros: int) -> str:
    """*micros* to the last digit, never as a float."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{micros // 1_000_000}.{micros % 1_000_000:06}"


def _csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([cell(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue().encode()


def cell(value: object) -> object:
    """*value* as a cell of a CSV file may hold it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode({name: row[name] for name in COLUMNS}) + b"\n" for row in rows)
