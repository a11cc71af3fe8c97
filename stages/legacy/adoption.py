"""Adoption: whose settings there are, and what they say as a pipeline.toml.

    pipeline.toml, or a --config of ours      wins: nothing else counts
    --legacy NAME                             that system's, whatever identifies it
    a variable, a flag or a file that only one system has
    nothing of the kind                       nothing: OPENAI_API_KEY, PORT or DATABASE_URL may be anyone's

Two systems at once are an error: somebody has to say which.
"""

from collections.abc import Iterator

from pipeline.layers import Adopted, Asked
from pipeline.problems import ConfigError, unknown
from stages.legacy import claude_proxy_toml
from stages.legacy.anthropic_proxy_rs import SYSTEM as ANTHROPIC_PROXY_RS
from stages.legacy.claude_max_api_proxy_rs import SYSTEM as CLAUDE_MAX_API_PROXY_RS
from stages.legacy.claude_proxy import SYSTEM as CLAUDE_PROXY
from stages.legacy.claude_proxy_rs import SYSTEM as CLAUDE_PROXY_RS
from stages.legacy.draft import Draft
from stages.legacy.files import Files
from stages.legacy.system import System
from stages.legacy.variables import Variables

SYSTEMS = (CLAUDE_PROXY_RS, ANTHROPIC_PROXY_RS, CLAUDE_MAX_API_PROXY_RS, claude_proxy_toml.SYSTEM, CLAUDE_PROXY)
NONE = "none"  # --legacy none: nobody's settings count but ours
SHARED = ("CLAUDE_PROXY_PORT", "CLAUDE_PROXY_HOST")  # of two systems: they identify neither
MIGRATE = "python -m pipeline migrate writes a pipeline.toml of it"


def adopt(asked: Asked) -> Adopted | None:
    """What the settings of another system say, where there are some.  Raises ConfigError."""
    wished = asked.flags.get("--legacy")
    theirs = claude_proxy_toml.owns(asked.toml)
    if asked.ours and not theirs:
        return overruled(asked)
    if wished == NONE:
        return None
    files = Files.found(asked, toml=theirs)
    found = dict(identified(asked, files))
    if wished is not None:
        system, by = named(wished), "--legacy"
    elif len(found) == 1:
        system, by = next(iter(found.items()))
    elif found:
        told = " and ".join(f"{system.name} (by {by})" for system, by in found.items())
        raise ConfigError([f"there are settings of {told}: say whose count, --legacy NAME, or --legacy {NONE}"])
    else:
        return shared(asked)
    return written(system, by, asked, files)


def written(system: System, by: str, asked: Asked, files: Files) -> Adopted:
    """What *system*'s settings say."""
    draft = Draft(system.name, variables(system, asked, files), asked.flags)
    if system is claude_proxy_toml.SYSTEM:
        draft.file, draft.file_name = files.toml, files.toml_name
    system.write(draft)
    for flag in asked.flags:
        if flag != "--legacy" and flag not in system.flags:
            draft.leave(flag, f"is no flag of {system.name}")
    return Adopted(
        known=f"settings of {system.name} ({system.about}), known by {by}; {MIGRATE}",
        tree=draft.tree,
        places=draft.places,
        became=draft.became,
        left=tuple(draft.left),
        environ=files.dotenv,
        files=(draft.file_name, files.dotenv_name),
    )


def named(name: str) -> System:
    """The system that --legacy calls *name*.  Raises ConfigError."""
    wanted = name.lower().replace("_", "-")
    for system in SYSTEMS:
        if system.name == wanted:
            return system
    known = [*(system.name for system in SYSTEMS), NONE]
    raise ConfigError([f"command line: --legacy: {unknown(wanted, known, 'system')}"])


# -- what identifies --------------------------------------------------------------------------------------------------


def identified(asked: Asked, files: Files) -> Iterator[tuple[System, str]]:
    """The systems that something of their own identifies, and what."""
    for system in SYSTEMS:
        held = variables(system, asked, files)
        flag = next((flag for flag in system.flags if flag in asked.flags), None)
        mark = held.first(*system.marks)
        log = held.find("RUST_LOG") if system.crate else None
        if flag is not None:
            yield system, flag
        elif mark is not None:
            yield system, f"{mark[1].name} ({mark[1].source})"
        elif log is not None and system.crate in log[0]:
            yield system, f"{log[1].name}, which names {system.crate} ({log[1].source})"
        elif system is claude_proxy_toml.SYSTEM and files.toml_name:
            yield system, files.toml_name


def variables(system: System, asked: Asked, files: Files) -> Variables:
    """All variables there are, as *system* reads them."""
    sources = (("environment", asked.environ), (asked.dotenv_file, asked.dotenv), (files.dotenv_name, files.dotenv))
    return Variables(sources, folded=system.folded)


# -- what is said where none counts -----------------------------------------------------------------------------------


def overruled(asked: Asked) -> Adopted | None:
    """What is said of flags for other systems' settings where ours are there."""
    left = tuple(f"{flag} – counts for nothing: {asked.ours} is there" for flag in asked.flags)
    return Adopted(known=f"{asked.ours} is there, and wins over settings of other systems", left=left) if left else None


def shared(asked: Asked) -> Adopted | None:
    """What is said of variables that identify nobody, and look as if they were meant."""
    there = [name for name in SHARED if name in asked.environ or name in asked.dotenv]
    if not there:
        return None
    text = f"{' and '.join(there)}: of two systems, so that none is known by it; say --legacy"
    return Adopted(known=f"{text} {CLAUDE_PROXY_RS.name} or {CLAUDE_PROXY.name} if it is meant")
