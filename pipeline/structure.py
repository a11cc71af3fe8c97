"""Structure: a tree of plain values → the classes that describe it, strictly.

    {"port": "4096"}  ──Server──▶  server.port: expected a whole number, got "4096"

cattrs does the walking; this file decides what fits (no coercion: a string is no number, a string is no list), what a
``Text`` may become, and how it is said when something does not fit.  Everything that is wrong is found in one go.
A stage's settings are structured by the same rules: whatever type a field of it has, it is configured as here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path as File
from types import GenericAlias, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.cols import (
    homogenous_tuple_structure_factory,
    is_any_set,
    is_mapping,
    is_sequence,
    list_structure_factory,
    mapping_structure_factory,
)
from cattrs.errors import (
    AttributeValidationNote,
    CattrsError,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
)
from cattrs.gen import make_dict_structure_fn

from pipeline.layers import Layers, Text, inline
from pipeline.problems import Note, Path, unknown
from pipeline.secret import Secret

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

_LAYERS: ContextVar[Layers] = ContextVar("layers")  # where secrets and files of the present tree are looked up

NUMBERS = {int: "a whole number", float: "a number", bool: "true or false"}


class Misfit(ValueError):
    """A value that is not what its field takes; the text is the sentence."""


@attrs.frozen
class Check:
    """What a value must keep besides its type: ``Annotated[int, Check(f)]``; *test* raises ValueError."""

    test: Callable[[Any], None]


def structure(tree: Any, kind: type[T], layers: Layers, note: Note) -> T | None:
    """*tree* as a *kind*; None after noting all that does not fit, each with its path within *tree*."""
    token = _LAYERS.set(layers)
    try:
        made: T = converter().structure(tree, kind)
    except (CattrsError, ValueError, TypeError) as raised:
        for where, text in _sentences(raised, ()):
            note(where, text)
        return None
    finally:
        _LAYERS.reset(token)
    return made


@cache
def converter() -> Converter:
    """The strict converter: one, since to make it and its hooks takes longer than what they are for."""
    strict = Converter(forbid_extra_keys=True, use_alias=True)
    strict.register_structure_hook_func(lambda kind: kind is Any, _anything)
    for number in NUMBERS:
        strict.register_structure_hook(number, _number)
    strict.register_structure_hook(str, _string)
    strict.register_structure_hook(Secret, lambda value, _: secret(value, _LAYERS.get()))
    strict.register_structure_hook(File, lambda value, _: file(value, _LAYERS.get()))
    for fits, factory in (
        (attrs.has, _only(dict, "a table", make_dict_structure_fn)),
        (is_mapping, _only(dict, "a table", mapping_structure_factory)),
        (is_sequence, _only(list, "a list", list_structure_factory)),
        (_is_tuple, _only(list, "a list", homogenous_tuple_structure_factory)),
        (is_any_set, _set),
        (_is_literal, _literal),
        (_is_union, _union),
        (_is_annotated, _annotated),
    ):
        strict.register_structure_hook_factory(fits, factory)
    return strict


# -- single values ----------------------------------------------------------------------------------------------------


def _number(value: Any, kind: Any) -> Any:
    value = inline(value)
    if type(value) is kind or (kind is float and type(value) is int):
        return kind(value)
    raise Misfit(f"expected {NUMBERS[kind]}, got {show(value)}")


def _anything(value: Any, _: Any) -> Any:
    value = inline(value)
    return str(value) if isinstance(value, Text) else value


def _string(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return str(value)
    raise Misfit(f"expected a string, got {show(value)}")


def file(value: Any, layers: Layers) -> File:
    """A path; one that stands in the file is relative to the file, any other to the working directory."""
    path = File(_string(value, str)).expanduser()
    return path if isinstance(value, Text) else layers.beside / path


def secret(value: Any, layers: Layers) -> Secret:
    """A secret: as it stands, or from where ``{ env = … }`` or ``{ file = … }`` says."""
    value = inline(value) if str(value).startswith("{") else value
    if isinstance(value, str):
        return _not_empty(str(value), "the secret is empty")
    if not isinstance(value, dict) or len(value) != 1 or not {"env", "file"} & set(value):
        raise Misfit('expected a string, { env = "NAME" } or { file = "path" }')
    if "env" in value:
        name = _string(value["env"], str)
        if name not in layers.environ:
            raise Misfit(f"the environment variable {name} is not set")
        return _not_empty(layers.environ[name], f"the environment variable {name} is empty")
    path = file(value["file"], layers)
    try:
        return _not_empty(path.read_text(encoding="utf-8"), f"the file {path} is empty")
    except (OSError, UnicodeDecodeError) as error:
        raise Misfit(f"the file {path} can't be read: {getattr(error, 'strerror', 'it is no text')}") from None


def _not_empty(text: str, complaint: str) -> Secret:
    if not text.strip():
        raise Misfit(complaint)
    return Secret(text.strip())


def show(value: Any) -> str:
    """*value* as TOML has it, shortened; tables and lists by their name, since secrets may be in them."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value[:40]}…"' if len(value) > 40 else f'"{value}"'
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
    return str(value)


# -- made of others ---------------------------------------------------------------------------------------------------


def _only(shape: type, called: str, factory: Callable[..., Hook]) -> Callable[[Any, Converter], Hook]:
    """*factory*'s hooks, for values of one *shape* only, as people call it."""

    def make(kind: Any, strict: Converter) -> Hook:
        hook = factory(kind, strict)

        def fitting(value: Any, _: Any) -> Any:
            value = inline(value)
            if not isinstance(value, shape):
                raise Misfit(f"expected {called}, got {show(value)}")
            return hook(value, kind)

        return fitting

    return make


def _set(kind: Any, strict: Converter) -> Hook:
    items: Any = GenericAlias(list, get_args(kind) or (Any,))
    hook = strict.get_structure_hook(items)
    made = get_origin(kind) or kind
    return lambda value, _: made(hook(value, items))


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[1:] == (...,)


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _literal(kind: Any, strict: Converter) -> Hook:
    options = get_args(kind)

    def one(value: Any, _: Any) -> Any:
        for option in options:
            if type(option) is type(inline(value)) and option == inline(value):
                return option
            if isinstance(value, str) and option == str(value):
                return option
        raise Misfit(f"expected one of {', '.join(show(option) for option in options)}, got {show(value)}")

    return one


def _is_annotated(kind: Any) -> bool:
    return get_origin(kind) is Annotated


def _annotated(kind: Any, strict: Converter) -> Hook:
    inner, *notes = get_args(kind)
    hook = strict.get_structure_hook(inner)
    tests = [note.test for note in notes if isinstance(note, Check)]

    def tested(value: Any, _: Any) -> Any:
        made = hook(value, inner)
        for test in tests:
            test(made)
        return made

    return tested


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _union(kind: Any, strict: Converter) -> Hook:
    """The first member that takes values of this shape: a table, a list, a string, a number."""
    members = [(member, strict.get_structure_hook(member)) for member in get_args(kind) if member is not type(None)]

    def first(value: Any, _: Any) -> Any:
        forms = [value] if isinstance(inline(value), str) else [inline(value), value]
        for form in forms:
            for member, hook in members:
                if shape_of(form) in shapes(member):
                    return hook(form, member)
        return members[0][1](value, members[0][0])  # it does not fit; the first member says why

    return first


def shape_of(value: Any) -> str:
    """``table``, ``list``, ``string`` or the name of a plain type."""
    if isinstance(value, str):
        return "string"
    return {"dict": "table"}.get(type(value).__name__, type(value).__name__)


def shapes(kind: Any) -> frozenset[str]:
    """The shapes of value that may become a *kind*."""
    if _is_annotated(kind):
        return shapes(get_args(kind)[0])
    if _is_literal(kind):
        return frozenset(shape_of(option) for option in get_args(kind))
    if attrs.has(kind) or is_mapping(kind):
        return frozenset({"table"})
    if is_sequence(kind) or _is_tuple(kind) or is_any_set(kind):
        return frozenset({"list"})
    return _PLAIN.get(kind, frozenset({"string", "table", "list", "int", "float", "bool"}))


_PLAIN: Mapping[Any, frozenset[str]] = {
    str: frozenset({"string"}),
    File: frozenset({"string"}),
    Secret: frozenset({"string", "table"}),
    int: frozenset({"int"}),
    float: frozenset({"float", "int"}),
    bool: frozenset({"bool"}),
}


# -- what is said -----------------------------------------------------------------------------------------------------


def _sentences(raised: BaseException, path: Path) -> Iterator[tuple[Path, str]]:
    """Place and sentence of everything wrong in *raised*."""
    match raised:
        case ClassValidationError() | IterableValidationError():
            noted, bare = raised.group_exceptions()
            for inner, note in noted:
                key = note.name if isinstance(note, AttributeValidationNote) else note.index
                missing = isinstance(inner, KeyError) and inner.args == (key,)
                yield from [((*path, key), "required, but missing")] if missing else _sentences(inner, (*path, key))
            for inner in bare:
                yield from _sentences(inner, path)
        case ForbiddenExtraKeysError():
            known = [field.alias for field in attrs.fields(raised.cl) if field.init]
            for key in sorted(raised.extra_fields):
                yield (*path, key), unknown(key, [name for name in known if name])
        case ValueError() | CattrsError():
            yield path, str(raised)
        case _:  # a bug in a class that is configured here
            yield path, f"{type(raised).__name__}: {raised}"
