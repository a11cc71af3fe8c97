"""DashScope: Qwen.  Whether it thinks is a field of its own."""

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

PROVIDER = Provider(
    ways=Family(efforts=(), quiet={"enable_thinking": False}, awake={"enable_thinking": True}),
)
