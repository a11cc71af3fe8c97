"""A check of our own for schemathesis, which loads this module: what the document of the API can't tell of options."""

from typing import Any

import schemathesis


@schemathesis.check
def only_options_are_the_lines_affair(ctx: Any, response: Any, case: Any) -> None:
    """What the document allows is refused with 422 for an option that no stage takes, by its place; nothing else is."""
    if response.status_code == 422 and case.meta is not None and case.meta.generation.mode.is_positive:
        places = [each["path"] for each in response.json()["error"]["fields"]]
        assert places, response.text
        assert all(place.startswith("options.") for place in places), places
