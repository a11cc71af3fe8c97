"""Groq: open models, fast.  gpt-oss has levels of effort, Qwen only none and the default; all refuse unknown fields."""

import attrs

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

_GROQ = Family(limit="max_completion_tokens", top_k=False, stops=4, efforts=())
_SWITCHED = attrs.evolve(_GROQ, quiet={"reasoning_effort": "none"}, awake={"reasoning_effort": "default"})

PROVIDER = Provider(
    ways=_GROQ,
    models=(("openai/gpt-oss*", attrs.evolve(_GROQ, efforts=("low", "medium", "high"))), ("qwen/*", _SWITCHED)),
)
