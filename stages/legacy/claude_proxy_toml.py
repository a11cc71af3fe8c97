"""claude-proxy (sjalq): Claude's clients before a provider that a TOML file, or ``--provider``, names.

    port = 4222
    [provider]
    name = "openai"
    [models]
    "claude-sonnet-4-5" = "gpt-5"

It listened on every address and let everyone in; here it is this machine's alone until there are keys.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.layers import Place
from pipeline.problems import Path
from stages.legacy.draft import CORS, OPEN, Draft
from stages.legacy.system import System
from stages.presets import reading as presets

DIALECTS = {"openai": "chat", "anthropic": "anthropic"}
NAMES = {"grok": "xai"}  # presets that have another name here
KNOWN = {
    "": {"port", "provider", "models", "params"},
    "provider": {"name", "base_url", "api_key_env", "format", "api_key"},
    "params": {"drop"},
}


def write(draft: Draft) -> None:
    """Write what it was configured to do."""
    place = at(draft, "port")
    draft.put(("server", "port"), draft.file.get("port", 4222), place if "port" in draft.file else None)
    provider(draft)
    models(draft)
    for key in unknown(draft.file):
        draft.leave(key, "is no setting of it that is known")
    draft.leave("its address", OPEN)
    draft.leave("its CORS", CORS)


def provider(draft: Draft) -> None:
    """Put its one upstream.  A flag's provider brings its own key's variable; the file's address survives it."""
    said = table(draft.file, "provider")
    flag = draft.flags.get("--provider")
    named, place = (flag, Place("command line", "--provider")) if flag else (said.get("name"), at(draft, "name"))
    name = NAMES.get(str(named).lower(), str(named).lower())
    path: Path = ("upstreams", name)
    preset = presets.read(name) if name in presets.names() else {}
    form = None if flag else said.get("format")
    dialect = DIALECTS.get(str(form).lower(), form) if form is not None else preset.get("dialect", "chat")
    if dialect == preset.get("dialect") or flag:
        draft.put((*path, "preset"), name, place)
    else:
        draft.put((*path, "dialect"), dialect, at(draft, "format") if form else None)
    if "base_url" in said:
        draft.put((*path, "url"), said["base_url"], at(draft, "base_url"))
    elif (*path, "preset") not in draft.places:
        draft.put((*path, "url"), preset.get("url", ""), place)
    if not flag:
        key(draft, path, said, preset)


def models(draft: Draft) -> None:
    """Put its names, whole ones, and what it was told to leave out, which it never did."""
    names, drop = draft.file.get("models", {}), table(draft.file, "params").get("drop", [])
    if not drop and names:
        draft.put(("model_map", "aliases"), names, at(draft, "models"))
    elif drop:  # of what rules send only: so the names are rules, too
        named = [{"match": name, "model": model, "drop": drop} for name, model in table(draft.file, "models").items()]
        draft.put(("model_map", "rules"), [*named, {"match": "*", "drop": drop}], at(draft, "params"))


def key(draft: Draft, path: Path, said: Mapping[str, Any], preset: Mapping[str, Any]) -> None:
    """Put its key: the text of the file, the variable it names, API_KEY; at last the one that *preset* names."""
    variable = said.get("api_key_env", "API_KEY")
    if "api_key" in said:
        draft.put((*path, "key"), said["api_key"], at(draft, "api_key"))
    elif "api_key_env" in said or draft.variables.find(variable) is not None or "key" not in preset:
        draft.put((*path, "key"), {"env": variable}, at(draft, "api_key_env") if "api_key_env" in said else None)
    elif (*path, "preset") not in draft.places:
        draft.put((*path, "key"), preset["key"])


def at(draft: Draft, key: str) -> Place:
    """Where *key* stands in its file."""
    return Place(draft.file_name, key if key in KNOWN[""] else f"provider.{key}")


def table(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The table *name*; an empty one for what is none."""
    found = tree.get(name, {})
    return found if isinstance(found, dict) else {}


def unknown(tree: Mapping[str, Any]) -> Iterator[str]:
    """The keys it does not have."""
    for name, keys in KNOWN.items():
        yield from (
            ".".join(filter(None, (name, key))) for key in (table(tree, name) if name else tree) if key not in keys
        )


def owns(tree: Mapping[str, Any]) -> bool:
    """Whether *tree* is a file of its: it names a provider, and nothing that only ours has."""
    return "name" in table(tree, "provider") and not {"server", "upstreams", "stages"} & set(tree)


SYSTEM = System(name="claude-proxy-toml", about="sjalq/claude-proxy", flags=("--provider",), write=write)
