"""Cap tokens: nobody asks for more output than this.

[[stages]]
use = "stages.examples.cap_tokens:stage"
after = "thinking_suffix"
most = 8000
"""

import attrs

from pipeline.exchange import Exchange

FIELDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")  # Messages and Chat, Chat, Responses


@attrs.frozen
class CapTokens:
    """Lower what is asked for to *most* tokens; a request that names no bound stays without."""

    most: int

    changes = frozenset(f"prompt.{field}" for field in FIELDS)

    def __call__(self, exchange: Exchange) -> None:
        """Look at each field by which a dialect bounds the reply."""
        for field in FIELDS:
            asked = exchange.prompt.get(field)
            if isinstance(asked, int) and asked > self.most:
                exchange.prompt.set(
                    field, to=self.most, why=f"replies are limited to {self.most} tokens here", lossy=True
                )


stage = CapTokens
