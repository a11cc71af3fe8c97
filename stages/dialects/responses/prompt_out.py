"""The Messages shape → a Responses prompt, field by field; the conversation is in ``turns_out``.

Fields that are Chat's under other names go the way they go there (``fields``).  Always ``store: false``: a gateway's
conversations are nobody's to keep, and every turn brings the whole of it, reasoning included, encrypted.  Stop sequences
this API has none of; whoever runs the reply enforces them (``LACKS``).
"""

from hashlib import sha256
from typing import Any

import attrs

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Prompt, spell
from stages.dialects.chat.families import Family, family
from stages.dialects.chat.prompt_out import from_messages as to_chat
from stages.dialects.responses.fields import Fields, as_responses
from stages.dialects.responses.turns_out import Conversation
from stages.dialects.shape import mapping, name, objects, sequence, text

LACKS = frozenset({"stop_sequences"})  # what the gateway itself must see to, on the reply

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
    conversation = Conversation(prompt, ways, model)
    conversation.read(body)
    served, own = _split(body, prompt)
    chosen = mapping(body.get("tool_choice") or {}, ("tool_choice",))
    choice = next((tool for tool, path, known in served if known == chosen.get("name")), None) if served else None
    made = as_responses(to_chat(_without(body, own, choice), prompt, ways))
    made["input"] = conversation.items
    tools = made.get("tools", []) + [tool for tool, _, _ in served]
    if tools:
        made["tools"] = tools
    if choice is not None and chosen.get("type") == "tool":
        made["tool_choice"] = {"type": choice["type"]}
    _think(body, made, ways)
    if made.get("max_output_tokens", LEAST) < LEAST:
        made["max_output_tokens"] = LEAST
        prompt.record("approximated", ("max_tokens",), f"the API takes no limit below {LEAST}")
    if sequence(body.get("stop_sequences") or [], ("stop_sequences",)):
        why = "the API has no stop sequences: the gateway cuts the reply"
        prompt.record("approximated", ("stop_sequences",), why)
    _caching(body, made, conversation)
    return made | {"store": False}


def _ways(ways: Family) -> Family:
    """What a model takes here, where Chat's names for it differ; effort and tools go together in this API."""
    return attrs.evolve(
        ways,
        limit="max_completion_tokens",
        effort_with_tools=True,
        caller="safety_identifier",
        top_k=False,
        strict=True,
    )


def _without(body: Fields, own: list[Fields], choice: Fields | None) -> Fields:
    """*body* for Chat: without what is told here."""
    left = {key: value for key, value in body.items() if key not in {"system", "stop_sequences", "mcp_servers"}}
    left["messages"] = _STAND_IN
    left["tools"] = own
    if choice is not None or not own:
        left.pop("tool_choice", None)
    return left


def _split(body: Fields, prompt: Prompt) -> tuple[list[tuple[Fields, Path, str]], list[Fields]]:
    """Tools that the server runs, with path and name, in this API's form; and those that the client runs, as they are."""
    served: list[tuple[Fields, Path, str]] = []
    own: list[Fields] = []
    for path, tool in objects(body.get("tools") or [], ("tools",)):
        kind = str(tool.get("type") or "custom")
        if kind.startswith(_SEARCH):
            served.append((_search(tool, path, prompt), path, str(tool.get("name"))))
        elif kind.startswith(_CODE):
            made = {"type": "code_interpreter", "container": {"type": "auto"}}
            prompt.record("approximated", path, "code runs in another kind of container", lossy=True)
            served.append((made, path, str(tool.get("name"))))
        elif kind == "mcp_toolset":
            continue  # of a server that mcp_servers names
        else:
            own.append(tool)
    for path, server in objects(body.get("mcp_servers") or [], ("mcp_servers",)):
        served.append((_server(server, path), path, ""))
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


def _think(body: Fields, made: Fields, ways: Family) -> None:
    """A summary of what the model thinks, if it is to be shown; and the reasoning itself, for the next turn."""
    thinking = mapping(body.get("thinking") or {}, ("thinking",))
    reasons = ways.efforts is None or bool(ways.efforts)
    if reasons and thinking.get("type") in {"adaptive", "enabled"} and thinking.get("display") != "omitted":
        made.setdefault("reasoning", {})["summary"] = "auto"
    if reasons:  # of others the API refuses to hear it
        made["include"] = ["reasoning.encrypted_content"]


def _caching(body: Fields, made: Fields, conversation: Conversation) -> None:
    """Marks of the client's instead of the API's own; turns of one conversation to where its prefix is cached."""
    if conversation.marked:
        made["prompt_cache_options"] = {"mode": "explicit"}
    meta = mapping(body.get("metadata") or {}, ("metadata",))
    user: Any = meta.get("user_id")
    if isinstance(user, str) and user:  # Claude Code's has its session in it
        made["prompt_cache_key"] = sha256(user.encode("utf-8", "surrogatepass")).hexdigest()[:32]
