"""Tools that Anthropic's models know by type and clients run: as functions, for models that know none of them.

    {"type": "bash_20250124", "name": "bash"}   ─▶   {"name": "bash", "description": …, "parameters": …}

What these tools take is published (the pages of each tool), and the client that runs them understands exactly that; so
a call made from the schema here is a call the client can carry out.  Their names stay.
"""

from typing import Any

Fields = dict[str, Any]


def _object(required: list[str], **properties: Fields) -> Fields:
    return {"type": "object", "properties": properties, "required": required}


def _text(about: str) -> Fields:
    return {"type": "string", "description": about}


def _one_of(*words: str) -> Fields:
    return {"type": "string", "enum": list(words), "description": "What to do."}


_LINE = {"type": "integer", "description": "For insert: the line after which the text goes; 0 is the beginning."}
_LINES = {
    "type": "array",
    "items": {"type": "integer"},
    "description": "For view: first and last line, counted from 1; -1 is the end of the file.",
}

_BASH = (
    "Run a command in a bash shell that stays open between calls.",
    _object(
        [],
        command=_text("The command to run. Required unless the shell is restarted."),
        restart={"type": "boolean", "description": "True restarts the shell; no command is run."},
    ),
)

_EDITOR_FIELDS = {
    "path": _text("Absolute path of the file or directory."),
    "file_text": _text("For create: the content of the new file."),
    "old_str": _text("For str_replace: the text to replace; it must occur exactly once."),
    "new_str": _text("For str_replace: the text that takes its place."),
    "insert_line": _LINE,
    "view_range": _LINES,
}
_EDITOR_ABOUT = "View, create and edit text files."

_MEMORY = (
    "Keep notes in files below /memories that outlast this conversation. View the directory before anything else.",
    _object(
        ["command"],
        command=_one_of("view", "create", "str_replace", "insert", "delete", "rename"),
        path=_text("For all but rename: the file or directory, below /memories."),
        file_text=_text("For create: the content."),
        old_str=_text("For str_replace: the text to replace."),
        new_str=_text("For str_replace: the text that takes its place."),
        insert_line=_LINE,
        insert_text=_text("For insert: the text."),
        old_path=_text("For rename: the path now."),
        new_path=_text("For rename: the path to be."),
        view_range=_LINES,
    ),
)


def function_of(kind: str) -> tuple[str, Fields] | None:
    """Description and schema of the client's tool of type *kind*; None if *kind* is none of them."""
    family, _, version = kind.rpartition("_")
    if family == "bash":
        return _BASH
    if family == "memory":
        return _MEMORY
    if family != "text_editor":
        return None
    commands = ["view", "create", "str_replace", "insert"]
    if version < "20250429":  # later versions can't undo
        commands.append("undo_edit")
    # The text of insert has the name new_str up to that version, insert_text from 20250728 on.
    later = {"insert_text": _text("For insert: the text.")} if version >= "20250728" else {}
    return _EDITOR_ABOUT, _object(["command", "path"], command=_one_of(*commands), **_EDITOR_FIELDS, **later)
