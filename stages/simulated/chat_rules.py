"""What Chat Completions refuses, in its own words.

    body ─▶ shape ─▶ fields ─▶ model ─▶ tools ─▶ messages ─▶ calls and their results

OpenAI's own server (``families.Chat.official``) refuses what it does not know; compatible ones take anything and do as
they can, so for every other name only the conversation itself is checked.  Wording is the vendor's, as its users report
it; where it is stricter here than there, a gateway's slip shows.
"""

import re
from typing import Any, NoReturn

from stages.simulated import chat_body, families, responses_schema
from stages.simulated.families import Chat
from stages.simulated.refusal import Refused
from stages.simulated.responses_wording import between, listed

FIELDS = frozenset(
    [
        "model",
        "messages",
        "max_completion_tokens",
        "max_tokens",
        "reasoning_effort",
        "temperature",
        "top_p",
        "n",
        "seed",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "stream",
        "stream_options",
        "store",
        "metadata",
        "service_tier",
        "safety_identifier",
        "user",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "verbosity",
        "modalities",
        "audio",
        "prediction",
        "web_search_options",
        "moderation",
        "functions",
        "function_call",
    ]
)
ROLES = ("system", "assistant", "user", "function", "tool", "developer")
MESSAGES = {
    "assistant": {"role", "content", "refusal", "tool_calls", "audio", "name", "function_call"},
    "tool": {"role", "content", "tool_call_id"},
}
PARTS = {
    "text": {"type", "text", "prompt_cache_breakpoint"},
    "image_url": {"type", "image_url", "prompt_cache_breakpoint"},
    "input_audio": {"type", "input_audio", "prompt_cache_breakpoint"},
    "file": {"type", "file", "prompt_cache_breakpoint"},
    "refusal": {"type", "refusal"},
}
TOOLS = {"function": {"name", "description", "parameters", "strict"}, "custom": {"name", "description", "format"}}
NUMBERS = (("temperature", 0, 2), ("top_p", 0, 1), ("presence_penalty", -2, 2), ("frequency_penalty", -2, 2))
NAME = re.compile(r"[a-zA-Z0-9_-]+\Z")


def refuse(message: str, *, code: str = "", param: str | None = None) -> NoReturn:
    """Answer 400."""
    raise Refused(400, message, code=code, param=param)


def check(body: Any) -> Chat:
    """Raise Refused if *body* is not what the API takes for its model; return what that takes."""
    _shape(body)
    model = families.chat(body["model"])
    if model.official:
        for rule in (_fields, _reasoning, _limits, _lists, _tools, _choice, _form):
            rule(body, model)
    _options(body)
    for n, message in enumerate(body["messages"]):
        _message(n, message, model)
    _calls(body)
    _replayed(body, model)
    return model


# -- fields -----------------------------------------------------------------------------------------------------------


def _shape(body: Any) -> None:
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        refuse("you must provide a model parameter")
    if not isinstance(body.get("messages"), list):
        refuse("Missing required parameter: 'messages'.", code="missing_required_parameter", param="messages")
    if not body["messages"]:
        _empty("messages")


def _empty(name: str) -> NoReturn:
    refuse(
        f"Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        code="empty_array",
        param=name,
    )


def _fields(body: dict[str, Any], _model: Chat) -> None:
    unknown = [name for name in body if name not in FIELDS]
    if unknown:
        refuse(f"Unrecognized request argument{'s' * (len(unknown) > 1)} supplied: {', '.join(unknown)}")


def _reasoning(body: dict[str, Any], model: Chat) -> None:
    effort = body.get("reasoning_effort")
    if not model.reasons:
        if effort is not None:
            refuse("Unrecognized request argument supplied: reasoning_effort")
        return
    if effort is not None and effort not in model.efforts:
        refuse(
            f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. Supported values are: "
            f"{listed(model.efforts)}.",
            code="unsupported_value",
            param="reasoning_effort",
        )
    if body.get("max_tokens") is not None:
        _unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
    for name in ("stop", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"):
        if body.get(name) is not None:
            _unsupported(name)
    if effort != "none":
        _defaults(body)
    if body.get("tools") and effort not in (None, "none") and not model.tools_while_reasoning:
        refuse(
            f"Function tools with reasoning_effort are not supported for {body['model']} in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
            param="reasoning_effort",
        )


def _unsupported(name: str, instead: str = "") -> NoReturn:
    message = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
    refuse(message, code="unsupported_parameter", param=name)


def _defaults(body: dict[str, Any]) -> None:
    for name in ("temperature", "top_p"):
        if body.get(name) not in (None, 1):
            refuse(
                f"Unsupported value: '{name}' does not support {body[name]} with this model. Only the default (1) "
                "value is supported.",
                code="unsupported_value",
                param=name,
            )


def _limits(body: dict[str, Any], model: Chat) -> None:
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        refuse("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    for name in ("max_tokens", "max_completion_tokens"):
        if (body.get(name) or 0) > model.output:
            refuse(
                f"max_tokens is too large: {body[name]}. This model supports at most {model.output} completion tokens, "
                f"whereas you provided {body[name]}.",
                code="invalid_value",
                param=name,
            )
    for name, least, most in NUMBERS:
        if body.get(name) is not None:
            between(name, body[name], least, most, "decimal")


def _lists(body: dict[str, Any], _model: Chat) -> None:
    for name, most in (("stop", 4), ("tools", 128)):
        value = body.get(name)
        if value == []:
            _empty(name)
        if isinstance(value, list) and len(value) > most:
            refuse(
                f"Invalid '{name}': array too long. Expected an array with maximum length {most}, but got an array "
                f"with length {len(value)} instead.",
                code="array_above_max_length",
                param=name,
            )


def _options(body: dict[str, Any]) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options")


def _form(body: dict[str, Any], _model: Chat) -> None:
    form = body.get("response_format") or {}
    if form.get("type") == "json_object" and "json" not in str(body["messages"]).lower():
        refuse(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            param="messages",
        )
    if form.get("type") == "json_schema":
        given = form.get("json_schema") or {}
        if not given.get("name"):
            where = "response_format.json_schema.name"
            refuse(f"Missing required parameter: '{where}'.", code="missing_required_parameter", param=where)
        _name(str(given["name"]), "response_format.json_schema.name")
        if given.get("strict") and (fault := responses_schema.fault(given.get("schema"))):
            refuse(f"Invalid schema for response_format '{given['name']}': {fault}", param="response_format")


# -- tools ------------------------------------------------------------------------------------------------------------


def _tools(body: dict[str, Any], _model: Chat) -> None:
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not body.get("tools") and not body.get("functions"):
            refuse(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", param=name)
    for n, tool in enumerate(body.get("tools") or ()):
        kind = tool.get("type")
        if kind not in ("function", "custom"):
            _value(kind, ("function", "custom"), f"tools[{n}].type")
        _name(str(tool[kind].get("name", "")), f"tools[{n}].{kind}.name")
        for name in tool[kind].keys() - TOOLS[kind]:
            _unknown(f"tools[{n}].{kind}.{name}")
        if kind == "function" and (schema := tool[kind].get("parameters")):
            fault = responses_schema.fault(schema) if tool[kind].get("strict") else responses_schema.loose(schema)
            if fault:
                refuse(
                    f"Invalid schema for function '{tool[kind]['name']}': {fault}",
                    code="invalid_function_parameters",
                    param=f"tools[{n}].function.parameters",
                )


def _choice(body: dict[str, Any], _model: Chat) -> None:
    """A choice must be one of what is offered."""
    choice = body.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in TOOLS or not isinstance(choice, dict):
        return
    wanted = (choice.get(kind) or {}).get("name")
    if wanted not in [(tool.get(kind) or {}).get("name") for tool in body.get("tools") or ()]:
        refuse(
            f"Invalid value for 'tool_choice': no function named '{wanted}' was specified in the 'tools' parameter.",
            param="tool_choice",
        )


def _name(name: str, where: str) -> None:
    if not NAME.match(name):
        refuse(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param=where,
        )
    if len(name) > 64:
        refuse(
            f"Invalid '{where}': string too long. Expected a string with maximum length 64, but got a string with "
            f"length {len(name)} instead.",
            code="string_above_max_length",
            param=where,
        )


def _value(given: Any, taken: tuple[str, ...], where: str) -> NoReturn:
    *most, last = map(repr, taken)
    refuse(
        f"Invalid value: '{given}'. Supported values are: {', '.join(most)}, and {last}.",
        code="invalid_value",
        param=where,
    )


# -- messages ---------------------------------------------------------------------------------------------------------


def _message(n: int, message: Any, model: Chat) -> None:
    role = message.get("role")
    if role not in ROLES:
        _value(role, ROLES, f"messages[{n}].role")
    content = message.get("content")
    if content is None and not (
        role == "assistant" and message.keys() & {"tool_calls", "function_call", "audio", "refusal"}
    ):
        refuse("Invalid value for 'content': expected a string, got null.", param=f"messages.[{n}].content")
    if model.official:
        for name in message.keys() - MESSAGES.get(role, {"role", "content", "name"}):
            _unknown(f"messages[{n}].{name}")
    for m, part in enumerate(content if isinstance(content, list) else ()):
        _part(f"messages[{n}].content[{m}]", role, part, model)


def _unknown(where: str) -> NoReturn:
    refuse(f"Unknown parameter: '{where}'.", code="unknown_parameter", param=where)


def _part(where: str, role: str, part: dict[str, Any], model: Chat) -> None:
    kind = part.get("type")
    if kind not in PARTS:
        _value(kind, tuple(PARTS), f"{where}.type")
    if kind == "image_url" and role != "user" and model.official:
        refuse(
            f"Invalid '{where}'. Image URLs are only allowed for messages with role 'user', but this message with "
            f"role '{role}' contains an image URL.",
            code="invalid_value",
            param=where,
        )
    for name in part.keys() - PARTS[kind] if model.official else ():
        _unknown(f"{where}.{name}")


def _calls(body: dict[str, Any]) -> None:
    """Every call is answered right behind it, and nothing answers what was not called."""
    called: list[str] = []
    missing: list[str] = []
    for n, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            _answered(n, message.get("tool_call_id"), called)
            missing = [ident for ident in missing if ident != message["tool_call_id"]]
            continue
        if missing:
            _unanswered(n, missing)
        called = [str(call.get("id")) for call in message.get("tool_calls") or ()]
        missing = called
    if missing:
        _unanswered(len(body["messages"]), missing)


def _answered(n: int, ident: Any, called: list[str]) -> None:
    if not called:
        refuse(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            param=f"messages.[{n}].role",
        )
    if ident not in called:
        refuse(
            f"Invalid parameter: 'tool_call_id' of '{ident}' not found in 'tool_calls' of previous message.",
            param=f"messages.[{n}].tool_call_id",
        )


def _unanswered(n: int, missing: list[str]) -> NoReturn:
    refuse(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(missing)}",
        param=f"messages.[{n}].role",
    )


def _replayed(body: dict[str, Any], model: Chat) -> None:
    if not model.replays or not chat_body.thinks(body["model"], body.get("reasoning_effort"), body.get("thinking")):
        return
    for message in body["messages"]:
        if message.get("tool_calls") and "reasoning_content" not in message:
            refuse("The `reasoning_content` in the thinking mode must be passed back to the API.")
