"""DeepSeek (v4): thinks unless told not to, and wants its thoughts back with every turn of calls, if only as "".

Its levels of effort are three; it takes the other words for the nearest of them.  Sampling is ignored while it thinks.
"""

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

PROVIDER = Provider(
    ways=Family(
        top_k=False,
        stops=16,
        efforts=("minimal", "low", "medium", "high", "xhigh", "max"),
        replay="reasoning_content",
        replay_always=True,
        quiet={"thinking": {"type": "disabled"}},
        awake={"thinking": {"type": "enabled"}},
    ),
    forced="resting",
)
