"""Ollama, its Chat endpoint: thoughts are ``reasoning`` both ways, and an effort of none is how they are turned off."""

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

PROVIDER = Provider(
    ways=Family(replay="reasoning", top_k=False, efforts=("none", "low", "medium", "high")),
)
