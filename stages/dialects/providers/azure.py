"""Azure OpenAI, its v1 API: OpenAI's, but for the field that carries the key; a model's name is that of a deployment.

    url = "https://RESOURCE.openai.azure.com/openai/v1"

Of a deployment that is not called after its model nothing is known; the newer spellings are taken by all.
"""

from stages.dialects.chat.families import TABLE
from stages.dialects.provider import Provider
from stages.dialects.providers.openai import WAYS, finish
from transports.messages import Headers


def credentials(key: str) -> Headers:
    """The API key."""
    return [(b"api-key", key.encode("latin-1", "replace"))]


PROVIDER = Provider(ways=WAYS, models=TABLE, finish=finish, credentials=credentials)
