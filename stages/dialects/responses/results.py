"""What tools gave, in the items of a prompt's input → the content of a result.

function_call_output · custom_tool_call_output     output: a string, or parts: as they are
shell_call_output     output [{stdout, stderr, outcome}]  ─▶  text, as a terminal would show it
apply_patch_call_output  status, output            ─▶  text, which says whether it worked
local_shell_call_output  output                    ─▶  text
tool_search_output    tools                        ─▶  text: their names (the tools themselves are tools now)
"""

from typing import Any

from pipeline.document import Path
from stages.dialects.responses.fields import Fields
from stages.dialects.shape import mapping, objects, sequence, text


def result(kind: str, item: Fields, path: Path) -> Any:
    """The content, a string or parts, of the result that *item*, of type *kind*, brings."""
    output = item.get("output")
    match kind:
        case "shell_call_output":
            return "\n".join(_ran(place, one) for place, one in objects(output, (*path, "output")))
        case "apply_patch_call_output":
            return f"{item.get('status')}: {output}" if output else str(item.get("status"))
        case "tool_search_output":
            return "found: " + ", ".join(_names(item.get("tools"), (*path, "tools")))
    return text(output, (*path, "output")) if not isinstance(output, list) else output


def _ran(path: Path, one: Fields) -> str:
    """What one command printed, and how it ended."""
    said = [one[key].rstrip("\n") for key in ("stdout", "stderr") if isinstance(one.get(key), str) and one[key]]
    outcome = mapping(one.get("outcome") or {}, (*path, "outcome"))
    if outcome.get("type") == "timeout":
        said.append("[timed out]")
    elif outcome.get("exit_code") not in (None, 0):
        said.append(f"[exit code {outcome['exit_code']}]")
    return "\n".join(said)


def _names(tools: Any, path: Path) -> list[str]:
    found: list[str] = []
    for tool in sequence(tools or [], path):
        inner = tool.get("tools") if isinstance(tool, dict) else None
        found += _names(inner, path) if inner else [str(tool.get("name"))] if isinstance(tool, dict) else []
    return found or ["nothing"]
