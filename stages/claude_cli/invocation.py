"""How the CLI is started for one prompt: its arguments and its environment.  Nothing a caller wrote is among them.

    no tools     --tools= and no reading of files that a prompt mentions
    tools        those of the operator's list, in the operator's directory; anything else is denied, nobody is asked
    always       --restricted: permissions are never bypassed; --safe-mode, --setting-sources=: no hooks, plugins,
                 instructions or settings of the user's; --permission-mode=dontAsk

The CLI gets an environment of its own: what it needs to find its login and the network, and what the operator gives.
Ours may hold keys of other upstreams, and an ANTHROPIC_BASE_URL that leads back here.
"""

import re
from collections.abc import Mapping

from pipeline.secret import Secret
from stages.claude_cli.settings import Settings
from stages.dialects.claude_cli.prompt import EFFORTS, Asked
from transports.messages import Headers, find

# What goes on of our own environment: where things are, and how the network is reached.
_KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|TERM|XDG_\w+|CLAUDE_CONFIG_DIR"
    r"|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|DBUS_SESSION_BUS_ADDRESS",
    re.IGNORECASE,
)
OURS = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_RETRIES": "0",  # who is asked next, and when, is the gateway's affair
}
ALWAYS = (
    "--print", "--input-format=stream-json", "--output-format=stream-json", "--verbose", "--include-partial-messages",
    "--permission-mode=dontAsk", "--restricted", "--safe-mode", "--strict-mcp-config", "--disable-slash-commands",
    "--setting-sources=",
)  # fmt: skip
NO_TOOLS = ("--tools=", "--disallowedTools=Read(//**)")


def arguments(settings: Settings, asked: Asked, session: tuple[str, ...]) -> tuple[str, ...]:
    """The command line for *asked*; *session*: the options that tell of one."""
    return (*settings.command, *ALWAYS, f"--model={asked.model}", *tools(settings), *thinking(asked), *session)


def tools(settings: Settings) -> tuple[str, ...]:
    """The options about tools."""
    if not settings.tools:
        return NO_TOOLS
    names = dict.fromkeys(tool.partition("(")[0] for tool in settings.tools)
    return f"--tools={','.join(names)}", f"--allowedTools={','.join(settings.tools)}"


def thinking(asked: Asked) -> tuple[str, ...]:
    """The options about thinking: newer models go by the effort, older ones by the rest."""
    said = asked.thinking
    options = [f"--effort={asked.effort}"] if asked.effort in EFFORTS else []
    if said.get("type") == "disabled":
        options.append("--thinking=disabled")
    elif isinstance(said.get("budget_tokens"), int):
        options.append(f"--max-thinking-tokens={said['budget_tokens']}")
    # Left alone the CLI asks for thoughts as its own screen shows them; "omitted" is the API's other word.
    options.append(f"--thinking-display={'omitted' if said.get('display') == 'omitted' else 'summarized'}")
    return tuple(options)


def environment(
    settings: Settings, ours: Mapping[str, str], fields: Headers, max_tokens: int | None = None
) -> dict[str, str]:
    """The environment of the CLI.  *ours*: the gateway's own; *fields*: of the call, where a key of the API may be."""
    made = {name: value for name, value in ours.items() if _KEPT.fullmatch(name)} | OURS
    if key := find(fields, b"x-api-key"):
        made["ANTHROPIC_API_KEY"] = key
    for name, value in settings.environment.items():
        made[name] = value.reveal() if isinstance(value, Secret) else value
    if max_tokens is not None:
        made["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(max_tokens)
    return made
