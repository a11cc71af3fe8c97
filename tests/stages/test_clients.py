"""Clients: what is pasted leads here, in the form each takes."""

import json
import tomllib

import pytest

from stages.clients import CLIENTS, Address, Client, aider, codex, opencode, paste

ADDRESS = Address("http://127.0.0.1:4096", "gw-key", "some-model")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_client_is_told_address_and_key(client: Client) -> None:
    """With exactly one /v1 where it appends only the endpoint, and none where it appends that itself."""
    text = client.settings(ADDRESS)
    own = client.name in ("Claude Code", "Anthropic SDK", "Claude Desktop")
    assert "gw-key" in text
    assert (ADDRESS.v1 in text) is not own
    assert f"{ADDRESS.v1}/v1" not in text


def test_the_brief_s_clients_are_there() -> None:
    """Five at start, the others for the README."""
    assert [client.name for client in CLIENTS if client.at_start] == [
        "Claude Code",
        "Cline",
        "Codex",
        "OpenAI SDK",
        "curl",
    ]
    assert {client.name for client in CLIENTS if not client.at_start} == {
        "Anthropic SDK",
        "Roo Code",
        "Kilo Code",
        "Continue.dev",
        "Claude Desktop",
        "opencode",
        "aider",
    }


def test_files_can_be_read_by_who_reads_them() -> None:
    """TOML for Codex, JSON for opencode."""
    provider = tomllib.loads(codex(ADDRESS))["model_providers"]["gateway"]
    assert (provider["base_url"], provider["wire_api"]) == (ADDRESS.v1, "responses")
    tree = json.loads(opencode(ADDRESS))
    assert tree["provider"]["gateway"]["options"] == {"baseURL": ADDRESS.v1, "apiKey": "gw-key"}
    assert tree["model"] == "gateway/some-model"
    assert aider(ADDRESS).endswith("--model openai/some-model")


def test_what_is_shown_at_start() -> None:
    """A heading and an indented block for each, with what it must know before."""
    blocks = paste("http://h:1", key="k", model="m").split("\n\n")
    assert [block.partition("\n")[0].partition("  (")[0] for block in blocks] == [
        client.name for client in CLIENTS if client.at_start
    ]
    assert all(line.startswith("    ") for block in blocks for line in block.splitlines()[1:])
