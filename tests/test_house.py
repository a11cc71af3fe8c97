"""The house's rules, kept by a machine: who imports whom, what has a name, how large things are, what is documented."""

import ast
import importlib
import re
import subprocess
import symtable
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from pipeline.arrange import DEFAULT
from pipeline.cli import main
from pipeline.naming import built_in

ROOT = Path(__file__).parents[1]
PACKAGES = ("transports", "pipeline", "stages")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
TESTS = sorted(file for file in (ROOT / "tests").rglob("*.py"))

# Whose docstring says what each of their files is for.
MAPPED = (*PACKAGES, "pipeline/store", "pipeline/observe", "stages/tokens", "stages/claude_cli",
          *(f"stages/dialects/{name}" for name in ("anthropic", "chat", "responses", "claude_cli")))  # fmt: skip

MOST_LINES = 400  # a file
MOST_FUNCTION_LINES = 40

# What each layer may import besides the standard library and itself; upwards only.
MAY = {
    "transports": {"trio", "h11", "h2", "hpack", "httpcore", "attrs", "brotli", "backports", "compression"},
    "pipeline": {
        "transports",
        "trio",
        "attrs",
        "cattrs",
        "msgspec",
        "structlog",
        "click",
        "dotenv",
        "platformdirs",
        "sqlalchemy",
        "alembic",
        "argon2",
        "brotli",
        "psycopg",
        "psycopg_pool",
        "cryptography",
        "prometheus_client",
        "opentelemetry",  # an extra
    },
    "stages": {"transports", "pipeline", "trio", "attrs", "msgspec", "click", "platformdirs", "structlog", "h11"}
    | {"toktok"},  # an extra
}
# Dialects are sans-io: bytes in, events out.  Of transports they know the words only.
SANS_IO = {"attrs", "msgspec", "stages", "pipeline", "transports"}
SOCKETS = {"socket", "asyncio", "ssl", "select", "threading"}
SANS_IO_WORDS = {
    "pipeline": {"errors", "events", "prompt", "document", "dialect"},
    "transports": {"messages"},
    "stages": {"dialects", "capabilities", "notes", "thinking"},
}

VENDORS = ("anthropic", "openai", "claude", "gpt-", "codex", "cline", "gemini", "mistral", "deepseek", "groq", "kimi",
           "openrouter", "ollama", "bedrock", "vertex", "azure", "qwen", "litellm", "copilot")  # fmt: skip

BANNED = {"handler", "manager", "helper", "util", "utils", "helpers", "service", "processor", "wrapper", "data", "info"}

# Where every Exception may be caught: a task of the line, a connection, one stream among others, the command line; and
# a configuration that others wrote, which must not end a gateway that runs.
CATCHERS = {
    "pipeline/line.py",
    "pipeline/reloading.py",
    "transports/listen.py",
    "transports/http2_exchange.py",
    "pipeline/cli.py",
}


# -- looking ----------------------------------------------------------------------------------------------------------


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def name_of(file: Path) -> str:
    """``pipeline/line.py`` → pipeline.line; a package is its ``__init__``."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path, *, typing: bool = True) -> Iterator[str]:
    """The modules *file* imports; *typing*: also those that are imported for type checkers only."""
    for node in ast.walk(tree(file)) if typing else at_runtime(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            assert node.module
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in inner)


def at_runtime(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below *node* but those under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield child
            yield from at_runtime(child)


MODULES = {name_of(file) for file in FILES}


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def where(file: Path, node: ast.AST) -> str:
    return f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def within(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of *function* itself, without those of functions inside it."""
    for node in ast.iter_child_nodes(function):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from within(node)


# -- who imports whom -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    """transports ← pipeline ← stages; of others only what the layer needs."""
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        if file.is_relative_to(ROOT / package)
        for name in imports(file)
        if (top := name.partition(".")[0]) != package and top not in sys.stdlib_module_names and top not in MAY[package]
    ]
    assert not wrong


def test_dialects_are_sans_io() -> None:
    """No trio, no socket; of ours only the words."""
    wrong = []
    for file in (ROOT / "stages" / "dialects").rglob("*.py"):
        for name in imports(file):
            top, _, rest = name.partition(".")
            ours = SANS_IO_WORDS.get(top)
            if ours is not None and rest.partition(".")[0] not in ours:
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
            if top in SOCKETS or (top not in sys.stdlib_module_names and top not in SANS_IO):
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_nothing_is_imported_in_a_function() -> None:
    """A module's imports are at its top: reading them is reading what it needs."""
    wrong = [
        where(file, node)
        for file in FILES
        for function in functions(file)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not wrong


def test_no_cycle() -> None:
    """Every module can be read before those that import it."""
    needs = {name_of(file): {name for name in imports(file, typing=False) if name in MODULES} for file in FILES}
    while free := [name for name, below in needs.items() if not below & needs.keys() - {name}]:
        for name in free:
            del needs[name]
    assert not needs


def test_importing_has_no_effect() -> None:
    """No output, no thread, no file, no signal, no change of path or environment: only names."""
    program = """
import importlib, os, signal, sys, threading, gc
before = (os.getcwd(), dict(os.environ), list(sys.path), threading.active_count(), set(os.listdir("/proc/self/fd"))
          if os.path.isdir("/proc/self/fd") else None, [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)])
for name in sys.argv[1:]:
    importlib.import_module(name)
gc.collect()
after = (os.getcwd(), dict(os.environ), list(sys.path), threading.active_count(), set(os.listdir("/proc/self/fd"))
         if os.path.isdir("/proc/self/fd") else None, [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)])
for one, two in zip(before, after, strict=True):
    assert one == two, (one, two)
"""
    command = [sys.executable, "-W", "error", "-B", "-c", program, *sorted(MODULES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# -- names and words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["transports", "pipeline"])
def test_no_vendor_is_named(package: str) -> None:
    """Vendors live in stages/, as data and small files."""
    wrong = [
        f"{file.relative_to(ROOT)}:{number}: {word}"
        for file in FILES
        if file.is_relative_to(ROOT / package)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        for word in VENDORS
        if word in line.lower()
    ]
    assert not wrong


def test_no_banned_name() -> None:
    """A file or a class is called for what it is."""
    called = [(file.relative_to(ROOT), file.stem) for file in FILES]
    called += [
        (file.relative_to(ROOT), n.name) for file in FILES for n in ast.walk(tree(file)) if isinstance(n, ast.ClassDef)
    ]
    wrong = [(file, name) for file, name in called if name.lower().strip("_") in BANNED]
    assert not wrong


def test_no_path_of_a_machine() -> None:
    """What is committed runs anywhere."""
    paths = ("/work/", "/root/", "/home/")
    wrong = [
        f"{file.relative_to(ROOT)}: {path}"
        for file in [*FILES, *TESTS]
        if file != Path(__file__)
        for path in paths
        if path in file.read_text(encoding="utf-8")
    ]
    assert not wrong


# -- size -------------------------------------------------------------------------------------------------------------


def test_files_and_functions_are_small() -> None:
    """The five largest of each are printed; none is over the budget."""
    files = sorted(((len(file.read_text(encoding="utf-8").splitlines()), file) for file in FILES), reverse=True)
    sizes = sorted(
        (((node.end_lineno or 0) - node.lineno + 1, where(file, node)) for file in FILES for node in functions(file)),
        reverse=True,
    )
    largest = [f"{lines:5} {file.relative_to(ROOT)}\n" for lines, file in files[:5]]
    largest += [f"{lines:5} {place}\n" for lines, place in sizes[:5]]
    sys.stdout.write("".join(largest) + f"median function: {sizes[len(sizes) // 2][0]} lines\n")
    assert [file for lines, file in files if lines > MOST_LINES] == []
    assert [place for lines, place in sizes if lines > MOST_FUNCTION_LINES] == []


# -- what is said -----------------------------------------------------------------------------------------------------


def test_everything_public_is_documented() -> None:
    """Every module, class and function that others may use says what it is for."""
    wrong = [str(file.relative_to(ROOT)) for file in FILES if not (ast.get_docstring(tree(file)) or "").strip(" .")]
    for file in FILES:
        public: list[ast.Module | ast.ClassDef] = [tree(file)]
        public += [n for n in tree(file).body if isinstance(n, ast.ClassDef) and n.name[0] != "_"]
        for node in public:
            wrong += [where(file, inner) for inner in node.body if undocumented(inner)]
    assert not wrong


def undocumented(node: ast.stmt) -> bool:
    """Whether *node* is public and says nothing.  What a dunder means is known."""
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return False
    marks = {mark.id for mark in getattr(node, "decorator_list", []) if isinstance(mark, ast.Name)}
    return "overload" not in marks and not ast.get_docstring(node)


@pytest.mark.parametrize("package", MAPPED)
def test_every_file_is_on_the_map(package: str) -> None:
    """Who opens a package reads what its files are for, all of them, before the first."""
    chart = ast.get_docstring(tree(ROOT / package / "__init__.py")) or ""
    files = {file.stem for file in (ROOT / package).glob("*.py") if not file.stem.startswith("__")}
    folders = {file.parent.name for file in (ROOT / package).glob("*/__init__.py")} - {"migrations"}
    assert files | folders <= set(re.findall(r"\w+", chart))


def test_what_is_referred_to_is_there() -> None:
    """A text that names something of ours by its module (``pipeline.line.Line``) names what stands in that module."""
    wrong = []
    for file in FILES:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for name in re.findall(rf"``((?:{'|'.join(PACKAGES)})(?:\.\w+)+)``", line):
                module, _, last = name.rpartition(".")
                there = getattr(importlib.import_module(module), last, None) if module in MODULES else None
                if name not in MODULES and (there is None or getattr(there, "__module__", module) != module):
                    wrong.append(f"{file.relative_to(ROOT)}:{number}: {name}")
    assert wrong == []


def test_a_waiver_says_why() -> None:
    """``# type: ignore`` and ``# noqa`` name what they waive, with a reason beside them or above."""
    wrong = []
    for file in FILES:
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            for mark in ("# type: ignore", "# noqa"):
                _, found, rest = line.partition(mark)
                above = lines[number - 1].strip().startswith("#")
                if found and not (rest.startswith(("[", ":")) and ("  #" in rest or "(" in rest or above)):
                    wrong.append(f"{file.relative_to(ROOT)}:{number + 1}")
    assert not wrong


# -- how it is done ---------------------------------------------------------------------------------------------------


def test_exceptions_are_caught_by_name() -> None:
    """Every Exception at once only where a task or a connection is kept apart from others."""
    wrong = [
        where(file, node)
        for file in FILES
        if file.relative_to(ROOT).as_posix() not in CATCHERS
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ExceptHandler)
        if node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception")
    ]
    assert not wrong


def test_no_comprehension_hides_what_its_function_uses() -> None:
    """CPython 3.12.0 and 3.12.1 lose a module's name where a comprehension of the same function binds it, too."""
    inlined = {"listcomp", "setcomp", "dictcomp"}  # PEP 709; newer Pythons show them as part of their function
    for file in FILES:
        for function in scopes(symtable.symtable(file.read_text(), str(file), "exec")):
            within = [table for table in function.get_children() if table.get_name() in inlined]
            bound = {name.get_name() for table in within for name in table.get_symbols() if name.is_local()}
            used = {
                name.get_name() for table in (function, *within) for name in table.get_symbols() if name.is_global()
            }
            assert not bound & used, f"{file}:{function.get_lineno()}: {bound & used}"


def scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """The functions in *table*, at any depth; comprehensions are parts of them."""
    if table.get_type() == "function" and not table.get_name().endswith(("comp", "genexpr")):
        yield table
    for child in table.get_children():
        yield from scopes(child)


def test_async_generators_are_context_managers() -> None:
    """Any other may be abandoned half-way, and its ``finally`` run sometime, somewhere (PEP 789)."""
    wrong = []
    for file in FILES:
        for function in functions(file):
            marks = {mark.id for mark in function.decorator_list if isinstance(mark, ast.Name)}
            yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in within(function))
            if isinstance(function, ast.AsyncFunctionDef) and yields and "asynccontextmanager" not in marks:
                wrong.append(where(file, function))
    assert not wrong


# -- the book ---------------------------------------------------------------------------------------------------------


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_stage_is_in_the_readme() -> None:
    """If it is not there, it is not a feature."""
    text = readme()
    assert [name for name in {*DEFAULT, *built_in()} if f"`{name}`" not in text] == []


def test_every_flag_and_command_is_in_the_readme() -> None:
    """As they are typed."""
    text = readme()
    flags = {flag for option in main.params for flag in option.opts}
    assert [flag for flag in sorted(flags) if flag not in text] == []
    assert [name for name in main.list_commands(click.Context(main)) if f"`{name}`" not in text] == []


def test_every_setting_is_in_the_readme_or_in_the_example_it_names() -> None:
    """The example shows each key (``test_config``); the README leads there."""
    assert "pipeline.example.toml" in readme()
    assert (ROOT / "pipeline.example.toml").exists()
