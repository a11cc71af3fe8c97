"""Clients: what to paste into each, so that it talks to the gateway.

    address, key, model ──▶ "Claude Code": ANTHROPIC_BASE_URL=… claude

As observed with the versions in the tests, or as their documentation says (then *tried* is False).  Clients that append
``/v1`` themselves get the bare address, the others one with it: the difference is most of the trouble.
"""

from collections.abc import Callable
from pathlib import PurePath

import attrs


@attrs.frozen
class Address:
    """Where the gateway is, and with what it is asked."""

    url: str  # "http://127.0.0.1:4096", no trailing slash
    key: str = "any"
    model: str = "your-model"

    @property
    def v1(self) -> str:
        """For clients that append only the endpoint."""
        return f"{self.url}/v1"


@attrs.frozen
class Client:
    """A program that can be pointed here."""

    name: str
    settings: Callable[[Address], str]
    tried: bool = True  # run against this gateway in its tests
    at_start: bool = False  # shown when the gateway starts
    note: str = ""


def claude_code(address: Address) -> str:
    """A command; no /v1, the client appends it."""
    return f"ANTHROPIC_BASE_URL={address.url} ANTHROPIC_API_KEY={address.key} claude"


def cline(address: Address) -> str:
    """Fields of its settings."""
    return (
        f"API Provider: OpenAI Compatible · Base URL: {address.v1} · API Key: {address.key} · Model ID: {address.model}"
    )


def codex(address: Address) -> str:
    """``~/.codex/config.toml``; "responses" is the only wire_api it takes."""
    return (
        f'model = "{address.model}"\n'
        'model_provider = "gateway"\n'
        "[model_providers.gateway]\n"
        'name = "gateway"\n'
        f'base_url = "{address.v1}"\n'
        'env_key = "GATEWAY_KEY"      # export GATEWAY_KEY=' + address.key + "\n"
        'wire_api = "responses"'
    )


def openai_sdk(address: Address) -> str:
    """Python; the JavaScript SDK takes the same as baseURL and apiKey."""
    return f'OpenAI(base_url="{address.v1}", api_key="{address.key}")'


def anthropic_sdk(address: Address) -> str:
    """Python; no /v1, the SDK appends it."""
    return f'Anthropic(base_url="{address.url}", api_key="{address.key}")'


def curl(address: Address) -> str:
    """One request; the key as the OpenAI API has it."""
    body = f'{{"model":"{address.model}","messages":[{{"role":"user","content":"hello"}}]}}'
    return (
        f"curl {address.v1}/chat/completions -H 'authorization: Bearer {address.key}' "
        f"-H 'content-type: application/json' -d '{body}'"
    )


def continue_dev(address: Address) -> str:
    """An entry under ``models`` of ``~/.continue/config.yaml``."""
    return (
        f"- name: gateway\n  provider: openai\n  model: {address.model}\n"
        f"  apiBase: {address.v1}\n  apiKey: {address.key}"
    )


def claude_desktop(address: Address) -> str:
    """Its developer menu."""
    return (
        "Developer ▸ Configure Third-Party Inference · Inference provider: Gateway · "
        f"Gateway base URL: {address.url} · Gateway API key: {address.key}"
    )


def opencode(address: Address) -> str:
    """``opencode.json``; the package is bundled with it."""
    return (
        '{"provider": {"gateway": {"npm": "@ai-sdk/openai-compatible", '
        f'"options": {{"baseURL": "{address.v1}", "apiKey": "{address.key}"}}, '
        f'"models": {{"{address.model}": {{}}}}}}}}, "model": "gateway/{address.model}"}}'
    )


def aider(address: Address) -> str:
    """A command; the prefix openai/ chooses its client and is not sent."""
    return f"OPENAI_API_BASE={address.v1} OPENAI_API_KEY={address.key} aider --model openai/{address.model}"


CLIENTS = (
    Client("Claude Code", claude_code, at_start=True),
    Client("Cline", cline, at_start=True),
    Client("Codex", codex, at_start=True),
    Client("OpenAI SDK", openai_sdk, at_start=True),
    Client("curl", curl, at_start=True),
    Client("Anthropic SDK", anthropic_sdk),
    Client("Roo Code", cline, tried=False),
    Client("Kilo Code", cline, tried=False),
    Client("Continue.dev", continue_dev, tried=False),
    Client("Claude Desktop", claude_desktop, tried=False),
    Client("opencode", opencode, tried=False),
    Client("aider", aider, tried=False),
)


def paste(url: str, *, key: str = "any", model: str = "your-model") -> str:
    """What is shown at start: for each client its name, and what to paste; a blank line between them."""
    address = Address(url, key, model)
    return "\n\n".join(_shown(client, address) for client in CLIENTS if client.at_start)


def pasted(url: str, *, key: str, model: str) -> list[tuple[str, str]]:
    """For each client its name, and what to paste."""
    address = Address(url, key, model)
    return [(client.name, client.settings(address)) for client in CLIENTS]


def launched(url: str, key: str, command: list[str]) -> tuple[dict[str, str], list[str]]:
    """What a client started as *command* needs to come here: variables, and the command with what it must be told."""
    address = Address(url, key)
    variables = {
        "ANTHROPIC_BASE_URL": address.url,
        "ANTHROPIC_AUTH_TOKEN": address.key,
        "OPENAI_BASE_URL": address.v1,
        "OPENAI_API_BASE": address.v1,
        "OPENAI_API_KEY": address.key,
        "GATEWAY_KEY": address.key,
    }
    program, *arguments = command
    if PurePath(program).name == "codex":  # takes its provider from its own settings only
        settings = {"base_url": address.v1, "env_key": "GATEWAY_KEY", "name": "gateway", "wire_api": "responses"}
        told = [
            'model_provider="gateway"',
            *(f'model_providers.gateway.{name}="{text}"' for name, text in settings.items()),
        ]
        arguments = [*(word for each in told for word in ("-c", each)), *arguments]
    return variables, [program, *arguments]


INSTEAD = ("ANTHROPIC_API_KEY",)  # variables that would win over those above


def _shown(client: Client, address: Address) -> str:
    note = f"  ({client.note})" if client.note else ""
    lines = client.settings(address).splitlines()
    return "\n".join([f"{client.name}{note}", *(f"    {line}" for line in lines)])
