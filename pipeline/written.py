"""Written: a tree of plain values → TOML that a person reads and goes on with.

    {"server": {"port": 3000}}  ──▶  [server]
                                     port = 3000                # PORT

A table of tables (``upstreams``) becomes a heading for each; what lies deeper stands on its line.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.layers import Text, inline
from pipeline.problems import Path
from pipeline.resolved import key as quoted

WIDTH = 44  # where the remark behind a value begins

Remark = Callable[[Path], str]
NESTED = frozenset({"upstreams"})  # tables of tables


def written(tree: Mapping[str, Any], remark: Remark) -> str:
    """*tree* as TOML, each value with its *remark* behind it.  What is no table stands first, as TOML wants it."""
    plain = {name: value for name, value in tree.items() if not isinstance(value, dict)}
    blocks = [list(_lines((), plain, remark))] if plain else []
    for name, table in tree.items():
        if name in NESTED:
            blocks += [[f"[{name}.{key(inner)}]", *_lines((name, inner), table[inner], remark)] for inner in table]
        elif isinstance(table, dict):
            blocks.append([f"[{key(name)}]", *_lines((name,), table, remark)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _lines(path: Path, table: Mapping[str, Any], remark: Remark) -> Iterator[str]:
    for name, each in table.items():
        line, said = f"{key(name)} = {value(each)}", remark((*path, name))
        yield f"{line:{WIDTH}}  # {said}" if said else line


def key(name: str) -> str:
    """*name* as a key.  What JSON escapes, TOML does as well; TOML wants DEL escaped, too."""
    return quoted(name).replace("\x7f", "\\u007f")


def value(said: Any) -> str:
    """*said* as TOML, on one line; a Text as what it reads like."""
    said = inline(said)
    match said:
        case bool():
            return str(said).lower()
        case int() | float():
            return str(said)
        case Text() | str():
            return json.dumps(str(said), ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(value, said))}]"
    inner = ", ".join(f"{key(name)} = {value(each)}" for name, each in said.items())
    return f"{{ {inner} }}" if inner else "{}"
