"""Weight: what one unit of a prompt holds, by kind of content; the same for every model.

Words are tokens of o200k_base, the one published vocabulary of a current family; others cut the same text into so many
times as many pieces, which is a model's factor.
"""

import attrs


@attrs.frozen
class Picture:
    """A picture's size in pixels (0 where its header can't be read) and the detail that was asked for."""

    width: int = 0
    height: int = 0
    detail: str = "auto"


@attrs.frozen
class Weight:
    """What a unit holds."""

    words: int = 0  # tokens of what is said, called and answered
    thoughts: int = 0  # tokens of reasoning that goes along
    written: int = 0  # tokens of a tool, as JSON
    declared: int = 0  # tokens of a tool, as a declaration
    pages: int = 0  # of files that are shown page by page
    pictures: tuple[Picture, ...] = ()
    asks: bool = False  # a turn of the user's own, after which earlier thoughts are done with
