"""What the Responses API refuses of a request beside its input, in its own words.

    body ─▶ fields ─▶ numbers ─▶ state ─▶ reasoning ─▶ text ─▶ tools ─▶ tool_choice        (input: responses_input)

Form is checked for every name; what only some models mind, for OpenAI's own.  Wording is the vendor's, as its users
report it; where it is stricter here than there, a gateway's slip shows.  Nothing is kept here, so no earlier response,
conversation or prompt is ever found.
"""

import re
from difflib import get_close_matches
from typing import Any, NoReturn

from stages.simulated import families, responses_schema
from stages.simulated.families import Chat
from stages.simulated.refusal import Refused

COUNTED = frozenset(
    [
        "conversation",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "personality",
        "previous_response_id",
        "reasoning",
        "text",
        "tool_choice",
        "tools",
        "truncation",
    ]
)
FIELDS = (COUNTED - {"personality"}) | {
    "access_programs",
    "background",
    "client_metadata",
    "context_management",
    "image",
    "include",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
}
MOVED = {
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}
INCLUDE = (
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
)
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
CHOICES = {  # of values, by the path to a field
    "reasoning.effort": EFFORTS,
    "reasoning.summary": ("auto", "concise", "detailed"),
    "reasoning.generate_summary": ("auto", "concise", "detailed"),
    "reasoning.context": ("auto", "current_turn", "all_turns"),
    "text.verbosity": ("low", "medium", "high"),
    "truncation": ("auto", "disabled"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast"),
    "prompt_cache_options.mode": ("implicit", "explicit"),
    "prompt_cache_options.ttl": ("30m", "12h"),
}
OBJECTS = {
    "reasoning": {"effort", "summary", "generate_summary", "context", "mode"},
    "text": {"format", "verbosity"},
    "stream_options": {"include_obfuscation"},
    "prompt_cache_options": {"mode", "ttl", "prewarm", "comparison_response_id"},
}
FORMATS = {
    "text": {"type"},
    "json_object": {"type"},
    "json_schema": {"type", "name", "schema", "strict", "description"},
}
TOOLS: dict[str, set[str] | None] = {  # by type: the fields; None: not looked at
    "function": {
        "type",
        "name",
        "parameters",
        "strict",
        "description",
        "defer_loading",
        "allowed_callers",
        "output_schema",
        "async",
    },
    "custom": {"type", "name", "description", "format", "defer_loading", "allowed_callers", "async"},
    "namespace": {"type", "name", "description", "tools"},
    "tool_search": {"type", "execution", "description", "parameters"},
    "apply_patch": {"type", "allowed_callers"},
    "shell": {"type", "environment", "allowed_callers"},
    "local_shell": {"type"},
    "web_search": {"type", "filters", "user_location", "search_context_size", "external_web_access"},
    "web_search_2025_08_26": {"type", "filters", "user_location", "search_context_size", "external_web_access"},
    "web_search_preview": None,
    "file_search": None,
    "computer": {"type"},
    "computer_use_preview": None,
    "code_interpreter": {"type", "container", "allowed_callers"},
    "image_generation": None,
    "mcp": None,
    "programmatic_tool_calling": {"type"},
}
CHOOSERS = {  # by type of a tool_choice: its fields
    "function": {"type", "name"},
    "custom": {"type", "name"},
    "mcp": {"type", "server_label", "name"},
    "allowed_tools": {"type", "mode", "tools"},
}
NAME = re.compile(r"[a-zA-Z0-9_-]+\Z")


def refuse(message: str, *, code: str = "", param: str | None = None, status: int = 400) -> NoReturn:
    """Answer *status*."""
    raise Refused(status, message, "invalid_request_error", code, param)


def missing(where: str) -> NoReturn:
    """Answer that *where* is not there."""
    refuse(f"Missing required parameter: '{where}'.", code="missing_required_parameter", param=where)


def unknown(where: str) -> NoReturn:
    """Answer that *where* should not be there."""
    refuse(f"Unknown parameter: '{where}'.", code="unknown_parameter", param=where)


def value(given: Any, taken: tuple[str, ...], where: str) -> NoReturn:
    """Answer that *where* may be one of *taken* only."""
    *most, last = map(repr, taken)
    known = f"{', '.join(most)}{',' * (len(most) > 1)} and {last}" if most else last
    refuse(f"Invalid value: '{given}'. Supported values are: {known}.", code="invalid_value", param=where)


def wrong_type(where: str, wanted: str, given: Any) -> NoReturn:
    """Answer that *where* is to be a *wanted*."""
    named: dict[type, str] = {dict: "an object", list: "an array", str: "a string", int: "an integer", bool: "a boolean"}
    is_now = "null" if given is None else named.get(type(given), "a decimal")
    refuse(f"Invalid type for '{where}': expected {wanted}, but got {is_now} instead.", code="invalid_type", param=where)


def too_long(where: str, text: str, most: int) -> None:
    """Refuse *text* if it is longer than *most*."""
    if len(text) > most:
        refuse(
            f"Invalid '{where}': string too long. Expected a string with maximum length {most}, but got a string with "
            f"length {len(text)} instead.",
            code="string_above_max_length",
            param=where,
        )


def name(where: str, given: Any, most: int = 128) -> None:
    """Refuse *given* if it can't be the name of a tool."""
    if not isinstance(given, str):
        wrong_type(where, "a string", given)
    if not NAME.match(given):
        refuse(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param=where,
        )
    too_long(where, given, most)


# -- the request ------------------------------------------------------------------------------------------------------


def check(body: Any, *, counting: bool = False) -> None:
    """Raise Refused if *body* is not what the API takes for its model; its input is another file's."""
    if not isinstance(body, dict) or body.get("model") is None:
        missing("model")
    if not isinstance(body["model"], str):
        wrong_type("model", "a string", body["model"])
    model = families.chat(body["model"])
    _fields(body, COUNTED if counting else FIELDS)
    for rule in (_numbers, _state, _values, _reasoning, _text):
        rule(body, model)
    tools = tools_of(body)
    for where, tool in tools:
        _tool(where, tool)
    _choice(body, [tool for _, tool in tools])


def tools_of(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """Every tool that is offered, with its path: at the top, or by items of the input."""
    found = [(f"tools[{n}]", tool) for n, tool in enumerate(body.get("tools") or ())]
    items = body.get("input")
    for n, item in enumerate(items if isinstance(items, list) else ()):
        if item.get("type") == "additional_tools":
            found += [(f"input[{n}].tools[{m}]", tool) for m, tool in enumerate(item.get("tools") or ())]
    return found


def _fields(body: dict[str, Any], known: frozenset[str]) -> None:
    for field in body.keys() - known:
        if field in MOVED:
            refuse(
                f"Unsupported parameter: '{field}'. In the Responses API, this parameter has moved to "
                f"'{MOVED[field]}'. Try again with the new parameter.",
                code="unsupported_parameter",
                param=field,
            )
        close = get_close_matches(field, known, 1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        refuse(f"Unknown parameter: '{field}'.{hint}", code="unknown_parameter", param=field)


def _numbers(body: dict[str, Any], _model: Chat) -> None:
    limit = body.get("max_output_tokens")
    if limit is not None and limit < 16:
        refuse(
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {limit} instead.",
            code="integer_below_min_value",
            param="max_output_tokens",
        )
    for field, most in (("temperature", 2), ("top_p", 1)):
        given = body.get(field)
        if given is not None and not 0 <= given <= most:
            bound, kind, sign = (f"above maximum value", "above_max", "<= ") if given > most else ("below minimum value", "below_min", ">= ")
            refuse(f"Invalid '{field}': decimal {bound}. Expected a value {sign}{most if given > most else 0}, but got {given} instead.", code=f"decimal_{kind}_value", param=field)
    too_long("prompt_cache_key", body.get("prompt_cache_key") or "", 64)
