"""Azure OpenAI, its dated API: each deployment has a path of its own, and every request names a version.

url   = "https://RESOURCE.openai.azure.com/openai/deployments"
query = { api-version = "2024-10-21" }
                                  ─▶  /openai/deployments/MODEL/chat/completions?api-version=2024-10-21
"""

from urllib.parse import quote

import attrs

from pipeline.dialect import Route
from pipeline.prompt import Prompt
from stages.dialects.chat.routes import upstream_path
from stages.dialects.provider import Provider
from stages.dialects.providers import azure


def path(operation: str, prompt: Prompt) -> str:
    """Where *operation* lives below /openai: replies below the deployment, all else as ever."""
    below = upstream_path(operation, prompt)
    return f"/deployments/{quote(prompt.model, safe='')}{below}" if operation == "reply" else below


PROVIDER: Provider = attrs.evolve(
    azure.PROVIDER,
    path=path,
    routes=(Route("POST", "/v1/deployments", "relay"),),
)
