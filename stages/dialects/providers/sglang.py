"""SGLang: as vLLM, but that thoughts go back under the older name."""

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

PROVIDER = Provider(
    ways=Family(
        replay="reasoning_content",
        quiet={"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        awake={"chat_template_kwargs": {"enable_thinking": True, "thinking": True}},
    )
)
