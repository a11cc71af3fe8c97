"""What the Responses API refuses of a request beside its input, in its own words.

    body ─▶ fields ─▶ values ─▶ numbers ─▶ state ─▶ reasoning ─▶ text ─▶ tools ─▶ tool_choice   (then: responses_input)

Form is checked for every name; what only some models mind, for OpenAI's own.  Wording is the vendor's, as its users
report it; where it is stricter here than there, a gateway's slip shows.  Nothing is kept here, so no earlier response,
conversation or prompt is ever found.
"""

from difflib import get_close_matches
from typing import Any, NoReturn

from stages.simulated import families, responses_body, responses_schema
from stages.simulated import responses_fields as fields
from stages.simulated import responses_wording as wording
from stages.simulated.families import Chat
from stages.simulated.responses_wording import refuse


def check(body: Any, *, counting: bool = False) -> None:
    """Raise Refused if *body* is not what the API takes for its model; its input is another file's."""
    if not isinstance(body, dict) or body.get("model") is None:
        wording.missing("model")
    wording.typed("model", body["model"], str, "a string")
    model = families.chat(body["model"])
    _fields(body, fields.COUNTED if counting else fields.REQUEST)
    for rule in (_values, _numbers, _state, _reasoning, _text):
        rule(body, model)
    tools = tools_of(body)
    for where, tool in tools:
        _tool(where, tool)
    _choice(body, [tool for _, tool in tools])


# -- fields -----------------------------------------------------------------------------------------------------------


def _fields(body: dict[str, Any], known: frozenset[str]) -> None:
    for field in body:
        if field in known:
            continue
        if field in fields.MOVED:
            refuse(
                f"Unsupported parameter: '{field}'. In the Responses API, this parameter has moved to "
                f"'{fields.MOVED[field]}'. Try again with the new parameter. See the API documentation for more "
                "information: https://platform.openai.com/docs/api-reference/responses/create.",
                code="unsupported_parameter",
                param=field,
            )
        close = max(get_close_matches(field, sorted(known)), key=lambda name: name[0] == field[0], default="")
        hint = f" Did you mean '{close}'?" if close else ""
        refuse(f"Unknown parameter: '{field}'.{hint}", code="unknown_parameter", param=field)


def _values(body: dict[str, Any], _model: Chat) -> None:
    for name, known in fields.OBJECTS.items():
        if body.get(name) is not None:
            wording.typed(name, body[name], dict, "an object")
            wording.only(name, body[name], known)
    for path, taken in fields.VALUES.items():
        outer, _, inner = path.partition(".")
        given = (body.get(outer) or {}).get(inner) if inner else body.get(outer)
        if given is not None and given not in taken:
            wording.value(given, taken, path)
    for name in ("background", "parallel_tool_calls", "store", "stream"):
        if body.get(name) is not None:
            wording.typed(name, body[name], bool, "a boolean")
    for n, given in enumerate(body.get("include") or ()):
        if given not in fields.INCLUDE:
            wording.value(given, fields.INCLUDE, f"include[{n}]")
    if body.get("stream_options") is not None and not body.get("stream"):
        refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options")


def _numbers(body: dict[str, Any], _model: Chat) -> None:
    for name, least, most, kind in (
        ("max_output_tokens", 16, float("inf"), "integer"),
        ("max_tool_calls", 1, float("inf"), "integer"),
        ("top_logprobs", 0, 20, "integer"),
        ("temperature", 0, 2, "decimal"),
        ("top_p", 0, 1, "decimal"),
    ):
        given = body.get(name)
        if given is not None:
            if kind == "integer":
                wording.typed(name, given, int, "an integer")
            wording.between(name, given, least, most, kind)
    for name in ("prompt_cache_key", "safety_identifier"):
        wording.short(name, body.get(name) or "", 64 if name == "prompt_cache_key" else 128)
    if len(body.get("metadata") or ()) > 16:
        refuse("Invalid 'metadata': too many properties. Expected an object with at most 16 properties.")


def _state(body: dict[str, Any], _model: Chat) -> None:
    previous, conversation, prompt = (body.get(name) for name in ("previous_response_id", "conversation", "prompt"))
    if previous is not None and conversation is not None:
        refuse(
            "Mutually exclusive parameters. Ensure you are only providing one of: 'previous_response_id' or "
            "'conversation'.",
            code="mutually_exclusive_parameters",
        )
    if previous is not None:
        message = f"Previous response with id '{previous}' not found."
        refuse(message, code="previous_response_not_found", param="previous_response_id")
    if conversation is not None:
        ident = conversation.get("id") if isinstance(conversation, dict) else conversation
        refuse(f"Conversation with id '{ident}' not found.", status=404)
    if prompt is not None:
        refuse(f"Prompt with id '{prompt.get('id')}' not found.", status=404)
    if body.get("background"):
        refuse("simulated: nothing is kept here, so nothing can be fetched later", param="background")
    if body.get("input") is None:
        refuse(
            "Missing one of: 'input' or 'previous_response_id' or 'prompt' or 'conversation_id'.",
            code="missing_required_parameter",
        )


# -- reasoning and text -----------------------------------------------------------------------------------------------


def _reasoning(body: dict[str, Any], model: Chat) -> None:
    asked = {name: given for name, given in (body.get("reasoning") or {}).items() if given is not None}
    if not model.official:
        return
    if not model.reasons:
        for name in asked:
            wording.unsupported(f"reasoning.{name}")
        if "reasoning.encrypted_content" in (body.get("include") or ()):
            refuse("Encrypted content is not supported with this model.", param="include")
        return
    effort = asked.get("effort")
    if effort is not None and effort not in model.efforts:
        taken = wording.listed(model.efforts)
        refuse(
            f"Unsupported value: '{effort}' is not supported with the '{body['model']}' model. Supported values are: "
            f"{taken}.",
            code="unsupported_value",
            param="reasoning.effort",
        )
    for name in ("temperature", "top_p", "top_logprobs") if asked.get("effort") != "none" else ():
        if body.get(name) not in (None, 0 if name == "top_logprobs" else 1):
            refuse(f"Unsupported parameter: '{name}' is not supported with this model.", param=name)


def _text(body: dict[str, Any], _model: Chat) -> None:
    form = (body.get("text") or {}).get("format")
    if form is None:
        return
    kind = form.get("type")
    if kind not in fields.FORMATS:
        wording.value(kind, tuple(fields.FORMATS), "text.format.type")
    if kind == "json_schema":
        for name in ("name", "schema"):
            if form.get(name) is None:
                wording.missing(f"text.format.{name}")
        wording.named("text.format.name", form["name"], 64)
        if form.get("strict") and (fault := responses_schema.fault(form["schema"])):
            message = f"Invalid schema for response_format '{form['name']}': {fault}"
            refuse(message, code="invalid_json_schema", param="text.format.schema")
    wording.only("text.format", form, fields.FORMATS[kind])
    if kind == "json_object" and "json" not in str(body["input"]).lower():
        refuse(
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
            "'json_object'.",
            param="input",
        )


# -- tools ------------------------------------------------------------------------------------------------------------


def tools_of(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """Every tool that is offered, with its path: at the top, or by items of the input."""
    wording.few("tools", body.get("tools") or [], 128)
    found = [(f"tools[{n}]", tool) for n, tool in enumerate(body.get("tools") or ())]
    for n, item in enumerate(responses_body.items_of(body)):
        if item.get("type") == "additional_tools":
            found += [(f"input[{n}].tools[{m}]", tool) for m, tool in enumerate(item.get("tools") or ())]
    return found


def _tool(where: str, tool: dict[str, Any], taken: tuple[str, ...] = tuple(fields.TOOLS)) -> None:
    kind = tool.get("type")
    if kind is None:
        wording.missing(f"{where}.type")
    if kind not in taken:
        wording.value(kind, taken, f"{where}.type")
    if kind in ("function", "custom", "namespace"):
        if tool.get("name") is None:
            wording.missing(f"{where}.name")
        wording.named(f"{where}.name", tool["name"])
    wording.only(where, tool, fields.TOOLS[kind])
    if kind == "function":
        _function(where, tool)
    if kind == "custom" and tool.get("format") is not None:
        _grammar(f"{where}.format", tool["format"])
    if kind == "namespace":
        for name in ("description", "tools"):
            if tool.get(name) is None:
                wording.missing(f"{where}.{name}")
        for n, inner in enumerate(tool["tools"]):
            _tool(f"{where}.tools[{n}]", inner, ("function", "custom"))


def _function(where: str, tool: dict[str, Any]) -> None:
    """Strictness left open is tried and, where the schema is not made for it, let go: only ``true`` can fail."""
    schema = tool.get("parameters")
    if schema is None:
        return
    fault = responses_schema.fault(schema) if tool.get("strict") else responses_schema.loose(schema)
    if fault:
        message = f"Invalid schema for function '{tool['name']}': {fault}"
        refuse(message, code="invalid_function_parameters", param=f"{where}.parameters")


def _grammar(where: str, form: dict[str, Any]) -> None:
    kind = form.get("type")
    if kind not in fields.GRAMMARS:
        wording.value(kind, tuple(fields.GRAMMARS), f"{where}.type")
    if kind == "grammar":
        for name in ("syntax", "definition"):
            if form.get(name) is None:
                wording.missing(f"{where}.{name}")
        if form["syntax"] not in ("lark", "regex"):
            wording.value(form["syntax"], ("lark", "regex"), f"{where}.syntax")
    wording.only(where, form, fields.GRAMMARS[kind])


def _choice(body: dict[str, Any], tools: list[dict[str, Any]]) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            wording.value(choice, ("none", "auto", "required"), "tool_choice")
        if choice == "required" and not tools:
            refuse("Tool choice 'required' must be specified with 'tools' parameter.", param="tool_choice")
        return
    kind = choice.get("type")
    if kind not in fields.CHOICES and kind not in fields.TOOLS:
        wording.value(
            kind, (*fields.CHOICES, *(name for name in fields.TOOLS if name not in fields.CHOICES)), "tool_choice.type"
        )
    wording.only("tool_choice", choice, fields.CHOICES.get(kind, {"type"}))
    wanted = choice.get("tools") if kind == "allowed_tools" else [choice]
    if kind == "allowed_tools" and choice.get("mode") not in ("auto", "required"):
        wording.value(choice.get("mode"), ("auto", "required"), "tool_choice.mode")
    for tool in wanted or ():
        _found(tool, tools)


def _found(wanted: dict[str, Any], tools: list[dict[str, Any]]) -> None:
    """Refuse a choice of what is not offered."""
    kind, name = wanted.get("type"), wanted.get("name")
    if kind in ("function", "custom") and name is None:
        wording.missing("tool_choice.name")
    inner = [one for tool in tools for one in (*(tool.get("tools") or ()), tool)]
    if not any(tool.get("type") == kind and (name is None or tool.get("name", name) == name) for tool in inner):
        _absent(str(name or kind))


def _absent(name: str) -> NoReturn:
    refuse(f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
