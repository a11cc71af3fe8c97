"""vLLM: any model behind a template.  Whether it thinks is a variable of the template, and templates call it two names.

Effort stays a word of its own, for the models that know it; the others ignore it.
"""

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

PROVIDER = Provider(
    ways=Family(
        replay="reasoning",
        quiet={"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        awake={"chat_template_kwargs": {"enable_thinking": True, "thinking": True}},
    )
)
