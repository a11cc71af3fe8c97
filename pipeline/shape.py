"""Shape: what a stage does on the way up, on the way down and after, as far as its code tells.

    def stage(exchange):            up: called
        def transform(event): …     down: fused         (``async def transform(batches, out)``: waits)
        yield transform             after: a tail

The engine looks at what a stage gives back, exchange by exchange; before the first one there is only its source.  A
stage that is read wrongly says it itself: ``waits = True`` or ``False`` on the callable, for the way down.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import attrs

from pipeline.stage import waits

Down = Literal["nothing", "fused", "waits", "unknown"]
_WEIGHT: dict[Down, int] = {"nothing": 0, "fused": 1, "unknown": 2, "waits": 3}


@attrs.frozen
class Shape:
    """How a stage takes part in an exchange."""

    waits_up: bool  # it is awaited on the way up
    down: Down
    tail: bool  # something of it runs when all is over


def shape(stage: Callable[..., Any]) -> Shape:
    """The shape of *stage*."""
    code = body(stage)
    up = inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code)
    tail = inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code)
    declared = getattr(stage, "waits", None)
    if isinstance(declared, bool):
        return Shape(up, "waits" if declared else "fused", tail)
    return Shape(up, down(code, stage), tail)


def body(stage: Callable[..., Any]) -> Any:
    """The function that a call of *stage* runs."""
    while isinstance(stage, partial):
        stage = stage.func
    if inspect.isclass(stage) or inspect.isroutine(stage):
        return inspect.unwrap(stage)
    return inspect.unwrap(type(stage).__call__)


def down(code: Any, stage: Callable[..., Any], *, handed: bool = False) -> Down:
    """What *code* gives back: no transform, one that is fused, one that waits, or one that can't be told.

    *handed*: it is a coroutine that the stage gave back, in place of being one.
    """
    if inspect.isclass(code):  # the instance is the transform
        return "waits" if waits(code.__call__) else "fused"
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):
        return "unknown"
    if not tree.body or not isinstance(tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        return "unknown"  # a lambda
    own = list(within(tree.body[0]))
    given = [node.value for node in own if isinstance(node, ast.Return | ast.Yield)]
    scope = Scope(own, code, stage, handed=handed)
    return max((scope.judge(value) for value in given), key=_WEIGHT.__getitem__, default="nothing")


def within(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of *function* that run when it is called; of functions inside it only the ``def`` itself."""
    for node in ast.iter_child_nodes(function):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from within(node)


class Scope:
    """What the names in a stage's code stand for."""

    def __init__(self, own: list[ast.AST], code: Any, stage: Callable[..., Any], *, handed: bool = False) -> None:
        self._handed = handed
        self._functions = {n.name: n for n in own if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
        self._assigned = {
            target.id: node.value
            for node in own
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self._globals: dict[str, Any] = getattr(code, "__globals__", {})
        self._stage = stage
        self._open: set[str] = set()  # names being looked up: ``a = a.b`` has an end

    def judge(self, value: ast.expr | None) -> Down:
        """What it means that a stage gives back *value*."""
        match value:
            case None | ast.Constant(value=None):
                return "nothing"
            case ast.Lambda():
                return "fused"
            case ast.Name(id=name) if name in self._functions:
                return "waits" if isinstance(self._functions[name], ast.AsyncFunctionDef) else "fused"
            case ast.Name(id=name) if name in self._assigned and name not in self._open:
                meant: Down = self._opened(name, self.judge)
                return meant
            case ast.IfExp(body=one, orelse=other):
                return max(self.judge(one), self.judge(other), key=_WEIGHT.__getitem__)
            case ast.Call(func=called) if inspect.iscoroutinefunction(found := self._resolve(called)):
                return "unknown" if self._handed else down(found, self._stage, handed=True)  # it is awaited, once
            case ast.Name() | ast.Attribute() | ast.Call():
                found = self._resolve(value)
                return "unknown" if found is None else "waits" if waits(found) else "fused"
        return "unknown"

    def _resolve(self, value: ast.expr) -> Any:
        """What *value* will be, or something of its type; None if that can't be told."""
        match value:
            case ast.Name(id="self"):
                return type(self._stage)
            case ast.Name(id=name) if name in self._assigned and name not in self._open:
                return self._opened(name, self._resolve)
            case ast.Name(id=name):
                return self._globals.get(name)
            case ast.Attribute(value=owner, attr=name):
                found = self._resolve(owner)
                return getattr(found, name, None)
            case ast.Call(func=called):
                made = self._resolve(called)
                return made if inspect.isclass(made) else None
        return None

    def _opened(self, name: str, look: Callable[[ast.expr], Any]) -> Any:
        """What *look* says of the expression assigned to *name*."""
        self._open.add(name)
        try:
            return look(self._assigned[name])
        finally:
            self._open.discard(name)
