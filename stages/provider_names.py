"""Provider names: what OpenTelemetry calls the place where an upstream is (``gen_ai.provider.name``).

Known places by their host; any other goes by the name the operator gave it.
"""

from pipeline.upstream import Upstream

# The ends of hosts, and the names of the GenAI semantic conventions (attributes registry, gen_ai.provider.name).
NAMES = {
    "anthropic.com": "anthropic",
    "openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "deepseek.com": "deepseek",
    "groq.com": "groq",
    "mistral.ai": "mistral_ai",
    "perplexity.ai": "perplexity",
    "x.ai": "x_ai",
}


def provider_name(upstream: Upstream) -> str:
    """The name of *upstream*'s place."""
    host = upstream.origin.host
    return next((name for end, name in NAMES.items() if host == end or host.endswith(f".{end}")), upstream.name)
