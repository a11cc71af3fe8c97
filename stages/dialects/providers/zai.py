"""Z.ai: GLM.  Thinking is on or off; thoughts that go back are kept in mind; usage comes unasked."""

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

PROVIDER = Provider(
    ways=Family(
        top_k=False,
        stops=1,
        efforts=(),
        replay="reasoning_content",
        quiet={"thinking": {"type": "disabled"}},
        awake={"thinking": {"type": "enabled"}},
    ),
    refused=("parallel_tool_calls",),
    forced="never",
    usage=False,
)
