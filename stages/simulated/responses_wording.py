"""How OpenAI's server words what it refuses: one function for each of its phrases, with its code and param."""

import re
from typing import Any, NoReturn

from stages.simulated.refusal import Refused

NAME = re.compile(r"[a-zA-Z0-9_-]+\Z")
_KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array of objects",
    str: "a string",
    int: "an integer",
    bool: "a boolean",
    type(None): "null",
}


def refuse(message: str, *, code: str = "", param: str | None = None, status: int = 400) -> NoReturn:
    """Answer *status*."""
    raise Refused(status, message, "invalid_request_error", code, param)


def missing(where: str) -> NoReturn:
    """Answer that *where* is not there."""
    refuse(f"Missing required parameter: '{where}'.", code="missing_required_parameter", param=where)


def unknown(where: str) -> NoReturn:
    """Answer that *where* should not be there."""
    refuse(f"Unknown parameter: '{where}'.", code="unknown_parameter", param=where)


def only(where: str, given: dict[str, Any], known: frozenset[str] | set[str] | None) -> None:
    """Refuse fields of *given* that are not *known*; None: whatever they are."""
    for field in given if known is not None else ():
        if known is not None and field not in known:
            unknown(f"{where}.{field}")


def unsupported(param: str) -> NoReturn:
    """Answer that the model has no *param*."""
    message = f"Unsupported parameter: '{param}' is not supported with this model."
    refuse(message, code="unsupported_parameter", param=param)


def listed(taken: tuple[str, ...]) -> str:
    """*taken* as a list in words."""
    *most, last = map(repr, taken)
    return f"{', '.join(most)}{',' * (len(most) > 1)} and {last}" if most else last


def value(given: Any, taken: tuple[str, ...], where: str) -> NoReturn:
    """Answer that *where* may be one of *taken* only."""
    message = f"Invalid value: '{given}'. Supported values are: {listed(taken)}."
    refuse(message, code="invalid_value", param=where)


def typed(where: str, given: Any, kind: type, wanted: str) -> None:
    """Refuse *given* if it is no *kind*."""
    if not isinstance(given, kind) or (kind is int and isinstance(given, bool)):
        is_now = _KINDS.get(type(given), "a decimal")
        message = f"Invalid type for '{where}': expected {wanted}, but got {is_now} instead."
        refuse(message, code="invalid_type", param=where)


def short(where: str, text: str, most: int) -> None:
    """Refuse *text* if it is longer than *most*."""
    if len(text) > most:
        refuse(
            f"Invalid '{where}': string too long. Expected a string with maximum length {most}, but got a string with "
            f"length {len(text)} instead.",
            code="string_above_max_length",
            param=where,
        )


def few(where: str, array: list[Any], most: int) -> None:
    """Refuse *array* if it has more than *most* entries."""
    if len(array) > most:
        refuse(
            f"Invalid '{where}': array too long. Expected an array with maximum length {most}, but got an array with "
            f"length {len(array)} instead.",
            code="array_above_max_length",
            param=where,
        )


def between(where: str, number: float, least: float, most: float, kind: str) -> None:
    """Refuse *number* outside *least* and *most*; *kind*: integer or decimal."""
    if least <= number <= most:
        return
    below = number < least
    bound, sign, limit = ("below minimum", ">=", least) if below else ("above maximum", "<=", most)
    refuse(
        f"Invalid '{where}': {kind} {bound} value. Expected a value {sign} {limit}, but got {number} instead.",
        code=f"{kind}_{'below_min' if below else 'above_max'}_value",
        param=where,
    )


def named(where: str, given: Any, most: int = 128) -> None:
    """Refuse *given* if it can't be the name of a tool or a format."""
    typed(where, given, str, "a string")
    if not NAME.match(given):
        refuse(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param=where,
        )
    short(where, given, most)
