"""A Responses prompt → the Messages shape, field by field; the conversation is in ``turns_in``, tools in ``tools_in``.

Fields that are Chat's under other names go the way they go there (``fields``).  What is this API's alone is read here,
dropped with a word about it, or refused; the tables say which.  What refers to anything that a server would have to
remember is refused: nothing is kept here, and ``store`` is answered false.
"""

from typing import Any

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.chat.beyond import BEYOND, KIN, split
from stages.dialects.chat.prompt_in import fields as from_chat
from stages.dialects.responses.errors import NotStored
from stages.dialects.responses.fields import SAME, Fields, as_chat, named
from stages.dialects.responses.tools_in import SEARCH, Called, choice, in_chat, served
from stages.dialects.responses.turns_in import Turns
from stages.dialects.shape import flag, mapping, name, text
from stages.dialects.wording import worded

_READ = SAME | {
    "input", "instructions", "tools", "tool_choice", "max_output_tokens", "reasoning", "text", "include", "store",
    "background", "previous_response_id", "conversation", "prompt",
}  # fmt: skip

_KEPT = ("previous_response_id", "conversation", "prompt")  # what a server would have to remember

# Dropped: why, and whether something that was asked for is gone.
_DROPPED: dict[str, tuple[str, bool]] = {
    "stream_options": ("usage is always told, and nothing is obfuscated", False),
    "client_metadata": ("told to the API itself", False),
    "truncation": ("what is too long is refused, not cut", False),
    "max_tool_calls": ("a server's own tools can't be counted here", True),
    "context_management": ("the conversation is sent as it is", True),
    "access_programs": ("no equivalent", True),
    "image": ("no equivalent", True),
}
_NOTHING: tuple[Any, ...] = (None, False, "disabled", {}, [])  # values that ask for nothing


def to_messages(body: Fields, prompt: Prompt, towards: str = "") -> Fields:
    """*body*, a Responses prompt, in the Messages shape; losses are recorded on *prompt*.

    *towards*: the upstream's dialect; for kin there is more than that shape holds, see Chat's ``beyond``.  Raises
    InvalidRequest where it is no such prompt (NotStored where it refers to what is not kept), Unsupported where there
    is no way to say what it says.
    """
    name(body.get("model"), ("model",))
    _refuse(body)
    body = _updated(body, prompt)
    called = Called(body)
    turns = Turns(prompt, called, detailed=towards in KIN)
    if body.get("instructions") is not None and text(body["instructions"], ("instructions",)).strip():
        turns.system.append({"type": "text", "text": body["instructions"]})
    turns.read(body.get("input"))
    hub = _fields(body, called, prompt, towards)
    hub["messages"] = turns.heard
    if system := turns.system + hub.get("system", []):
        hub["system"] = system
    _drop(body, prompt)
    return hub


def _refuse(body: Fields) -> None:
    """Refuse what would need a memory, or an answer at another time."""
    for key in _KEPT:
        if body.get(key) is not None:
            why = "responses are not kept here: send the whole conversation as input"
            told = f"{key}: {why}" if key != "previous_response_id" else f"Previous response not found: {why}"
            raise NotStored(told, param=key)
    if body.get("background") is not None and flag(body["background"], ("background",)):
        why = "responses are not kept here, so they can't be fetched later"
        raise Unsupported(f"background: {why}", param="background")


def _updated(body: Fields, prompt: Prompt) -> Fields:
    """*body* with what items of its input say of reasoning and text: the last word counts, for all of the answer."""
    items = body.get("input")
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict) or item.get("type") != "configuration_update":
            continue
        for key in ("reasoning", "text"):
            if item.get(key) is not None:
                more = mapping(item[key], ("input", number, key))
                body = {**body, key: {**mapping(body.get(key) or {}, (key,)), **more}}
                prompt.record("approximated", ("input", number), "it holds for the answer, not from here on")
    return body


def _fields(body: Fields, called: Called, prompt: Prompt, towards: str) -> Fields:
    """All but the conversation, by way of Chat."""
    searching = served(called, prompt, placed=towards in KIN) if _allows_search(body) else []
    chat = as_chat(body)
    if tools := in_chat(called, prompt):
        chat["tools"] = tools
        chat["tool_choice"] = None if _forces_search(body, searching) else choice(body, called)
    reasoning = mapping(body.get("reasoning") or {}, ("reasoning",))
    shown = reasoning.get("summary") or reasoning.get("generate_summary")
    if shown not in (None, "auto"):
        field = "summary" if reasoning.get("summary") else "generate_summary"
        prompt.record("approximated", ("reasoning", field), "how much is told of thoughts is the upstream's affair")
    if shown and reasoning.get("effort") is None:
        chat["reasoning"] = {"enabled": True}  # who wants to see thoughts wants the model to think
    with worded(prompt, named([tool.path for tool in called.tools.values()])):
        beside, chat = split(chat, towards)
        hub = {"model": body["model"], **from_chat(chat, prompt)}
    if beside:
        hub[BEYOND] = beside
    if hub.get("thinking", {}).get("type") in {"adaptive", "enabled"}:
        hub["thinking"]["display"] = "summarized" if shown else "omitted"
    if searching:
        hub["tools"] = hub.get("tools", []) + searching
    if _forces_search(body, searching):
        hub["tool_choice"] = {"type": "tool", "name": SEARCH["name"]}
    return hub


def _allows_search(body: Fields) -> bool:
    """Whether nothing says that only other tools may be called."""
    chosen = body.get("tool_choice")
    if not isinstance(chosen, dict) or chosen.get("type") != "allowed_tools":
        return True
    allowed = chosen.get("tools")
    return any(str(tool.get("type")).startswith("web_search") for tool in allowed or () if isinstance(tool, dict))


def _forces_search(body: Fields, searching: list[Fields]) -> bool:
    chosen = body.get("tool_choice")
    return bool(searching) and isinstance(chosen, dict) and str(chosen.get("type")).startswith("web_search")


def _drop(body: Fields, prompt: Prompt) -> None:
    """Record what goes: fields that are known to have no equivalent, and fields that nobody knows."""
    for key, value in body.items():
        if key in _READ or value in _NOTHING:
            continue
        why, lossy = _DROPPED.get(key, ("not known of a Responses prompt", True))
        prompt.record("dropped", (key,), why, lossy=lossy)
