"""What the Messages API refuses, in its own words: fields, models, tools and thinking.

    body ─▶ fields ─▶ model ─▶ sampling ─▶ thinking ─▶ tools ─▶ (anthropic_turns: blocks, order, markers, signatures)

Each rule is a function that returns or raises Refused; the first that raises is what the client is told.  The rules
are those of a gateway's worries, not all there are: what is not listed is taken.  Wording matters, because clients
act on it (they drop a field, compact, or start anew); it is the vendor's, as its users report it.
"""

import re
from typing import Any, NoReturn

import attrs

from stages.simulated import anthropic_schema, families
from stages.simulated.families import Claude
from stages.simulated.refusal import Refused

SECOND = "2026-10-21"  # the version that takes no sampling any more
VERSIONS = ("2023-06-01", SECOND)
FIELDS = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "system",
        "stop_sequences",
        "stream",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
        "metadata",
        "service_tier",
        "speed",
        "inference_geo",
        "container",
        "diagnostics",
    ]
)
SAMPLING = {"temperature": 1, "top_p": 0.99, "top_k": None}  # and the value that says nothing
BETA_FIELDS = {  # taken only together with a beta whose name begins so
    "context_management": ("context-management-", "compact-"),
    "mcp_servers": ("mcp-client-",),
    "fallbacks": ("server-side-fallback-",),
    "fallback_credit_token": ("fallback-credit-",),
    "thread": ("message-threads-",),
    "compaction": ("compact-",),
    "safeguards": ("dangerous-tool-use-",),
    "output_format": ("structured-outputs-",),
    "billing_policy": ("billing-",),
}
TOOL_FIELDS = frozenset(
    [
        "name",
        "description",
        "input_schema",
        "type",
        "cache_control",
        "strict",
        "defer_loading",
        "eager_input_streaming",
        "input_examples",
        "allowed_callers",
    ]
)
NESTED: dict[str, dict[str, tuple[str, ...]]] = {  # fields of objects; those of a beta with how its name begins
    "thinking.enabled": {"type": (), "budget_tokens": (), "display": (), "block_binding": ("thinking-binding-",)},
    "thinking.adaptive": {"type": (), "display": (), "block_binding": ("thinking-binding-",)},
    "thinking.disabled": {"type": ()},
    "thinking.between_tools": {"type": ()},
    "output_config": {"effort": (), "format": (), "task_budget": ("task-budgets-",)},
    "tool_choice.auto": {"type": (), "disable_parallel_tool_use": ()},
    "tool_choice.any": {"type": (), "disable_parallel_tool_use": ()},
    "tool_choice.tool": {"type": (), "disable_parallel_tool_use": (), "name": ()},
    "tool_choice.none": {"type": ()},
}
SHOWN = ("summarized", "omitted")  # how thinking may be displayed
QUIET = ("low", "medium", "high")  # efforts beside which a model that can be told not to think is told so
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


@attrs.frozen(kw_only=True)
class Terms:
    """Under which a request comes: its headers' part, and its model's."""

    version: str
    betas: tuple[str, ...]
    model: Claude
    counting: bool = False  # count_tokens: no max_tokens, no stream

    def beta(self, *starts: str) -> bool:
        """Whether a beta with one of these beginnings was sent."""
        return any(beta.startswith(starts) for beta in self.betas)


def refuse(message: str) -> NoReturn:
    """Answer 400 with *message*."""
    raise Refused(400, message)


def extra(path: str) -> NoReturn:
    """Answer that there is no such field."""
    refuse(f"{path}: Extra inputs are not permitted")


def check(body: Any, terms: Terms) -> None:
    """Raise Refused if *body* is not what the API takes under *terms*."""
    for rule in (_required, _fields, _model, _sampling, _effort, _thinking, _nested, _budget, _form, _tools, _choice):
        rule(body, terms)


# -- fields -----------------------------------------------------------------------------------------------------------


def _required(body: Any, terms: Terms) -> None:
    if not terms.version:
        refuse("anthropic-version: header is required")
    if terms.version not in VERSIONS:
        refuse(f'anthropic-version: "{terms.version}" is not a valid version')
    if not isinstance(body, dict):
        refuse("Input should be a valid dictionary")
    for name, kind in (("model", str), ("messages", list), ("max_tokens", int)):
        if name not in body and not (terms.counting and name == "max_tokens"):
            refuse(f"{name}: Field required")
        if not isinstance(body.get(name), kind | None):
            refuse(f"{name}: Input should be a valid { {str: 'string', list: 'list', int: 'integer'}[kind] }")
    if not body["messages"]:
        refuse("messages: at least one message is required")


def _fields(body: dict[str, Any], terms: Terms) -> None:
    for name in body:
        if name in FIELDS or name in SAMPLING:
            if terms.counting and name in ("max_tokens", "stream", "stop_sequences", "metadata"):
                extra(name)
        elif not (name in BETA_FIELDS and terms.beta(*BETA_FIELDS[name])):
            extra(name)
    for name in body.get("metadata") or ():
        if name != "user_id":
            extra(f"metadata.{name}")
    if any(not stop.strip() for stop in body.get("stop_sequences") or ()):
        refuse("stop_sequences: each stop sequence must contain non-whitespace")


def _nested(body: dict[str, Any], terms: Terms) -> None:
    """Objects have no other fields either; under which name they are told depends on their type."""
    for name in ("thinking", "output_config", "tool_choice"):
        given = body.get(name)
        if given is None:
            continue
        where = name if name == "output_config" else f"{name}.{given.get('type')}"
        for field in given:
            betas = NESTED.get(where, {field: ()}).get(field)
            if betas is None or (betas and not terms.beta(*betas)):
                extra(f"{where}.{field}")
    thinking = body.get("thinking") or {}
    if thinking.get("display") not in (None, *SHOWN) and not terms.beta("thinking-display-"):
        refuse(f"thinking.{thinking.get('type')}.display: Input should be 'summarized' or 'omitted'")


def _model(body: dict[str, Any], terms: Terms) -> None:
    asked = body.get("max_tokens")
    if asked is None:
        return
    if asked < 0:
        refuse("max_tokens: Input should be greater than or equal to 0")
    if asked == 0:
        _only_caching(body)
    if asked > terms.model.output:
        refuse(
            f"max_tokens: {asked} > {terms.model.output}, which is the maximum allowed number of output tokens for "
            f"{body['model']}"
        )


def _only_caching(body: dict[str, Any]) -> None:
    """Without tokens a request only fills the cache: what is about its answer makes no sense."""
    for there, what in (
        (body.get("stream"), "`stream` is true"),
        ((body.get("thinking") or {}).get("type") in (families.ADAPTIVE, families.BUDGET), "`thinking` is enabled"),
        ((body.get("output_config") or {}).get("format"), "`output_config.format` is set"),
        ((body.get("tool_choice") or {}).get("type") in ("any", "tool"), "`tool_choice` forces tool use"),
    ):
        if there:
            refuse(f"max_tokens: must be greater than 0 when {what}")


def _sampling(body: dict[str, Any], terms: Terms) -> None:
    for name, neutral in SAMPLING.items():
        if name not in body:
            continue
        if terms.version == SECOND or terms.counting:
            extra(name)
        if terms.model.sampling == "none" or (terms.model.sampling == "default" and body[name] not in (1, neutral)):
            refuse(f"`{name}` is deprecated for this model.")
        if (body.get("thinking") or {}).get("type") in (families.ADAPTIVE, families.BUDGET):
            _with_thinking(name, body[name])


def _with_thinking(name: str, value: Any) -> None:
    if name == "temperature" and value != 1:
        refuse("`temperature` may only be set to 1 when thinking is enabled.")
    if name == "top_k" and value is not None:
        refuse("`top_k` must be unset when thinking is enabled.")
    if name == "top_p" and value < 0.95:
        refuse("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")


# -- thinking ---------------------------------------------------------------------------------------------------------


def _effort(body: dict[str, Any], terms: Terms) -> None:
    effort = (body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    if effort not in families.LEVELS:
        refuse(f"output_config.effort: Input should be {', '.join(map(repr, families.LEVELS))}")
    if not terms.model.efforts:
        refuse("This model does not support the effort parameter.")
    if effort not in terms.model.efforts:
        levels = ", ".join(sorted(terms.model.efforts))
        refuse(f"This model does not support effort level '{effort}'. Supported levels: {levels}.")


def _thinking(body: dict[str, Any], terms: Terms) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind, taken = thinking.get("type"), terms.model.thinking
    if kind in taken:
        effort = (body.get("output_config") or {}).get("effort")
        if kind in (families.OFF, families.BETWEEN) and terms.model.quiet and effort not in (None, *QUIET):
            # That it is refused is documented, the words are not.
            refuse(f"\"thinking.type.{kind}\" is not supported with effort level '{effort}' on this model.")
        return
    if kind == families.BUDGET:
        refuse(
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    if kind == families.ADAPTIVE:
        refuse("adaptive thinking is not supported on this model")
    if kind == families.OFF and families.BETWEEN in taken:
        refuse(
            'To turn thinking off on this model, send "thinking": {"type": "between_tools"} instead of '
            '{"type": "disabled"}.'
        )
    if kind in (families.OFF, families.BETWEEN):
        refuse(f'"thinking.type.{kind}" is not supported for this model.')
    refuse(
        f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags: 'enabled', "
        "'disabled', 'adaptive', 'between_tools'"
    )


def _budget(body: dict[str, Any], terms: Terms) -> None:
    thinking = body.get("thinking") or {}
    kind, budget = thinking.get("type"), thinking.get("budget_tokens")
    if kind != families.BUDGET:
        return
    if budget is None:
        refuse("thinking.enabled.budget_tokens: Field required")
    if budget < 1024:
        refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if not terms.counting and budget >= body["max_tokens"] and not terms.beta("interleaved-thinking-"):
        refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _form(body: dict[str, Any], _terms: Terms) -> None:
    form = (body.get("output_config") or {}).get("format")
    if form is None:
        return
    if form.get("type") != "json_schema":
        refuse("output_config.format.type: Input should be 'json_schema'")
    if not isinstance(form.get("schema"), dict):
        refuse("output_config.format.schema: Field required")
    if wrong := anthropic_schema.fault(form["schema"]):
        refuse(f"output_config.format.schema: {wrong}")


# -- tools ------------------------------------------------------------------------------------------------------------


def _tools(body: dict[str, Any], terms: Terms) -> None:
    names: set[str] = set()
    for n, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") not in (None, "custom"):
            continue  # the vendor's own tools have rules of their own
        if "name" not in tool:
            refuse(f"tools.{n}.custom.name: Field required")
        if not NAME.match(str(tool["name"])):
            refuse(f"tools.{n}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if tool["name"] in names:
            refuse("tools: Tool names must be unique.")
        names.add(tool["name"])
        _tool(n, tool)


def _tool(n: int, tool: dict[str, Any]) -> None:
    for name in tool:
        if name not in TOOL_FIELDS:
            extra(f"tools.{n}.custom.{name}")
    if not isinstance(tool.get("input_schema"), dict):
        refuse(f"tools.{n}.custom.input_schema: Field required")
    if tool["input_schema"].get("type") != "object":
        refuse(f"tools.{n}.custom.input_schema.type: Input should be 'object'")
    if tool.get("strict") and (wrong := anthropic_schema.fault(tool["input_schema"])):
        refuse(f"tools.{n}.custom: {wrong}")


def _choice(body: dict[str, Any], terms: Terms) -> None:
    choice = body.get("tool_choice") or {}
    kind = choice.get("type")
    if kind is None:
        return
    if kind not in ("auto", "any", "tool", "none"):
        refuse(
            f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the expected tags: 'auto', "
            "'any', 'tool', 'none'"
        )
    if kind in ("auto", "none"):
        return
    if not terms.model.forced:
        refuse('tool_choice: type "tool" and "any" are not supported for this model.')
    if (body.get("thinking") or {}).get("type") == families.BUDGET:
        refuse("Thinking may not be enabled when tool_choice forces tool use.")
    if kind == "tool" and choice.get("name") not in [tool.get("name") for tool in body.get("tools") or ()]:
        refuse(f"Tool '{choice.get('name')}' not found in provided tools")
