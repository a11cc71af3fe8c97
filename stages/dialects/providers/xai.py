"""xAI: Grok.  Which models take an effort differs; its reasoning can be replayed through Responses only."""

import attrs

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

_GROK = Family(top_k=False, strict=True, efforts=("none", "low", "medium", "high"))
_ALWAYS = attrs.evolve(_GROK, efforts=(), awake={}, stops=0)  # reasons, and refuses stops with the effort

PROVIDER = Provider(
    ways=_GROK,
    models=(
        ("grok-3-mini*", attrs.evolve(_GROK, efforts=("low", "high"))),
        ("grok-3*", attrs.evolve(_GROK, efforts=())),
        ("grok-4-*", _ALWAYS),
        ("grok-4", _ALWAYS),
        ("grok-code*", _ALWAYS),
    ),
)
