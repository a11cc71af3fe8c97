"""What an entry of a list of models says of thinking.

    "capabilities": {"thinking": {"supported": true, "types": {"adaptive": {"supported": true}, …}},
                     "effort":   {"supported": true, "low": {"supported": true}, …}}

Read tolerantly: what is missing or of another form says nothing (None), which is not the same as saying no.
"""

from typing import Any

Fields = dict[str, Any]


def ways_of_thinking(entry: Fields) -> frozenset[str] | None:
    """The values of ``thinking.type`` that the model takes; none of them if it can't think; None if it is not said."""
    said = _table(_table(entry.get("capabilities")).get("thinking"))
    if said.get("supported") is False:
        return frozenset()
    types = said.get("types")
    return frozenset(_supported(types)) if isinstance(types, dict) else None


def efforts(entry: Fields) -> tuple[str, ...] | None:
    """The levels of effort that the model takes; none of them if it refuses the field; None if it is not said."""
    said = _table(_table(entry.get("capabilities")).get("effort"))
    if said.get("supported") is False:
        return ()
    levels = _supported({name: value for name, value in said.items() if name != "supported"})
    return tuple(levels) if said else None


def _supported(named: Fields) -> list[str]:
    return [name for name, value in named.items() if value is True or _table(value).get("supported") is True]


def _table(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}
