"""Options: settings of stages for one key, held against the line that is to read them.

    {"cache_breakpoints": {"ttl": "2h"}} ─▶ 422  options.cache_breakpoints.ttl: expected '5m' or '1h', got '2h'

Found when a key is made or changed, not when its requests are refused.  Limits are settings of a stage, too: where the
line has no such stage, nothing would keep them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.admin.refusal import Field, Refused
from pipeline.loading import Built
from pipeline.overlay import faults

LIMITS = "limits"  # the stage that reads them from a key's options


def check(built: Built, options: Mapping[str, Any], limits: Sequence[Any]) -> None:
    """See that *options* and *limits* of a key make sense in the line of *built*.  Raises Refused (422)."""
    stages = built.optional
    others = {name: table for name, table in options.items() if name != LIMITS}
    wrong = [Field(f"options.{place}", text) for place, text in faults(others, stages)]
    if limits and LIMITS not in dict(stages):
        wrong.append(Field("limits", f"the line has no stage called {LIMITS}, so that nothing would keep them"))
    if wrong:
        raise Refused(422, "invalid", "; ".join(f"{each.path}: {each.message}" for each in wrong), wrong=wrong)
