"""The Messages shape → a Responses prompt, field by field; the conversation is in ``turns_out``.

Fields that are Chat's under other names go the way they go there (``fields``).  ``store: false`` unless the client says
otherwise: a gateway's conversations are nobody's to keep, and every turn brings the whole of it, reasoning included,
encrypted.  This API has no stop sequences: they are noted (``STOPS``) for whoever runs the reply to enforce.
"""

import attrs

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Prompt, spell
from stages.dialects.chat.beyond import BEYOND, free, taken
from stages.dialects.chat.families import Family, family
from stages.dialects.chat.prompt_out import from_messages as to_chat
from stages.dialects.responses.fields import Fields, as_responses
from stages.dialects.responses.turns_out import Conversation
from stages.dialects.shape import mapping, name, objects, sequence, text
from stages.notes import STOPS

LEAST = 16  # tokens the API takes as a limit, at least

_SEARCH = ("web_search_",)
_CODE = "code_execution_"
_STAND_IN = [{"role": "user", "content": "."}]  # for the conversation, which goes its own way
_DOMAINS = 100  # that the search takes


def from_messages(body: Fields, prompt: Prompt, ways: Family | None = None) -> Fields:
    """*body*, in the Messages shape, as a Responses prompt; losses are recorded on *prompt*.

    *ways*: what the model takes, if its name does not tell.  Raises InvalidRequest where *body* is not in that shape,
    Unsupported where there is no way to say what it says.
    """
    model = name(body.get("model"), ("model",))
    ways = _ways(ways or family(model))
    beside = taken(mapping(body.pop(BEYOND, {}), (BEYOND,)), prompt)
    conversation = Conversation(prompt, ways, model, free(beside))
    conversation.read(body)
    served, own = _split(body, prompt)
    made = as_responses(to_chat(_without(body, own, served), prompt, ways) | beside)
    made["input"] = conversation.items
    if tools := made.get("tools", []) + list(served.values()):
        made["tools"] = tools
        made |= _choice(body, own, served)
    _think(body, made, ways, prompt)
    if made.get("max_output_tokens", LEAST) < LEAST:
        made["max_output_tokens"] = LEAST
        prompt.record("approximated", ("max_tokens",), f"the API takes no limit below {LEAST}")
    _stops(body, prompt)
    if conversation.marked:  # the client's marks instead of the API's own
        made.setdefault("prompt_cache_options", {"mode": "explicit"})
    return made


def _ways(ways: Family) -> Family:
    """What a model takes here, where Chat's names for it differ; effort and tools go together in this API."""
    return attrs.evolve(
        ways,
        limit="max_completion_tokens",
        effort_with_tools=True,
        caller="safety_identifier",
        quiet=None,
        top_k=False,
        strict=True,
    )


def _without(body: Fields, own: list[Fields], served: dict[str, Fields]) -> Fields:
    """*body* for Chat: without what is told here."""
    left = {key: value for key, value in body.items() if key not in {"system", "stop_sequences", "mcp_servers"}}
    if _choice(body, own, served):
        left.pop("tool_choice", None)
    return left | {"messages": _STAND_IN, "tools": own}


def _choice(body: Fields, own: list[Fields], served: dict[str, Fields]) -> Fields:
    """The choice, where it is among tools that the server runs."""
    chosen = mapping(body.get("tool_choice") or {}, ("tool_choice",))
    if chosen.get("type") == "tool" and str(chosen.get("name")) in served:
        only = [{"type": served[chosen["name"]]["type"]}]
        return {"tool_choice": {"type": "allowed_tools", "mode": "required", "tools": only}}
    word = {"auto": "auto", "any": "required", "none": "none"}.get(str(chosen.get("type")))
    return {"tool_choice": word} if word is not None and served and not own else {}


def _split(body: Fields, prompt: Prompt) -> tuple[dict[str, Fields], list[Fields]]:
    """Tools that the server runs, by name, in this API's form; and those that the client runs, as they are."""
    served: dict[str, Fields] = {}
    own: list[Fields] = []
    for path, tool in objects(body.get("tools") or [], ("tools",)):
        kind = str(tool.get("type") or "custom")
        if kind.startswith(_SEARCH):
            served[str(tool.get("name"))] = _search(tool, path, prompt)
        elif kind.startswith(_CODE):
            prompt.record("approximated", path, "code runs in another kind of container", lossy=True)
            served[str(tool.get("name"))] = {"type": "code_interpreter", "container": {"type": "auto"}}
        elif kind != "mcp_toolset":  # of a server that mcp_servers names
            own.append(tool)
    for path, server in objects(body.get("mcp_servers") or [], ("mcp_servers",)):
        served[f"mcp {server.get('name')}"] = _server(server, path)
        prompt.record("approximated", path, "another API calls its tools")
    return served, own


def _search(tool: Fields, path: Path, prompt: Prompt) -> Fields:
    made: Fields = {"type": "web_search"}
    allowed = sequence(tool.get("allowed_domains") or [], (*path, "allowed_domains"))
    if allowed:
        made["filters"] = {"allowed_domains": [text(one, (*path, "allowed_domains")) for one in allowed][:_DOMAINS]}
    if isinstance(tool.get("user_location"), dict):
        made["user_location"] = {**tool["user_location"], "type": "approximate"}
    if tool.get("blocked_domains"):
        where = spell((*path, "blocked_domains"))
        raise Unsupported(f"{where}: this upstream's search can't leave pages out", param=where)
    if tool.get("max_uses") is not None:
        prompt.record("dropped", (*path, "max_uses"), "searches can't be counted here", lossy=True)
    return made


def _server(server: Fields, path: Path) -> Fields:
    """A server of tools that the API itself calls."""
    made: Fields = {
        "type": "mcp",
        "server_label": name(server.get("name"), (*path, "name")),
        "server_url": name(server.get("url"), (*path, "url")),
        "require_approval": "never",  # as with the other API: there is nobody to ask
    }
    if server.get("authorization_token") is not None:
        made["authorization"] = text(server["authorization_token"], (*path, "authorization_token"))
    config = mapping(server.get("tool_configuration") or {}, (*path, "tool_configuration"))
    if config.get("allowed_tools") is not None:
        made["allowed_tools"] = config["allowed_tools"]
    return made


def _think(body: Fields, made: Fields, ways: Family, prompt: Prompt) -> None:
    """A summary of what the model thinks, if it is to be shown; and the reasoning itself, for the next turn."""
    thinking = mapping(body.get("thinking") or {}, ("thinking",))
    reasons = ways.efforts is None or bool(ways.efforts)
    if reasons and thinking.get("type") in ("adaptive", "enabled") and thinking.get("display") != "omitted":
        made.setdefault("reasoning", {})["summary"] = "auto"
    elif thinking.get("display") == "omitted":
        prompt.record("approximated", ("thinking", "display"), "no summary is asked for, so there is none")
    if reasons:  # of others the API refuses to hear it
        made["include"] = [*made.get("include", ()), "reasoning.encrypted_content"]


def _stops(body: Fields, prompt: Prompt) -> None:
    """Where the reply must end is left for the gateway to see to."""
    given = sequence(body.get("stop_sequences") or [], ("stop_sequences",))
    if given:
        prompt.notes.note(STOPS, tuple(text(one, ("stop_sequences", n)) for n, one in enumerate(given)))
        prompt.record("dropped", ("stop_sequences",), "the API has none: the gateway ends the reply there")
